"""Board with a Python API: the class to derive from, its facts, its checks, and write-verify by pulses."""

PYTHON = "python:"
"""Prefix of resources that a Python callable opens."""
