"""What a collection refuses, before the board or a file has been touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosscal.commands.benches.simulated_board import linear_gaussian_reference
from crosscal.core.errors import RangeError, RunFileError
from crosscal.core.port import CrossbarPort
from crosscal.core.run_file import read_run
from crosscal.pytest_plugin import BenchForTest
from crosscal.training import CollectionPlan, CollectionProgress, collect

PLAN = CollectionPlan(matrices=3, vectors=10, seed=1, voltage_range_v=(0.1, 0.5))


class Interrupted(Exception):
    """Stands for whatever ends a collection."""


def begin(board: CrossbarPort, path: Path) -> None:
    def stop_after_one(state: CollectionProgress) -> None:
        if state.finished == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        collect(board, path, PLAN, progress=stop_after_one)


@pytest.mark.parametrize(
    ("setting", "value", "header"), [("averages", 16, "COUN"), ("aperture_s", 1e-4, "APER")]
)
def test_a_run_is_not_resumed_with_other_settings_of_the_board(
    crosscal_bench: BenchForTest, tmp_path: Path, setting: str, value: float, header: str
) -> None:
    path = tmp_path / "run.h5"
    with crosscal_bench.open_board() as board:
        begin(board, path)
        before = getattr(board, setting)
        setattr(board, setting, value)
        with pytest.raises(RunFileError, match=header):
            collect(board, path, PLAN, resume=True)
        setattr(board, setting, before)
        assert collect(board, path, PLAN, resume=True).finished == 3


def test_inputs_beyond_the_protection_are_refused_before_anything_is_programmed(
    crosscal_bench: BenchForTest, tmp_path: Path
) -> None:
    with crosscal_bench.open_board() as board:
        board.protection_v = 0.2
        conductance_s = board.simulation.true_conductance_s()
        with pytest.raises(RangeError, match=r"0\.2 V"):
            collect(board, tmp_path / "run.h5", PLAN)
        np.testing.assert_array_equal(board.simulation.true_conductance_s(), conductance_s)
    assert not list(tmp_path.glob("*.h5"))


def test_averaging_lowers_the_linear_gaussian_reference_of_a_run(
    crosscal_bench: BenchForTest, tmp_path: Path
) -> None:
    references = []
    for averages in (1, 100):
        path = tmp_path / f"run{averages}.h5"
        with crosscal_bench.open_board() as board:
            board.averages = averages
            collect(board, path, PLAN)
        references.append(linear_gaussian_reference("lab-16x12", read_run(path)).mean())
    assert references[1] < references[0]
