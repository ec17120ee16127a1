"""The white box as a calibrator: trained, exported, run folded, and honest about what it found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.random_board import RandomBoard

from crosscal.runtime import Calibrator
from crosscal.training import TrainingPlan, train
from crosscal.training.calibrators.whitebox.calibrator import Whitebox
from crosscal.training.fitting.export import export_calibrator

ROWS, COLUMNS = 6, 9


@pytest.fixture(scope="module")
def board() -> RandomBoard:
    return RandomBoard.drawn(ROWS, COLUMNS, np.random.default_rng(40))


@pytest.fixture(scope="module")
def trained(board):
    data = board.measured(24, 40, np.random.default_rng(41))
    return train(TrainingPlan(calibrator="whitebox", seed=42), data)


@pytest.fixture(scope="module")
def loaded(trained, tmp_path_factory) -> Calibrator:
    path = Path(tmp_path_factory.mktemp("whitebox")) / "whitebox.onnx"
    export_calibrator(trained, path)
    return Calibrator.load(path)


def test_file_tells_the_resistances_with_their_standard_errors(board, trained):
    facts = trained.calibrator.circuit_facts()
    assert facts["fits"]
    for name in ("row", "column"):
        value, error = facts[f"{name}_ohm"]
        truth = getattr(board.wires, f"{name}_ohm")
        # Gains that do not average to one bend all resistances by that factor; here by up to two percent.
        assert abs(value - truth) < 4 * error + 0.03 * truth


def test_fresh_matrices_are_read_far_better_and_with_honest_deviations(board, loaded):
    fresh = board.measured(5, 60, np.random.default_rng(43))
    before, after, ratios = [], [], []
    for k in range(5):
        programmed = loaded.program(fresh.conductance_s[k])
        wrong_a = programmed(fresh.current_a[k]) - fresh.ideal_a[k]
        before.append(np.mean((fresh.current_a[k] - fresh.ideal_a[k]) ** 2))
        after.append(np.mean(wrong_a**2))
        reading = programmed.correction.read(fresh.current_a[k])
        ratios.append(wrong_a / reading.deviation_a)
    assert np.mean(after) < 2e-3 * np.mean(before)
    assert 0.7 < np.std(ratios) < 1.4


def test_the_file_carries_the_residual_test(trained, loaded):
    circuit = loaded.metadata.normalisation["circuit"]
    assert circuit["fits"] is True
    assert circuit["residual_test"] == trained.calibrator.findings()[0]
    assert "fits" in circuit["residual_test"]


def test_a_board_that_does_not_fit_is_reported(board):
    data = board.measured(24, 40, np.random.default_rng(44))
    gamma = (data.conductance_s / data.conductance_s.mean() - 1.0) ** 6
    data.current_a[:] += 1e-4 * np.einsum("knm,kvn->kvm", gamma, data.voltage_v**2)
    calibrator = Whitebox((ROWS, COLUMNS))
    calibrator.prepare(data, np.random.default_rng(45))
    assert not calibrator.verdict.fits
    (finding,) = calibrator.findings()
    assert "does not fit" in finding
    assert "train `structured`" in finding
    assert calibrator.circuit_facts()["fits"] is False
