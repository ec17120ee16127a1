"""Mapping of a network to codes of cells and ranges of converters."""
