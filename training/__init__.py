"""Learns a calibrator from measured runs, exports it, and says how good it is.

Names are imported on first use (see `__init__.pyi`): collecting needs no torch, evaluating no trainer.
"""

from crosscal.core.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
