"""Compiled kernels of the circuit solvers."""
