"""What a collection refuses, before the board or a file has been touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosscal.commands.benches.simulated_board import linear_gaussian_reference, succession
from crosscal.core.errors import RangeError, RunFileError
from crosscal.core.port import CrossbarPort
from crosscal.core.run_file import Run, read_run
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


AGED = pytest.mark.crosscal_bench("pcm-24x32", array={"rows": 4, "columns": 6})


def run_on_an_aged_board(crosscal_bench: BenchForTest, path: Path) -> tuple[Run, float]:
    """Measure a matrix a day after it was programmed, warm, and give the reference of that very board."""
    with crosscal_bench.open_board() as board:
        program = board.program

        def programmed_a_day_before(target_s: np.ndarray) -> object:
            report = program(target_s)
            board.simulation.advance_time(86_400.0)
            board.simulation.set_temperature(45.0)
            return report

        object.__setattr__(board, "program", programmed_a_day_before)
        collect(board, path, CollectionPlan(matrices=1, vectors=10, seed=1))
        run = read_run(path)
        assert run.true_conductance_s is not None
        truth = crosscal_bench.bench.linear_gaussian_reference(
            run.target_s[0],
            run.true_conductance_s[0],
            run.voltage_v[0, :8],
            float(run.range_a[0]),
            prior_sigma_v=float(np.sqrt(run.voltage_v[0].var(axis=0).mean())),
            among=succession(run, 0),
        )
    return run, truth


def bench_file(folder: Path) -> str:
    path = folder / "bench.toml"
    path.write_text('profile = "pcm-24x32"\narray = { rows = 4, columns = 6 }\n', encoding="utf-8")
    return str(path)


@AGED
def test_the_reference_of_a_run_is_that_of_the_board_as_it_was(
    crosscal_bench: BenchForTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, truth = run_on_an_aged_board(crosscal_bench, tmp_path / "run.h5")
    assert run.cell_age_s is not None
    np.testing.assert_allclose(run.cell_age_s, 86_400.0)
    # The same circuit solved twice: the solver's tolerance.
    assert linear_gaussian_reference(bench_file(tmp_path), run)[0] == pytest.approx(truth, rel=1e-6)
    assert "how old" not in capsys.readouterr().err


@AGED
def test_a_run_that_does_not_tell_its_ages_is_taken_as_fresh_with_a_word(
    crosscal_bench: BenchForTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, truth = run_on_an_aged_board(crosscal_bench, tmp_path / "run.h5")
    old = replace(run, written_s=None, cell_age_s=None)
    # Without 1/f noise, which is a good part of the noise of phase-change cells, the board looks better.
    assert linear_gaussian_reference(bench_file(tmp_path), old)[0] < 0.9 * truth
    assert "does not tell how old its cells were" in capsys.readouterr().err
