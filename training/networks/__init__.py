"""Networks on crossbars: read, mapped, trained, planned, run and reported.

Names are imported on first use (see `__init__.pyi`): torch is loaded when something needs it.
"""

from crosscal.core.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
