"""Calibrators of every kind that folds, each with its ONNX session: what exported C is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
from calibrator_models import affine_model, concatsquash_model
from support.random_board import RandomBoard

import crosscal
from crosscal.core.array_types import Currents, Matrix
from crosscal.runtime import Calibrator
from crosscal.runtime.file_format.calibrator_file import seal_calibrator
from crosscal.training import TrainingPlan, export_calibrator, train

SHIPPED = Path(crosscal.__file__).parent / "shipped" / "demo.onnx"
ALLOWED = {"affine": 1e-6, "concatsquash": 1e-6, "structured": 1e-5, "whitebox": 1e-5}
"""Largest difference from ONNX, in parts of the largest current, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A calibrator, its file, and plain onnxruntime on the same file."""

    calibrator: Calibrator
    content: bytes
    session: onnxruntime.InferenceSession
    board: RandomBoard

    def onnx(self, matrix_s: Matrix, current_a: Currents) -> Currents:
        given = {"conductance": matrix_s.astype(np.float32), "current": current_a.astype(np.float32)}
        return self.session.run(["calibrated"], given)[0]

    def measured(self, vectors: int, seed: int) -> tuple[Matrix, Currents]:
        """A fresh matrix in single precision, and measured currents of it."""
        data = self.board.measured(1, vectors, np.random.default_rng(seed))
        return data.conductance_s[0].astype(np.float32).astype(np.float64), data.current_a[0].astype(
            np.float32
        )


@cache
def specimen(kind: str, rows: int, columns: int) -> Specimen:
    """One of each kind; `affine` and `concatsquash` of random numbers, which are hard on rounding."""
    return _trained(kind, rows, columns) if kind not in _BUILDERS else _built(kind, rows, columns)


@cache
def trained(kind: str, rows: int, columns: int) -> Specimen:
    """A calibrator of any kind that has learned its board, with all that it knows of readings."""
    return _trained(kind, rows, columns)


@cache
def shipped() -> Specimen:
    return _specimen(SHIPPED.read_bytes(), RandomBoard.drawn(12, 16, np.random.default_rng(12)))


_BUILDERS = {"affine": affine_model, "concatsquash": concatsquash_model}


def _built(kind: str, rows: int, columns: int) -> Specimen:
    rng = np.random.default_rng([rows, columns])
    model = _BUILDERS[kind](rows, columns, rng)
    # Of the random board's currents none is refused.
    wide = {"current_range_a": (0.0, rows * 5e-5)}
    content = seal_calibrator(model.content, model.metadata(np.random.default_rng(2), **wide))
    return _specimen(content, RandomBoard.drawn(rows, columns, rng))


@cache
def _trained(kind: str, rows: int, columns: int) -> Specimen:
    rng = np.random.default_rng([rows, columns])
    board = RandomBoard.drawn(rows, columns, rng)
    options = {"vectors": 192} if kind == "structured" else {}
    result = train(
        TrainingPlan(calibrator=kind, seed=1, options=options),
        board.measured(8, 60, rng),
        validation=board.measured(2, 40, rng),
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "board.onnx"
        export_calibrator(result, path)
        return _specimen(path.read_bytes(), board)


def _specimen(content: bytes, board: RandomBoard) -> Specimen:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return Specimen(
        calibrator=Calibrator.from_bytes(content, origin="specimen"),
        content=content,
        session=onnxruntime.InferenceSession(content, options),
        board=board,
    )
