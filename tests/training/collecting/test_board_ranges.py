"""Ranges of a collection: the board's own unless they are given, and what is drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.random_board import RandomBoard, RandomBoardPort

from crosscal.core.errors import InputError, RangeError, ShapeError
from crosscal.core.run_file import read_run
from crosscal.training import CollectionPlan, collect


def collected(tmp_path: Path, **plan) -> np.ndarray:
    port = RandomBoardPort(RandomBoard.drawn(6, 4, np.random.default_rng(8)))
    plan = CollectionPlan(**({"matrices": 30, "vectors": 12, "seed": 1} | plan))
    collect(port, tmp_path / "run.h5", plan)
    return read_run(tmp_path / "run.h5")


def test_defaults_are_the_boards_limits_and_protection_and_stand_in_the_file(tmp_path: Path) -> None:
    run = collected(tmp_path)
    assert run.plan.conductance_range_s == (20e-6, 90e-6)
    assert run.plan.voltage_range_v == (0.0, 0.5)
    assert run.plan.draw == "uniform"
    assert run.voltage_v.min() < 0.01
    assert run.voltage_v.max() > 0.49


def test_given_ranges_are_drawn_from_and_recorded(tmp_path: Path) -> None:
    run = collected(tmp_path, conductance_range_s=(30e-6, 50e-6), voltage_range_v=(-0.2, 0.1))
    assert run.plan.conductance_range_s == (30e-6, 50e-6)
    assert run.plan.voltage_range_v == (-0.2, 0.1)
    assert 30e-6 <= run.target_s.min() < 31e-6 < 49e-6 < run.target_s.max() <= 50e-6
    assert -0.2 <= run.voltage_v.min() < -0.19 < 0.09 < run.voltage_v.max() <= 0.1


def test_a_log_uniform_draw_is_uniform_in_the_logarithm(tmp_path: Path) -> None:
    log_s = np.log(collected(tmp_path, draw="log-uniform", matrices=200).target_s)
    low, high = np.log(20e-6), np.log(90e-6)
    error = 5 / np.sqrt(log_s.size)
    assert log_s.mean() == pytest.approx((low + high) / 2, abs=error * (high - low) / np.sqrt(12))
    assert log_s.std() == pytest.approx((high - low) / np.sqrt(12), rel=error)


def test_levels_are_equally_likely(tmp_path: Path) -> None:
    levels_s, counts = np.unique(
        collected(tmp_path, draw="levels:25uS,40uS,90uS", matrices=200).target_s, return_counts=True
    )
    np.testing.assert_allclose(levels_s, [25e-6, 40e-6, 90e-6])
    np.testing.assert_allclose(counts / counts.sum(), 1 / 3, atol=5 * 0.5 / np.sqrt(counts.sum()))


def test_a_fraction_of_the_cells_is_off_and_the_others_fill_the_range(tmp_path: Path) -> None:
    target_s = collected(tmp_path, draw="off:0.9", matrices=200).target_s
    off = target_s == 20e-6
    assert off.mean() == pytest.approx(0.9, abs=5 * 0.3 / np.sqrt(off.size))
    assert target_s[~off].mean() == pytest.approx(55e-6, rel=0.1)


def test_given_matrices_and_vectors_are_used_in_turn_and_recorded_by_their_digest(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    matrices_s, vectors_v = rng.uniform(20e-6, 90e-6, (2, 6, 4)), rng.uniform(0.0, 0.3, (5, 6))
    run = collected(tmp_path, matrices=3, vectors=4, matrices_s=matrices_s, vectors_v=vectors_v)
    np.testing.assert_array_equal(run.target_s, matrices_s[[0, 1, 0]])
    np.testing.assert_array_equal(run.voltage_v.reshape(12, 6), vectors_v[np.arange(12) % 5])
    assert run.plan.draw.startswith("given:")
    assert run.plan.inputs.startswith("given:")
    assert run.plan.voltage_range_v == (vectors_v.min(), vectors_v.max())


@pytest.mark.parametrize(
    ("plan", "error", "words"),
    [
        ({"conductance_range_s": (10e-6, 90e-6)}, RangeError, "2e-05 to 9e-05 S"),
        ({"conductance_range_s": (20e-6, 91e-6)}, RangeError, "2e-05 to 9e-05 S"),
        ({"voltage_range_v": (0.0, 0.51)}, RangeError, "protection"),
        ({"voltage_range_v": (-0.6, 0.1)}, RangeError, "protection"),
        ({"voltage_range_v": (0.1, 0.1)}, RangeError, "low before high"),
        ({"draw": "levels:1uS,50uS"}, RangeError, "levels"),
        ({"draw": "gauss"}, InputError, "log-uniform"),
        ({"draw": "levels:25uS"}, InputError, "levels:1uS,100uS"),
        ({"draw": "off:1.5"}, InputError, "off:0.9"),
        ({"draw": "off:0.9@10V"}, InputError, "off:0.9@0S"),
        ({"matrices_s": np.full((2, 4, 6), 5e-5)}, ShapeError, r"\(6, 4\)"),
        ({"matrices_s": np.full((2, 6, 4), np.nan)}, ShapeError, "finite"),
        ({"matrices_s": np.full((2, 6, 4), 5e-4)}, RangeError, "2e-05 to 9e-05 S"),
        ({"vectors_v": np.full((2, 4), 0.1)}, ShapeError, r"\(6,\)"),
        ({"vectors_v": np.full((2, 6), 0.7)}, RangeError, "protection"),
    ],
)
def test_ranges_that_the_board_does_not_reach_are_refused_before_anything_is_programmed(
    tmp_path: Path, plan: dict, error: type, words: str
) -> None:
    port = RandomBoardPort(RandomBoard.drawn(6, 4, np.random.default_rng(8)))
    with pytest.raises(error, match=words):
        collect(
            port, tmp_path / "run.h5", CollectionPlan(**({"matrices": 2, "vectors": 3, "seed": 1} | plan))
        )
    assert port.programmed == []
    assert not list(tmp_path.iterdir())
