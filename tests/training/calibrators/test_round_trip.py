"""Every registered calibrator, on a board whose truth it does not know, must make fresh matrices better."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import numpy as np
import pytest
import torch
from support.random_board import RandomBoard

from crosscal.training import (
    GraphFacts,
    GraphWriter,
    Measurements,
    Stage,
    TrainableCalibrator,
    TrainingPlan,
    calibrate,
    calibrator_names,
    fit_affine,
    score,
    train,
)

ROWS, COLUMNS = 6, 5


@cache
def specimen(seed: int) -> tuple[Measurements, Measurements]:
    """What a hidden board answers on training matrices and on fresh ones."""
    rng = np.random.default_rng([seed, 77])
    board = RandomBoard.drawn(ROWS, COLUMNS, rng)
    return board.measured(60, 30, rng), board.measured(20, 60, rng)


def nmse(estimate_a: np.ndarray, data: Measurements) -> float:
    return score(estimate_a, data.ideal_a, data.usable, full_scale_a=1e-3).nmse


@cache
def calibrated_nmse(name: str, seed: int) -> float:
    learnt, fresh = specimen(seed)
    result = train(TrainingPlan(calibrator=name, seed=seed, max_epochs=20), learnt)
    return nmse(calibrate(result.calibrator, fresh.conductance_s, fresh.current_a), fresh)


class DoNothing(TrainableCalibrator):
    """What the contract must fail."""

    name: ClassVar[str] = "do nothing"

    def prepare(self, data: Measurements, rng: np.random.Generator) -> None:
        pass

    def stages(self) -> tuple[Stage, ...]:
        return ()

    def forward(self, conductance_s: torch.Tensor, current_a: torch.Tensor) -> torch.Tensor:
        del conductance_s
        return current_a

    def write_graph(self, graph: GraphWriter) -> GraphFacts:
        graph.node("Identity", ["current"], "calibrated")
        return GraphFacts()


def assert_fulfils_contract(name: str, seed: int) -> None:
    """Fresh matrices come out with less than half the squared error of doing nothing."""
    _, fresh = specimen(seed)
    before, after = nmse(fresh.current_a, fresh), calibrated_nmse(name, seed)
    assert after < 0.5 * before


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", calibrator_names())
def test_fresh_matrices_of_a_hidden_board_come_out_better(name: str, seed: int) -> None:
    assert_fulfils_contract(name, seed)


def test_a_calibrator_that_does_nothing_fails_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("fitting.trainer", "fitting.plan"):
        monkeypatch.setattr(f"crosscal.training.{module}.calibrator_class", lambda _: DoNothing)
    with pytest.raises(AssertionError):
        assert_fulfils_contract("do nothing", 1)


def test_concatsquash_beats_gain_and_offset_fitted_on_eight_known_vectors_of_each_fresh_matrix() -> None:
    _, fresh = specimen(1)
    ideal_a = fresh.ideal_a
    fits = [fit_affine(fresh.current_a[k, :8], ideal_a[k, :8]) for k in range(fresh.matrices)]
    affine_a = np.stack([fit(fresh.current_a[k]) for k, fit in enumerate(fits)])
    assert calibrated_nmse("concatsquash", 1) < nmse(affine_a, fresh)
