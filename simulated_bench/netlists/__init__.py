"""The same array for ngspice."""
