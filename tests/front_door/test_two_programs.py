"""Two programs at one board: one of them always completes, and neither records what the other has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import crosscal
from crosscal.core.errors import BoardConnectionError, DisturbedError, IncompatibleBoardError
from crosscal.core.run_file import read_run
from crosscal.drivers import Board
from crosscal.simulated_bench import Bench, BenchServer, serve_tcp
from crosscal.training import CollectionPlan, collect
from crosscal.training.collecting.board_description import BoardDescription
from crosscal.training.collecting.collection import measure_matrix

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
PLAN = CollectionPlan(matrices=3, vectors=20, seed=5)
GROUPS = {
    "lock": ("PROG", "READBACK", "SEQ", "TEMP", "SIM", "LOCK"),
    "no lock": ("PROG", "READBACK", "SEQ", "SIM"),
}


def small_bench(*, groups: tuple[str, ...] = GROUPS["lock"]) -> Bench:
    return Bench.from_profile("lab-16x12", board={"capabilities": list(groups)})


@pytest.fixture(params=list(GROUPS))
def server(request: pytest.FixtureRequest) -> Iterator[BenchServer]:
    with serve_tcp(small_bench(groups=GROUPS[request.param])) as serving:
        yield serving


def open_board(server: BenchServer) -> Board:
    return crosscal.open_board(server.resource, backend="@py")


def start_collect(server: BenchServer, path: Path, seed: int) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "crosscal",
        "collect",
        server.resource,
        "--backend",
        "@py",
        "--matrices",
        "8",
    ]
    command += ["--vectors", "20", "--seed", str(seed), "-o", str(path)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT
    )


def test_of_two_collections_at_once_each_records_its_own_currents_alone(tmp_path: Path) -> None:
    with serve_tcp(small_bench()) as server:
        runs = [
            (start_collect(server, tmp_path / f"{seed}.h5", seed), tmp_path / f"{seed}.h5") for seed in (1, 2)
        ]
        outputs = [process.communicate(timeout=120)[0] for process, _ in runs]
        codes = [process.returncode for process, _ in runs]
    assert 0 in codes, outputs
    for code, output, (_, path) in zip(codes, outputs, runs, strict=True):
        if code:
            assert (code, "in use by 127.0.0.1:" in output) == (1, True), output
            continue
        run = read_run(path)
        # The bench tells the truth: each matrix was measured while its own target stood in the array.
        error = run.true_conductance_s / run.target_s - 1
        assert np.abs(error).max() < 0.2


def disturbing(board: Board, jobs: list[Callable[[], object]]) -> Callable[[object], object]:
    """Let another client do its jobs, one after each programming of a matrix."""
    program = board.program

    def programmed(target_s: object) -> object:
        report = program(target_s)  # pyright: ignore[reportArgumentType]
        if jobs:
            jobs.pop(0)()
        return report

    return programmed


@pytest.mark.parametrize("times", [1, 2])
def test_a_matrix_that_another_client_disturbed_is_measured_again(
    server: BenchServer, tmp_path: Path, times: int
) -> None:
    locking = "LOCK" in server.board.hardware.facts.capabilities
    with open_board(server) as board, open_board(server) as other:
        other_s = np.full(board.shape, 3e-5)
        # Anyone may switch outputs off, always; without a lock anyone may also set another target.
        job = (
            (lambda: other.send("OUTP OFF"))
            if locking
            else (lambda: other._session.exchange(*target(other_s)))
        )
        object.__setattr__(board, "program", disturbing(board, [job] * times))
        assert collect(board, tmp_path / "run.h5", PLAN).finished == PLAN.matrices
    run = read_run(tmp_path / "run.h5")
    assert np.abs(run.true_conductance_s / run.target_s - 1).max() < 0.2


def target(matrix_s: np.ndarray) -> tuple[bytes, ...]:
    from crosscal.drivers.scpi.arrays import array_command

    return array_command(b":ARR:COND:TARG", matrix_s)


def test_a_setting_that_another_client_changed_ends_the_collection_and_nothing_wrong_is_recorded(
    tmp_path: Path,
) -> None:
    bench = small_bench(groups=GROUPS["no lock"])
    with serve_tcp(bench) as server, open_board(server) as board, open_board(server) as other:
        jobs: list[Callable[[], object]] = [lambda: None, lambda: setattr(other, "aperture_s", 5e-3)]
        object.__setattr__(board, "program", disturbing(board, jobs))
        with pytest.raises(DisturbedError, match="SENS:CURR:APER"):
            collect(board, tmp_path / "run.h5", PLAN)
    assert len(read_run(tmp_path / "run.h5").target_s) == 1


def test_a_board_in_use_is_told_with_the_address_of_its_user(tmp_path: Path) -> None:
    with serve_tcp(small_bench()) as server, open_board(server) as board, open_board(server) as other:
        in_use = pytest.raises(BoardConnectionError, match=r"in use by 127\.0\.0\.1:\d+")
        with other.undisturbed(), in_use, board.undisturbed(wait_s=0.1):
            pass
        assert collect(board, tmp_path / "run.h5", PLAN).finished == PLAN.matrices


# A port is not believed


class Distorted:
    """A board's port of somebody else's, with one thing wrong in its readings."""

    def __init__(self, board: Board, distort: Callable[[np.ndarray], np.ndarray]) -> None:
        self._board = board
        self._distort = distort

    def __getattr__(self, name: str) -> object:
        return getattr(self._board, name)

    def read(self, voltage_v: np.ndarray) -> object:
        from dataclasses import replace

        readout = self._board.read(voltage_v)
        return replace(readout, current_a=self._distort(readout.current_a.copy()))


def with_nan(current_a: np.ndarray) -> np.ndarray:
    current_a[3, 2] = np.nan
    return current_a


@pytest.mark.parametrize(
    ("distort", "finding"),
    [
        (with_nan, "1 readings that are no numbers, with status 0"),
        (lambda current_a: 1e6 * current_a, "times conductance × voltage"),
        (lambda current_a: 1e-3 * current_a, "times conductance × voltage"),
        (lambda current_a: current_a[:, ::-1], "columns in reverse order"),
        (lambda current_a: -current_a, "opposite sign"),
    ],
    ids=["nan", "microampere", "milli", "mirrored", "sign"],
)
def test_readings_that_cannot_be_the_currents_of_the_matrix_are_not_collected(
    tmp_path: Path, distort: Callable[[np.ndarray], np.ndarray], finding: str
) -> None:
    with serve_tcp(small_bench()) as server, open_board(server) as board:
        port = Distorted(board, distort)
        with pytest.raises(IncompatibleBoardError, match=finding):
            collect(port, tmp_path / "run.h5", PLAN)  # pyright: ignore[reportArgumentType]
        assert measure_matrix(board, PLAN.resolved(description(board)), 0).current_a.shape == (
            20,
            board.shape[1],
        )


def description(board: Board) -> BoardDescription:
    return BoardDescription.of(board)
