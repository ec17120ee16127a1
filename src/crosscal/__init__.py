"""Calibration of memristor crossbars: `open_board`, `load_calibrator`, and the command line."""

from crosscal.core.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
__version__ = "0.1.0"
