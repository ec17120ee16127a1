"""Upkeep of a calibration: verification, sentinels, recalibration, refreshment before reads."""
