"""Netlists of the same array for ngspice."""
