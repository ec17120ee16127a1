"""`crosscal recalibrate`: learn from a few known vectors what a board has become, and write that down."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich.console import Console

from crosscal.commands.files.arrays import read_matrix
from crosscal.commands.files.output import require_output_file
from crosscal.commands.terminal.interrupt import interruptible
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.commands.terminal.recalibration_table import (
    describe_changes,
    describe_readings,
    verification_table,
)
from crosscal.core.array_types import Matrix
from crosscal.core.errors import CalibratorFileError, IncompatibleBoardError, InputError, RangeError, wanted
from crosscal.front_door import load_calibrator, open_board
from crosscal.runtime import (
    BoardRecalibration,
    ProgrammedCalibrator,
    RecalibrationPlan,
    recalibrate_on_board,
    write_recalibrated,
)

if TYPE_CHECKING:
    from crosscal.drivers import Board
    from crosscal.runtime import Calibrator

NOT_VERIFIED = 3
"""Exit code for a recalibration that was worse on the verification vectors."""


@click.command("recalibrate")
@click.argument("resource")
@click.argument("calibrator", type=click.Path(path_type=Path))
@click.option("--backend", help="PyVISA backend: @py, bench.toml@crosscal, …  [default: PyVISA's own]")
@click.option(
    "--vectors",
    type=click.IntRange(1, 4096),
    default=32,
    show_default=True,
    help="Known vectors to learn from.",
)
@click.option(
    "--verify",
    "verification",
    type=click.IntRange(2),
    default=16,
    show_default=True,
    help="Further vectors to verify on.",
)
@click.option(
    "--matrix",
    "matrix_file",
    type=click.Path(path_type=Path),
    help="Target matrix, .npy or text with commas, in siemens.  [default: what the board says it holds]",
)
@click.option("--program", is_flag=True, help="Program --matrix first.")
@click.option(
    "--inputs",
    "voltage_range_v",
    type=(float, float),
    metavar="LOW HIGH",
    help="Range of the inputs in volts.  [default: what the calibrator was trained on]",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Draws the vectors.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Recalibrated ONNX file to write."
)
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
@click.option("--timeout", "timeout_s", type=float, help="Seconds to wait for a reply's first byte.")
def command(
    resource: str,
    calibrator: Path,
    backend: str | None,
    vectors: int,
    verification: int,
    matrix_file: Path | None,
    program: bool,
    voltage_range_v: tuple[float, float] | None,
    seed: int,
    output: Path,
    force: bool,
    timeout_s: float | None,
) -> None:
    """Learn what the board at RESOURCE has become since CALIBRATOR was made, and write a new file.

    Cells that were programmed inexactly or have drifted, amplifiers whose gain or offset has moved: a few
    vectors that are applied on purpose, and therefore known, tell. The matrix on the board stays as it is,
    unless --program asks for another. Saturated and missing readings are left out and counted. How far to go,
    the evidence decides: nothing, gain and offset of each column, or every cell. Then other vectors verify
    that the result is no worse; if it is, nothing is written.

    The new file remembers which target it was recalibrated for. Programmed with that target, it is exact
    again; with another, `structured` and `whitebox` keep what belongs to the amplifiers, and `affine` and
    `concatsquash` calibrate as they were trained. Recalibrating the new file builds on what it knows.

    \b
    crosscal recalibrate TCPIP::192.168.1.7::5025::SOCKET b7.onnx --backend @py -o b7-today.onnx
    crosscal recalibrate ASRL/dev/ttyACM0::INSTR b7.onnx --vectors 128 -o b7-today.onnx
    crosscal recalibrate ASRL1::INSTR b7.onnx --matrix g.npy --program --vectors 64 -o b7-g.onnx

    Eight vectors already help; twice as many as the board has rows leave little more to learn.

    Exit codes: 0 written, 1 an error that is explained, 2 wrong usage, 3 worse on the verification vectors
    and therefore not written, 130 interrupted.
    """
    require_output_file(output, force=force)
    target_s = None if matrix_file is None else read_matrix(matrix_file)
    if program and target_s is None:
        raise click.UsageError("--program needs --matrix, the matrix to program")
    with console.status(f"loading {calibrator}"):
        loaded = load_calibrator(calibrator)
    _require_crosscal_file(loaded, calibrator)
    with open_board(resource, backend=backend, timeout_s=timeout_s) as board:
        console.print(f"{board.identity}: {board.shape[0]} rows, {board.shape[1]} columns")
        _require_same_board(loaded, board)
        programmed = _programmed(loaded, board, target_s, program=program)
        plan = RecalibrationPlan(
            vectors=vectors,
            verification=verification,
            voltage_range_v=_input_range(programmed, board, voltage_range_v),
        )
        temperature_c = board.temperature_c
        rng = np.random.default_rng([seed, _recalibration_count(loaded)])
        done = _recalibrate_with_bar(board, programmed, plan, rng)
        identity = board.identity
    console.print(describe_readings(done.report, plan))
    console.print(f"evidence: {describe_changes(done.report)}")
    Console().print(verification_table(done))
    if not done.verified:
        console.print(
            f"[yellow]worse on the verification vectors: {output} is not written, {calibrator} stays as it "
            "is; measure more vectors, or look at the board"
        )
        click.get_current_context().exit(NOT_VERIFIED)
    facts = _history_entry(done, plan, identity, temperature_c, seed)
    with console.status(f"writing and checking {output}"):
        write_recalibrated(output, calibrator, done.calibrator, facts=facts)
    console.print(f"wrote {output}: {done.calibrator.kind}, recalibrated: {done.calibrator.level}")


def _require_crosscal_file(calibrator: Calibrator, path: Path) -> None:
    """Refuse a file that could not hold what is going to be learned, before anything is measured."""
    if calibrator.metadata is None:
        raise CalibratorFileError(
            wanted(
                got=f"{path}, a model of another maker",
                allowed="a calibrator file of crosscal, which has a place for what is learned",
                remedy="train one (crosscal train)",
            )
        )


def _require_same_board(calibrator: Calibrator, board: Board) -> None:
    """Refuse a calibrator of another size, or one that knows another board's amplifiers."""
    if any(ours not in (None, theirs) for ours, theirs in zip(calibrator.shape, board.shape, strict=True)):
        raise IncompatibleBoardError(
            wanted(
                got=f"a board of {board.shape[0]}×{board.shape[1]}",
                allowed=f"one of {calibrator.shape[0]}×{calibrator.shape[1]}, as the calibrator",
                remedy="use the calibrator of this board",
            )
        )
    record = calibrator.recalibration
    known = [] if record is None else [entry.get("board") for entry in record.history]
    if known and known[-1] != board.identity:
        raise IncompatibleBoardError(
            wanted(
                got=f"{board.identity}",
                allowed=f"{known[-1]}, the board that this file was recalibrated on",
                remedy="use the file as it was trained, or the one that was recalibrated on this board",
            )
        )


def _recalibration_count(calibrator: Calibrator) -> int:
    """How often it was recalibrated: each time draws other vectors, which say more than the same again."""
    return 0 if calibrator.recalibration is None else len(calibrator.recalibration.history)


def _programmed(
    calibrator: Calibrator, board: Board, given_s: Matrix | None, *, program: bool
) -> ProgrammedCalibrator:
    """Settle which target the board holds; the calibrator is compiled before anything is programmed."""
    tells = "PROG" in board.capabilities
    if given_s is None and not tells:
        raise InputError(
            wanted(
                got="a board that cannot tell its target",
                allowed="one that can, or the matrix that it holds",
                remedy="give that with --matrix",
            )
        )
    target_s = board.target_s if given_s is None else given_s
    with console.status("compiling the calibrator for the target"):
        programmed = calibrator.program(target_s)
    if program:
        with console.status("programming"):
            report = board.program(target_s)
        if report.cells_failed:
            console.print(f"[yellow]{report.cells_failed} cells did not reach their target")
    elif given_s is not None and tells and not np.array_equal(_single(board.target_s), _single(given_s)):
        raise InputError(
            wanted(
                got="a --matrix that differs from the target the board holds",
                allowed="that target",
                remedy="leave --matrix out to recalibrate what is programmed, or add --program",
            )
        )
    return programmed


def _single(matrix: Matrix) -> np.ndarray:
    """As boards with 32-bit numbers send it."""
    return np.asarray(matrix, dtype=np.float32)


def _input_range(
    programmed: ProgrammedCalibrator, board: Board, given_v: tuple[float, float] | None
) -> tuple[float, float]:
    """Range of the inputs [V]."""
    range_v = given_v or programmed.voltage_range_v
    if range_v is None:
        raise InputError(
            wanted(
                got="a calibrator whose file gives no range of inputs",
                allowed="a range in volts",
                remedy="give it with --inputs LOW HIGH",
            )
        )
    protection_v = board.settings().get("SOUR:VOLT:PROT", np.inf)
    if max(abs(limit) for limit in range_v) > protection_v:
        raise RangeError(
            wanted(
                got=f"a board whose protection is set to {protection_v:g} V",
                allowed=f"{max(abs(limit) for limit in range_v):g} V or more, what the inputs reach",
                remedy="raise SOURce:VOLTage:PROTection if the cells bear it, or give less with --inputs",
            )
        )
    return range_v


def _recalibrate_with_bar(
    board: Board, programmed: ProgrammedCalibrator, plan: RecalibrationPlan, rng: np.random.Generator
) -> BoardRecalibration:
    with progress_bar() as bar, interruptible() as check:
        task = bar.add_task("measuring known vectors", total=plan.total, note="")

        def show(measured: int, total: int) -> None:
            check()
            bar.update(task, completed=measured, note="learning" if measured == total else "")

        return recalibrate_on_board(board, programmed, plan, rng=rng, progress=show)


def _history_entry(
    done: BoardRecalibration,
    plan: RecalibrationPlan,
    identity: str,
    temperature_c: float | None,
    seed: int,
) -> dict[str, Any]:
    """What the file's history says of this recalibration."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "board": identity,
        "temperature_c": temperature_c,
        "vectors": plan.vectors,
        "verification_vectors": plan.verification,
        "seed": seed,
        "level": str(done.report.level),
        "readings_used": done.report.readings_used,
        "readings_missing": done.report.readings_missing,
        "rms_error_before_a": done.before.rms_a,
        "rms_error_after_a": done.after.rms_a,
        "expected_error_after_a": done.after.expected_a,
        "crosscal": version("crosscal"),
    }
