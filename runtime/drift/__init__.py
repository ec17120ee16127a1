"""Drift of a programmed matrix: sentinel vectors, sequential tests on whitened residuals, and diagnosis."""

from crosscal.core.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
