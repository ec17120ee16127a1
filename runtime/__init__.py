"""Everything that runs next to the board, on numpy, numba and onnxruntime alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosscal.runtime.board_recalibration import (
        BoardRecalibration,
        RecalibrationPlan,
        recalibrate_on_board,
    )
    from crosscal.runtime.calibrator import Calibrator
    from crosscal.runtime.calibrator_file import write_calibrator, write_recalibrated
    from crosscal.runtime.correction import Uncertain
    from crosscal.runtime.inverse import Inverse, InverseTensors
    from crosscal.runtime.metadata import CalibratorMetadata
    from crosscal.runtime.probes import Probes
    from crosscal.runtime.programmed import ProgrammedCalibrator
    from crosscal.runtime.recalibration_belief import ColumnBelief, Depth
    from crosscal.runtime.recalibration_report import RecalibrationReport
    from crosscal.runtime.recalibration_vectors import informative_vectors
    from crosscal.runtime.tiles import ProgrammedTiles, TiledCalibrator

_HOMES = {
    "BoardRecalibration": "board_recalibration",
    "Calibrator": "calibrator",
    "CalibratorMetadata": "metadata",
    "ColumnBelief": "recalibration_belief",
    "Depth": "recalibration_belief",
    "Inverse": "inverse",
    "InverseTensors": "inverse",
    "Probes": "probes",
    "ProgrammedCalibrator": "programmed",
    "ProgrammedTiles": "tiles",
    "RecalibrationPlan": "board_recalibration",
    "RecalibrationReport": "recalibration_report",
    "TiledCalibrator": "tiles",
    "informative_vectors": "recalibration_vectors",
    "recalibrate_on_board": "board_recalibration",
    "Uncertain": "correction",
    "write_calibrator": "calibrator_file",
    "write_recalibrated": "calibrator_file",
}
__all__ = [
    "BoardRecalibration",
    "Calibrator",
    "CalibratorMetadata",
    "ColumnBelief",
    "Depth",
    "Inverse",
    "InverseTensors",
    "Probes",
    "ProgrammedCalibrator",
    "ProgrammedTiles",
    "RecalibrationPlan",
    "RecalibrationReport",
    "TiledCalibrator",
    "Uncertain",
    "informative_vectors",
    "recalibrate_on_board",
    "write_calibrator",
    "write_recalibrated",
]


def __getattr__(name: str) -> Any:
    """Import on first use: who writes a calibrator file need not wait for onnxruntime."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"crosscal.runtime.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'crosscal.runtime' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
