"""Memcapacitive crossbars, read by charge."""
