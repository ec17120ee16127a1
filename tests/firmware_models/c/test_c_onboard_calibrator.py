"""The whole journey on a board in the emulator: measured, learned, exported, on board, and recalibrated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from serial_client import SerialClient

import crosscal
from crosscal.command_line import crosscal as command_line
from crosscal.firmware_models.emulator import EmulatedBoard, Firmware, missing_tools

pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    bool(missing_tools()), reason=f"{' and '.join(missing_tools()) or 'nothing'} missing on this machine"
)

ROWS, COLUMNS = 6, 4
LOWEST_V, HIGHEST_V = 0.05, 0.55
NOT_A_NUMBER = 9.91e37
NOT_CALIBRATED = 8
IN_DOUBT = 256


def run(*arguments: str | Path) -> str:
    """Run a command of crosscal that must succeed."""
    done = CliRunner().invoke(command_line, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


@dataclass(frozen=True)
class Journey:
    """What is left of collecting, training and exporting.

    Attributes:
        calibrator: the file. matrix: the target's. firmware: with the calibrator on board.
    """

    calibrator: Path
    matrix: Path
    firmware: Path


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    folder = tmp_path_factory.mktemp("journey")
    target = folder / "target.npy"
    np.save(target, np.random.default_rng(3).uniform(2e-5, 9e-5, (ROWS, COLUMNS)))
    bare = folder / "bare.elf"
    Firmware(rows=ROWS, columns=COLUMNS, sinh=True).build(bare)
    with EmulatedBoard(bare, folder / "port") as board:
        run(
            "collect",
            board.resource,
            "--matrices",
            "12",
            "--vectors",
            "24",
            "--seed",
            "1",
            "-o",
            folder / "run.h5",
        )
    run("train", folder / "run.h5", "--calibrator", "affine", "--seed", "1", "-o", folder / "b7.onnx")
    run(
        "export-c",
        folder / "b7.onnx",
        "--matrix",
        target,
        "-o",
        folder / "b7.h",
        "--name",
        "b7",
        "--self-test",
    )
    elf = folder / "calibrated.elf"
    Firmware(rows=ROWS, columns=COLUMNS, sinh=True, header=folder / "b7.h", name="b7").build(elf)
    return Journey(folder / "b7.onnx", target, elf)


@pytest.fixture
def board(journey: Journey, tmp_path: Path) -> Iterator[crosscal.Board]:
    """The board with its calibrator, programmed with the calibrator's matrix."""
    with (
        EmulatedBoard(journey.firmware, tmp_path / "port") as emulated,
        crosscal.open_board(emulated.resource) as opened,
    ):
        opened.program(np.load(journey.matrix))
        opened.output_on = True
        tell(opened, "FORM ASC", "SENS:CURR:RANG 1e-3")
        yield opened


def tell(board: crosscal.Board, *commands: str) -> None:
    for command in commands:
        board.send(command)


def currents(board: crosscal.Board, *commands: str) -> np.ndarray:
    """What the last command answers, which is a query."""
    tell(board, *commands[:-1])
    return np.array([float(value) for value in board.query(commands[-1]).split(",")])


def vectors(count: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(LOWEST_V, HIGHEST_V, (count, ROWS))


def test_calibrated_currents_are_what_the_host_makes_of_the_measured_ones(
    journey: Journey, board: crosscal.Board
) -> None:
    programmed = crosscal.load_calibrator(journey.calibrator).program(np.load(journey.matrix))
    assert "CAL" in board.query("SYST:CAP?").split(",")
    assert board.query("CAL:STAT?") == "0"
    for voltage_v in vectors(10):
        board.send("SOUR:VOLT:LIST " + ",".join(map(repr, voltage_v.tolist())))
        measured_a = currents(board, "CAL:STAT OFF", "READ?")
        calibrated_a = currents(board, "CAL:STAT ON", "FETC?")
        assert not np.array_equal(measured_a, calibrated_a)
        wanted_a = programmed(measured_a)
        assert np.max(np.abs(calibrated_a - wanted_a)) <= 1e-6 * np.max(np.abs(wanted_a))
    assert board.query("FETC:STAT?") == "0,0,0,0"
    assert board.query("STAT:QUES:COND?") == "0"
    assert board.query("SYST:ERR:COUN?") == "0"


def test_trace_is_calibrated_point_by_point(journey: Journey, board: crosscal.Board) -> None:
    programmed = crosscal.load_calibrator(journey.calibrator).program(np.load(journey.matrix))
    flat = ",".join(map(repr, vectors(20).ravel().tolist()))
    tell(board, f"SOUR:SEQ:DATA {flat}", "INIT", "*WAI")
    measured_a = currents(board, "TRAC:DATA? 1,20").reshape(20, COLUMNS)
    calibrated_a = currents(board, "CAL:STAT ON", "TRAC:DATA? 1,20").reshape(20, COLUMNS)
    assert np.max(np.abs(calibrated_a - programmed(measured_a))) <= 1e-6 * np.max(np.abs(calibrated_a))
    assert currents(board, "TRAC:UNC? 20,1").tolist() == [NOT_A_NUMBER] * COLUMNS


def test_its_own_test_passes_on_the_target(board: crosscal.Board) -> None:
    assert float(board.query("CAL:AGE?")) == NOT_A_NUMBER
    assert board.query("CAL?") == "0"
    assert 0.0 <= float(board.query("CAL:AGE?")) < 60.0


def test_reading_that_cannot_be_calibrated_is_no_number(journey: Journey, tmp_path: Path) -> None:
    target = ",".join(map(repr, np.load(journey.matrix).ravel().tolist()))
    with EmulatedBoard(journey.firmware, tmp_path / "port") as board, SerialClient(board.resource) as client:

        def ask(message: str) -> list[str]:
            client.send(message.encode() + b"\n")
            return client.read_line().decode().split(";")

        client.send(f"*CLS;:ARR:COND:TARG {target};:ARR:PROG;*WAI;:OUTP ON;:SENS:CURR:RANG 1e-5\n".encode())
        client.send(f"SOUR:VOLT:LIST {','.join(['0.3'] * ROWS)};:INIT;*WAI;*CLS;:CAL:STAT ON\n".encode())
        values, status, condition, error = ask("FETC?;:FETC:STAT?;:STAT:QUES:COND?;:SYST:ERR?")
        assert [float(value) for value in values.split(",")] == [NOT_A_NUMBER] * COLUMNS
        assert all(int(bits) & NOT_CALIBRATED for bits in status.split(","))
        assert int(condition) & IN_DOUBT
        assert error == '105,"Reading not calibrated"'
        # In a range that holds it, the same vector is calibrated.
        values, condition = ask("SENS:CURR:RANG 1e-3;:READ?;:STAT:QUES:COND?")
        assert all(abs(float(value)) < 1e-3 for value in values.split(","))
        assert not int(condition) & IN_DOUBT
        # The state is each client's own: nobody's *RST touches it.
        assert ask("*RST;:CAL:STAT?") == ["1"]


def test_recalibrate_drives_it_unchanged(journey: Journey, tmp_path: Path) -> None:
    with EmulatedBoard(journey.firmware, tmp_path / "port") as emulated:
        with crosscal.open_board(emulated.resource) as opened:
            opened.program(np.load(journey.matrix))
            opened.simulation.advance_time(1e5)
        new = tmp_path / "new.onnx"
        run("recalibrate", emulated.resource, journey.calibrator, "--matrix", journey.matrix, "-o", new)
        programmed = [
            crosscal.load_calibrator(path).program(np.load(journey.matrix))
            for path in (journey.calibrator, new)
        ]
        with crosscal.open_board(emulated.resource) as opened:
            opened.output_on = True
            measured_a = opened.measure(vectors(16))
    ideal_a = vectors(16) @ np.load(journey.matrix)
    before, after = (float(np.sqrt(np.mean((p(measured_a) - ideal_a) ** 2))) for p in programmed)
    assert after < 0.7 * before
