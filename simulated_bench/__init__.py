"""Simulated board: devices, wires, the circuit they form, and the instrument.

Names are imported on first use (see `__init__.pyi`), so that a part is paid for only where it is needed: the
circuit's kernels take a second to load, a settings file nothing.
"""

from crosscal.core.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
