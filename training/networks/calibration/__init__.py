"""Calibration of a programmed network's tiles from their own readings."""
