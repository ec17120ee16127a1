"""Two programs at one board: one of them always completes, and neither records what the other has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import crosscal
from crosscal.commands import recalibrate
from crosscal.commands.jobs.measuring import Measuring
from crosscal.core.errors import BoardConnectionError, DisturbedError, IncompatibleBoardError
from crosscal.core.run_file import read_run
from crosscal.drivers import Board
from crosscal.runtime.board_check.check import CheckPlan, check_board
from crosscal.simulated_bench import Bench, BenchServer, serve_tcp
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, collect, export_calibrator, train
from crosscal.training.collecting.board_description import BoardDescription
from crosscal.training.collecting.matrix_measurement import measure_matrix

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


# Jobs of several calls


def interference(server: BenchServer, other: Board) -> Callable[[], object]:
    """Give another client's change: outputs off, which a lock admits; without one, another target."""
    if "LOCK" in server.board.hardware.facts.capabilities:
        return lambda: other.send("OUTP OFF")
    return lambda: other._session.exchange(*target(np.full(other.shape, 3e-5)))


@pytest.fixture(scope="module")
def calibrator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrator")
    with serve_tcp(small_bench()) as serving, open_board(serving) as board:
        collect(board, folder / "run.h5", CollectionPlan(matrices=4, vectors=40, seed=2))
    data = Measurements.from_run(read_run(folder / "run.h5"))
    export_calibrator(train(TrainingPlan(calibrator="affine", seed=1), data), folder / "affine.onnx")
    return folder / "affine.onnx"


def disturbed_reads(board: Board, jobs: list[Callable[[], object]]) -> None:
    """Let another client do its jobs, one after each reading: outputs are on then, and go off by a job."""
    read = board.read

    def done(voltage_v: np.ndarray) -> object:
        readout = read(voltage_v)
        if jobs:
            jobs.pop(0)()
        return readout

    object.__setattr__(board, "read", done)


def ignore(state: object) -> None:
    """Take a report that no test looks at."""


def recalibrated(server: BenchServer, calibrator: Path, output: Path) -> BaseException | None:
    """Run the command here, so that a test can step between its calls; its error."""
    arguments = [server.resource, str(calibrator), "--backend", "@py", "--vectors", "8", "--verify", "4"]
    return CliRunner().invoke(recalibrate.command, [*arguments, "-o", str(output)]).exception


def test_a_recalibration_that_another_client_disturbed_is_not_written(
    server: BenchServer, calibrator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = recalibrate.recalibrate_with_bar
    with open_board(server) as other:
        other.program(np.full(other.shape, 5e-5))
        interfere = interference(server, other)

        def measured(*given: Any) -> Any:
            done = measure(*given)
            interfere()
            return done

        monkeypatch.setattr(recalibrate, "recalibrate_with_bar", measured)
        assert isinstance(recalibrated(server, calibrator, tmp_path / "new.onnx"), DisturbedError)
        assert not (tmp_path / "new.onnx").exists()
        monkeypatch.setattr(recalibrate, "recalibrate_with_bar", measure)
        assert not isinstance(recalibrated(server, calibrator, tmp_path / "new.onnx"), DisturbedError)


def test_a_check_that_another_client_disturbed_finds_nothing(server: BenchServer) -> None:
    with open_board(server) as board, open_board(server) as other:
        board.program(np.full(board.shape, 5e-5))
        plan = CheckPlan(voltage_range_v=(0.0, 0.3), program=True)
        disturbed_reads(board, [interference(server, other)])
        with pytest.raises(DisturbedError):
            check_board(board, plan)
        assert check_board(board, plan)


def test_a_matrix_that_another_client_disturbed_during_a_calibration_is_measured_again(
    server: BenchServer, tmp_path: Path
) -> None:
    with open_board(server) as board, open_board(server) as other:
        plan = PLAN.resolved(description(board))
        disturbed_reads(board, [interference(server, other)])
        with Measuring(board, tmp_path / "run.h5", plan, ignore, ignore) as measuring:
            programmed = recorded_targets(board)
            measuring.until(plan.matrices).result()
            assert len(programmed) == plan.matrices + 1
    np.testing.assert_array_equal(programmed[0], programmed[1])
    run = read_run(tmp_path / "run.h5")
    assert np.abs(run.true_conductance_s / run.target_s - 1).max() < 0.2


def recorded_targets(board: Board) -> list[np.ndarray]:
    """Keep what is programmed from now on."""
    program, programmed = board.program, []

    def recording(target_s: np.ndarray) -> object:
        programmed.append(target_s)
        return program(target_s)

    object.__setattr__(board, "program", recording)
    return programmed


@pytest.mark.parametrize("interfered", [False, True])
def test_a_calibration_restores_the_matrix_it_found_but_not_over_that_of_another_client(
    server: BenchServer, tmp_path: Path, interfered: bool
) -> None:
    outcomes: list[bool | None] = []
    with open_board(server) as board, open_board(server) as other:
        found_s, other_s = np.full(board.shape, 5e-5), np.full(board.shape, 3e-5)
        board.program(found_s)
        plan = PLAN.resolved(description(board))
        with Measuring(board, tmp_path / "run.h5", plan, ignore, outcomes.append) as measuring:
            measuring.until(1).result()
            if interfered:
                other.program(other_s)
        np.testing.assert_array_equal(board.target_s, other_s if interfered else found_s)
    assert outcomes == [not interfered]


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
