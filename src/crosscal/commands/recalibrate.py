"""`crosscal recalibrate`: recalibration of a calibrator file on a board, from a few known vectors."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.console import Console

from crosscal.commands.files.arrays import read_matrix
from crosscal.commands.files.order import require_resource_first
from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.jobs.calibrator_on_board import (
    program_target,
    recalibration_count,
    require_crosscal_file,
    require_same_board,
)
from crosscal.commands.jobs.recalibration import (
    history_entry,
    input_range,
    input_step,
    recalibrate_with_bar,
)
from crosscal.commands.options.bench_name import backend_option
from crosscal.commands.options.quantity_range import QuantityRange
from crosscal.commands.options.stopping import Stopping, stopping_options
from crosscal.commands.terminal.progress import console, working
from crosscal.commands.terminal.recalibration_table import (
    describe_breaks,
    describe_changes,
    describe_prediction,
    describe_readings,
    describe_shortfall,
    verification_table,
)
from crosscal.core.port import undisturbed
from crosscal.core.signed_pairs import signed_pairs
from crosscal.front_door import load_calibrator, open_board
from crosscal.runtime import RecalibrationPlan, write_recalibrated

NOT_VERIFIED = 3
"""Exit code for a recalibration that was worse on the verification vectors."""

NOT_REACHED = 3
"""Exit code for a recalibration that is less accurate than was asked for."""


@click.command("recalibrate")
@click.argument("resource")
@click.argument("calibrator", type=click.Path(path_type=Path))
@backend_option
@stopping_options
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
    help="Target matrix, .npy or text with commas, in siemens.  [default: the board's own]",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Signed weights instead of --matrix: differential pairs of columns within the board's limits.",
)
@click.option("--program", is_flag=True, help="Program --matrix or --weights first.")
@click.option(
    "--voltage",
    "voltage_range_v",
    type=QuantityRange("V"),
    metavar="LOW:HIGH",
    help="Window of inputs, such as -0.2V:0.2V.  [default: the calibrator's own]",
)
@click.option("--no-read-back", is_flag=True, help="Do not read the cells back first, where the board can.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Draws the vectors.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Recalibrated ONNX file to write."
)
@force_option
@click.option("--timeout", "timeout_s", type=float, help="Seconds to wait for a reply's first byte.")
def command(
    resource: str,
    calibrator: Path,
    backend: str | None,
    vectors: int | None,
    until: float | None,
    most: int | None,
    time_s: float | None,
    verification: int,
    matrix_file: Path | None,
    weights: Path | None,
    program: bool,
    voltage_range_v: tuple[float, float] | None,
    no_read_back: bool,
    seed: int,
    output: Path,
    force: bool,
    timeout_s: float | None,
) -> None:
    """Recalibrate CALIBRATOR for the board at RESOURCE as it is now, and write a new file.

    Cells may have been programmed inexactly or have drifted, amplifiers may have changed gain and offset: a
    few known vectors tell, each designed to lower the error that those before it have left. The matrix on the
    board stays as it is, unless --program asks for another. A board that can read its cells back is asked to.
    Saturated and missing readings are left out and counted. How far to go, the evidence decides: nothing,
    gain and offset of each column, or every cell. Then other vectors verify that the result is no worse; if
    it is, nothing is written.

    The new file remembers the target it was recalibrated for. Programmed with that target, it is exact
    again; with another, `structured` and `whitebox` keep the amplifiers' gains and offsets, and `affine` and
    `concatsquash` calibrate as they were trained. Recalibrating the new file builds on it.

    \b
    crosscal recalibrate TCPIP::192.168.1.7::5025::SOCKET b7.onnx -o today.onnx
    crosscal recalibrate ASRL/dev/ttyACM0::INSTR b7.onnx --vectors 128 \\
      -o today.onnx
    crosscal recalibrate ASRL1::INSTR b7.onnx --matrix g.npy --program \\
      --vectors 64 -o b7-g.onnx
    crosscal recalibrate ASRL1::INSTR b7.onnx --until 0.3% --time 60s -o b7-g.onnx

    Eight vectors already help; twice as many as the board has rows leave little more to learn. With --until
    they are measured batch by batch, and the readings say when there are enough: the error of further reads
    is predicted from what is known by then, and compared with reads of the verification vectors at the end.
    Noise of a read sets a limit that no known vectors lower; it is told when it lies above what was asked.

    Exit codes: 0 written, 1 failure, 2 wrong usage, 3 worse on the verification vectors and therefore not
    written, or written but less accurate than --until asks, 130 interrupted.
    """
    stopping = Stopping(vectors=vectors, until=until, most=most, time_s=time_s)
    require_resource_first(resource)
    require_output_file(output, force=force)
    target_s = None if matrix_file is None else read_matrix(matrix_file)
    signed = None if weights is None else read_matrix(weights)
    if target_s is not None and signed is not None:
        raise click.UsageError("--matrix and --weights exclude each other: give one of them")
    if program and target_s is None and signed is None:
        raise click.UsageError("--program needs --matrix or --weights, the matrix to program")
    with working(f"loading {calibrator}"):
        loaded = load_calibrator(calibrator)
    require_crosscal_file(loaded, calibrator)
    with open_board(resource, backend=backend, timeout_s=timeout_s) as board:
        console.print(f"{board.identity}: {board.shape[0]} rows, {board.shape[1]} columns")
        require_same_board(loaded, board)
        if signed is not None:
            target_s = signed_pairs(signed, board.conductance_limits_s).conductance_s
        # Target, programming and vectors belong together: no other client may come between.
        with undisturbed(board):
            programmed = program_target(loaded, board, target_s, program=program)
            plan = RecalibrationPlan(
                vectors=stopping.count(board.shape[0]),
                until=until,
                time_s=time_s,
                verification=verification,
                voltage_range_v=input_range(programmed, board, voltage_range_v),
                read_back=not no_read_back,
                # A window of the user's own is driven at any voltage of it.
                levels_v=programmed.input_levels_v if voltage_range_v is None else None,
                step_v=input_step(board),
            )
            temperature_c = board.temperature_c
            rng = np.random.default_rng([seed, recalibration_count(loaded)])
            done = recalibrate_with_bar(board, programmed, plan, rng)
        identity = board.identity
    console.print(describe_readings(done))
    console.print(f"evidence: {describe_changes(done)}")
    if broken := describe_breaks(done.report):
        console.print(f"[yellow]broken, counted from 1: {broken}")
    Console().print(verification_table(done))
    if prediction := describe_prediction(done):
        console.print(prediction)
    if not done.verified:
        console.print(
            f"[yellow]worse on the verification vectors: {output} is not written, {calibrator} stays as it "
            "is; measure more vectors, or look at the board"
        )
        click.get_current_context().exit(NOT_VERIFIED)
    facts = history_entry(done, plan, identity, temperature_c, seed)
    with working(f"writing and checking {output}"):
        write_recalibrated(output, calibrator, done.calibrator, facts=facts)
    console.print(f"wrote {output}: {done.calibrator.kind}, recalibrated: {done.calibrator.level}")
    if not done.accurate:
        console.print(f"[yellow]{describe_shortfall(done, plan)}")
        click.get_current_context().exit(NOT_REACHED)
