"""Collecting: what is asked of the board, what is recorded, and what a cut leaves behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.random_board import RandomBoard, RandomBoardPort

from crosscal.core.errors import BoardTimeoutError, InputError, RangeError, RunFileError
from crosscal.core.readout import Status
from crosscal.core.run_file import read_run
from crosscal.training import CollectionPlan, CollectionProgress, Measurements, collect

PLAN = CollectionPlan(matrices=5, vectors=8, inputs="random:5,dc:3", seed=3)


@pytest.fixture
def board() -> RandomBoard:
    return RandomBoard.drawn(4, 3, np.random.default_rng(8))


def interrupted_after(count: int, error: BaseException) -> RandomBoardPort:
    def stop(programmed: int) -> None:
        if programmed == count:
            raise error

    board = RandomBoard.drawn(4, 3, np.random.default_rng(8))
    return RandomBoardPort(board, before_program=stop)


def test_targets_are_uniform_in_what_plan_and_board_both_allow(tmp_path: Path) -> None:
    board = RandomBoard.drawn(12, 20, np.random.default_rng(8))
    collect(RandomBoardPort(board), tmp_path / "run.h5", CollectionPlan(matrices=20, vectors=1, seed=3))
    target_s = read_run(tmp_path / "run.h5").target_s
    low_s, high_s = 20e-6, 90e-6
    assert target_s.min() >= low_s
    assert target_s.max() <= high_s
    # Mean and spread of 4800 uniform draws, five standard errors.
    error = 5 / np.sqrt(target_s.size)
    assert target_s.mean() == pytest.approx((low_s + high_s) / 2, abs=error * (high_s - low_s) / np.sqrt(12))
    assert target_s.std() == pytest.approx((high_s - low_s) / np.sqrt(12), rel=error)


def test_everything_measured_is_recorded_with_the_truth(tmp_path: Path, board: RandomBoard) -> None:
    port = RandomBoardPort(board)
    outcome = collect(port, tmp_path / "run.h5", PLAN)
    run = read_run(tmp_path / "run.h5")
    assert (run.plan.inputs, run.plan.seed, run.plan.identity) == ("random:5,dc:3", 3, port.identity)
    assert run.settings == port.settings()
    np.testing.assert_array_equal(run.target_s, port.programmed)
    assert run.true_conductance_s is not None
    np.testing.assert_allclose(run.true_conductance_s, 1.01 * run.target_s, rtol=1e-15)
    noiseless = board.currents_a(run.target_s[2], run.voltage_v[2], np.zeros((8, 3)))
    assert np.abs(run.current_a[2] - noiseless).max() < 5 * board.noise_a
    assert outcome == CollectionProgress(finished=5, total=5, readings=120, unusable=0, cells_failed=10)
    assert np.isnan(run.temperature_c).all()


def test_hardware_has_no_truth_to_record(tmp_path: Path, board: RandomBoard) -> None:
    collect(RandomBoardPort(board, capabilities=frozenset({"PROG"})), tmp_path / "run.h5", PLAN)
    assert read_run(tmp_path / "run.h5").true_conductance_s is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BoardTimeoutError("stopped answering")])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, error: BaseException) -> None:
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    collect(interrupted_after(99, error), whole, PLAN)
    with pytest.raises(type(error)):
        collect(interrupted_after(2, error), cut, PLAN)
    assert read_run(cut).target_s.shape == (2, 4, 3)
    seen: list[CollectionProgress] = []
    port = interrupted_after(99, error)
    collect(port, cut, PLAN, resume=True, progress=seen.append)
    assert len(port.programmed) == 3
    assert [state.finished for state in seen] == [2, 3, 4, 5]
    expected, resumed = read_run(whole), read_run(cut)
    for name in ("target_s", "voltage_v", "current_a", "status", "true_conductance_s", "range_a"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(resumed, name), err_msg=name)


def test_resuming_a_finished_run_asks_nothing_of_the_board(tmp_path: Path, board: RandomBoard) -> None:
    collect(RandomBoardPort(board), tmp_path / "run.h5", PLAN)
    port = RandomBoardPort(board)
    assert collect(port, tmp_path / "run.h5", PLAN, resume=True).finished == 5
    assert port.programmed == []


def test_without_resume_an_existing_run_is_never_touched(tmp_path: Path, board: RandomBoard) -> None:
    path = tmp_path / "run.h5"
    collect(RandomBoardPort(board), path, PLAN)
    before = path.read_bytes()
    with pytest.raises(RunFileError, match="exists already"):
        collect(RandomBoardPort(board), path, PLAN)
    assert path.read_bytes() == before


def test_resuming_with_another_range_of_conductances_is_refused(tmp_path: Path, board: RandomBoard) -> None:
    path = tmp_path / "run.h5"
    with pytest.raises(KeyboardInterrupt):
        collect(interrupted_after(2, KeyboardInterrupt()), path, PLAN)
    other = CollectionPlan(
        matrices=5, vectors=8, inputs=PLAN.inputs, seed=3, conductance_range_s=(30e-6, 60e-6)
    )
    with pytest.raises(RunFileError, match="conductance_range_s"):
        collect(RandomBoardPort(board), path, other, resume=True)
    assert read_run(path).target_s.shape[0] == 2


def test_saturated_and_missing_readings_are_stored_with_their_status_counted_and_never_learned_from(
    tmp_path: Path, board: RandomBoard
) -> None:
    port = RandomBoardPort(board, full_scale_a=5e-5)
    outcome = collect(port, tmp_path / "run.h5", PLAN)
    run = read_run(tmp_path / "run.h5")
    over = (run.status & int(Status.OVER_RANGE)) != 0
    assert 0 < outcome.unusable == over.sum() < over.size
    np.testing.assert_array_equal(np.abs(run.current_a[over]), 5e-5)
    usable = Measurements.from_run(run).usable
    np.testing.assert_array_equal(usable, ~over.any(axis=2))


def test_a_dead_amplifier_makes_every_vector_unusable(tmp_path: Path, board: RandomBoard) -> None:
    outcome = collect(RandomBoardPort(board, dead_columns=(1,)), tmp_path / "run.h5", PLAN)
    run = read_run(tmp_path / "run.h5")
    assert outcome.unusable == 5 * 8
    assert np.isnan(run.current_a[:, :, 1]).all()
    assert not Measurements.from_run(run).usable.any()


def test_a_board_that_reaches_no_conductance_asked_for_is_refused(tmp_path: Path, board: RandomBoard) -> None:
    plan = CollectionPlan(matrices=1, vectors=1, seed=1, conductance_range_s=(1e-6, 2e-6))
    with pytest.raises(RangeError, match=r"what the board reaches, 2e-05 to 9e-05"):
        collect(RandomBoardPort(board), tmp_path / "run.h5", plan)
    assert not (tmp_path / "run.h5").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrices": 0}, "matrices = 0"),
        ({"vectors": 0}, "vectors = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"inputs": "loud"}, "'loud'"),
        ({"conductance_range_s": (2e-5, 1e-5)}, "low before high"),
        ({"conductance_range_s": (float("nan"), 1e-5)}, "low before high"),
    ],
)
def test_an_impossible_plan_is_refused_at_once(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CollectionPlan(**{"matrices": 2, "vectors": 2, "seed": 1, **arguments})


def test_one_vector_is_read_again_and_again_on_the_first_matrix_alone(tmp_path: Path, board) -> None:
    plan = replace(PLAN, repeats=30)
    collect(RandomBoardPort(board), tmp_path / "run.h5", plan)
    run = read_run(tmp_path / "run.h5")
    repeats = run.repeats
    assert repeats is not None
    assert repeats.current_a.shape == (30, 3)
    assert (run.voltage_v[0] == repeats.voltage_v).all(axis=1).any()
    ideal_a = board.currents_a(run.target_s[0], repeats.voltage_v[None], np.zeros((1, 3)))
    assert np.abs(repeats.current_a - ideal_a).max() < 5 * board.noise_a
    assert 0.0 < repeats.reading_s <= repeats.spacing_s
    plain = tmp_path / "plain.h5"
    collect(RandomBoardPort(board), plain, PLAN)
    assert read_run(plain).repeats is None
    np.testing.assert_array_equal(read_run(plain).target_s, run.target_s)


def test_repeats_before_their_time_are_refused() -> None:
    with pytest.raises(RangeError, match="0 or more"):
        replace(PLAN, repeats_after_s=-1.0)
