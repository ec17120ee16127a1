"""Comparison of calibrators over a suite of boards."""
