"""Append-only, crash-safe history of a board's calibrations, sentinel readings, temperatures and events."""

from crosscal.core.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
