"""Recalibration of a programmed matrix from a few known vectors."""
