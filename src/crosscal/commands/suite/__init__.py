"""Comparison of calibrators on a suite of simulated boards."""
