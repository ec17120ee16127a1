"""Calibrates the currents of memristor crossbars: `open_board`, `load_calibrator`, and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosscal.front_door import load_calibrator, open_board

__all__ = ["load_calibrator", "open_board"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import on first use: a bench script pays only for the room it enters."""
    if name in __all__:
        from crosscal import front_door

        return getattr(front_door, name)
    raise AttributeError(f"module 'crosscal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
