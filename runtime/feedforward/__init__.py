"""Reads in one pass, current to calibrated current: the kernels of `affine` and `concatsquash`."""
