"""Boards without noise that have more rows than columns: reads settle although readings say all they can."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import crosscal
from crosscal.training import Measurements, TrainingPlan, export_calibrator, train

ROWS, COLUMNS = 12, 8


def measured(matrices: int, rng: np.random.Generator) -> Measurements:
    """Bent cells and lines that lose a part, exact to the last digit; no circuit that training knows."""
    conductance_s = rng.uniform(16.6e-6, 100e-6, (matrices, ROWS, COLUMNS))
    voltage_v = rng.uniform(0.1, 0.5, (matrices, 60, ROWS))
    bent_v = voltage_v + 0.8 * voltage_v**3
    straight_a = bent_v @ conductance_s
    return Measurements(
        conductance_s=conductance_s,
        voltage_v=voltage_v,
        current_a=straight_a / (1.0 + 20.0 * conductance_s.sum(axis=1))[:, None],
        usable=np.ones((matrices, 60), dtype=bool),
    )


def test_a_tall_board_without_noise_is_learned_exported_and_read(tmp_path: Path) -> None:
    data = measured(6, np.random.default_rng(3))
    result = train(TrainingPlan(calibrator="structured", seed=1), data.of_matrices(slice(0, 5)))
    export_calibrator(result, tmp_path / "tall.onnx")
    programmed = crosscal.load_calibrator(tmp_path / "tall.onnx").program(data.conductance_s[5])
    found_a, deviation_a = programmed.with_uncertainty(data.current_a[5])
    ideal_a = data.ideal_a[5]
    nmse = np.mean((found_a - ideal_a) ** 2) / ideal_a.var(axis=0).mean()
    assert nmse < 0.03  # inputs that eight readings of twelve do not tell apart leave about half of that
    assert np.isfinite(deviation_a).all()
    assert (deviation_a > 0).all()
