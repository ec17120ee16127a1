"""Board with a Python API: the class to derive from, its facts, its checks, and write-verify by pulses."""
