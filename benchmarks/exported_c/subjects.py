"""Calibrators of every kind on a made-up board, for `benchmarks/export_c.py`."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import numpy as np

from crosscal.runtime import Calibrator
from crosscal.simulated_bench import Sinh, Wires, solve_currents
from crosscal.training import Measurements, TrainingPlan, export_calibrator, train

Shape = tuple[int, int]
KINDS = ("affine", "concatsquash", "structured", "whitebox")
ALLOWED = {"affine": 1e-6, "concatsquash": 1e-6, "structured": 1e-5, "whitebox": 1e-5}

_MATRICES, _HELD, _VECTORS = 12, 3, 60
_NOISE_A = 1e-7
_OPTIONS = {"structured": {"vectors": 384}}


class Subjects:
    """Trains what is not in its folder yet."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def path(self, kind: str, shape: Shape) -> Path:
        """File of a calibrator, trained on first use."""
        path = self._folder / f"{kind}_{shape[0]}x{shape[1]}.onnx"
        if not path.exists():
            began = time.perf_counter()
            rng = np.random.default_rng([1, *shape])
            plan = TrainingPlan(calibrator=kind, seed=1, options=_OPTIONS.get(kind, {}))
            data = measured(shape, _MATRICES, _VECTORS, rng)
            result = train(plan, data, validation=measured(shape, _HELD, _VECTORS, rng))
            export_calibrator(result, path)
            print(f"trained {path.name} in {time.perf_counter() - began:.0f} s", flush=True)
        return path

    @cache  # noqa: B019 (one object, to the end of the program)
    def calibrator(self, kind: str, shape: Shape) -> Calibrator:
        """Load one."""
        return Calibrator.load(self.path(kind, shape))


def measured(shape: Shape, matrices: int, vectors: int, rng: np.random.Generator) -> Measurements:
    """Measure fresh matrices of the board of that size with fresh vectors."""
    rows, columns = shape
    board = np.random.default_rng([2, rows, columns])
    gain, offset_a = 1 + 0.02 * board.standard_normal(columns), 1e-6 * board.standard_normal(columns)
    wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
    device = Sinh(a_pos=0.25, b_pos=4.0, a_neg=0.28, b_neg=4.1)
    conductance_s = (
        rng.uniform(16.6e-6, 100e-6, (matrices, rows, columns)).astype(np.float32).astype(np.float64)
    )
    voltage_v = rng.uniform(0.1, 0.5, (matrices, vectors, rows))
    true_a = np.stack(
        [
            solve_currents(g, v, wires=wires, device=device)
            for g, v in zip(conductance_s, voltage_v, strict=True)
        ]
    )
    return Measurements(
        conductance_s=conductance_s,
        voltage_v=voltage_v,
        current_a=gain * true_a + offset_a + _NOISE_A * rng.standard_normal(true_a.shape),
        usable=np.ones((matrices, vectors), dtype=bool),
    )
