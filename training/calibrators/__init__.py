"""Calibrators that can be trained, and the registry of their names."""
