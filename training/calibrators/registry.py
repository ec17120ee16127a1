"""Calibrators by name; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from crosscal.core.errors import InputError, wanted

if TYPE_CHECKING:
    # Only the names are needed to offer a choice of them; importing torch takes seconds.
    from crosscal.training.calibrators.calibrator import TrainableCalibrator

_CLASSES = {
    "affine": "crosscal.training.calibrators.affine:Affine",
    "concatsquash": "crosscal.training.calibrators.concatsquash.calibrator:ConcatSquash",
    "structured": "crosscal.training.calibrators.structured.calibrator:Structured",
    "whitebox": "crosscal.training.calibrators.whitebox.calibrator:Whitebox",
}


AUTO = "auto"
"""Name that stands for the calibrator chosen by the data, see `fitting.automatic`."""


def calibrator_names() -> tuple[str, ...]:
    """Names that `calibrator_class` knows."""
    return tuple(_CLASSES)


def calibrator_class(name: str) -> type[TrainableCalibrator]:
    """Find a calibrator by its name.

    Raises:
        InputError: no calibrator has that name.
    """
    if name not in _CLASSES:
        raise InputError(
            wanted(
                got=f"calibrator {name!r}",
                allowed=", ".join(_CLASSES),
                remedy="choose one of them with --calibrator",
            )
        )
    module, _, attribute = _CLASSES[name].partition(":")
    return getattr(import_module(module), attribute)
