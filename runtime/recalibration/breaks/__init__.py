"""Broken cells and lines: found in readings, and named."""
