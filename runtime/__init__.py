"""Everything that runs next to the board, on numpy, numba and onnxruntime alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosscal.runtime.calibrator import Calibrator
    from crosscal.runtime.calibrator_file import write_calibrator
    from crosscal.runtime.inverse import Inverse, InverseTensors
    from crosscal.runtime.metadata import CalibratorMetadata
    from crosscal.runtime.probes import Probes
    from crosscal.runtime.programmed import ProgrammedCalibrator

_HOMES = {
    "Calibrator": "calibrator",
    "CalibratorMetadata": "metadata",
    "Inverse": "inverse",
    "InverseTensors": "inverse",
    "Probes": "probes",
    "ProgrammedCalibrator": "programmed",
    "write_calibrator": "calibrator_file",
}
__all__ = [
    "Calibrator",
    "CalibratorMetadata",
    "Inverse",
    "InverseTensors",
    "Probes",
    "ProgrammedCalibrator",
    "write_calibrator",
]


def __getattr__(name: str) -> Any:
    """Import on first use: who writes a calibrator file need not wait for onnxruntime."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"crosscal.runtime.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'crosscal.runtime' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
