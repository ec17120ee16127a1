"""Reads by way of the inputs: the kernels and the uncertainty of `structured` and `whitebox`."""
