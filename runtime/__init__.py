"""Everything that runs next to the board, on numpy, numba and onnxruntime alone."""

from crosscal.core.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
