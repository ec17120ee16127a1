"""Recalibration on a board with a progress bar: range of its inputs, measurement, entry in the history."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from crosscal.commands.terminal.interrupt import interruptible
from crosscal.commands.terminal.progress import progress_bar
from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.runtime import (
    BoardRecalibration,
    ProgrammedCalibrator,
    RecalibrationPlan,
    recalibrate_on_board,
)

if TYPE_CHECKING:
    from crosscal.drivers import Board


def input_range(
    programmed: ProgrammedCalibrator, board: Board, given_v: tuple[float, float] | None
) -> tuple[float, float]:
    """Choose the range of the inputs [V]: the one given, or the calibrator's own."""
    range_v = given_v or programmed.voltage_range_v
    if range_v is None:
        raise InputError(
            wanted(
                got="a calibrator whose file gives no range of inputs",
                allowed="a range in volts",
                remedy="give it with --voltage LOW:HIGH",
            )
        )
    protection_v = board.settings().get("SOUR:VOLT:PROT", np.inf)
    if max(abs(limit) for limit in range_v) > protection_v:
        raise RangeError(
            wanted(
                got=f"a board whose protection is set to {protection_v:g} V",
                allowed=f"{max(abs(limit) for limit in range_v):g} V or more, the largest input",
                remedy="give smaller inputs with --voltage; the protection keeps cells from being written",
            )
        )
    return range_v


def input_step(board: Board) -> float | None:
    """Distance of the voltages that the board's converter gives [V]; None where it does not say."""
    converter = board.dac
    if not converter.full_scale > 0.0:
        return None
    return 2.0 * converter.full_scale / 2**converter.bits


def recalibrate_with_bar(
    board: Board, programmed: ProgrammedCalibrator, plan: RecalibrationPlan, rng: np.random.Generator
) -> BoardRecalibration:
    with progress_bar() as bar, interruptible() as check:
        task = bar.add_task("measuring known vectors", total=plan.total, note="")

        def show(measured: int, total: int) -> None:
            check()
            bar.update(task, completed=measured, note="learning" if measured == total else "")

        return recalibrate_on_board(board, programmed, plan, rng=rng, progress=show)


def history_entry(
    done: BoardRecalibration,
    plan: RecalibrationPlan,
    identity: str,
    temperature_c: float | None,
    seed: int,
) -> dict[str, Any]:
    """Make the entry of this recalibration in the file's history."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "board": identity,
        "temperature_c": temperature_c,
        "vectors": done.vectors,
        "verification_vectors": plan.verification,
        "seed": seed,
        "level": str(done.report.level),
        "read_back": done.read_back,
        "readings_used": done.report.readings_used,
        "readings_missing": done.report.readings_missing,
        "outliers": done.report.outliers,
        "rms_error_before_a": done.before.rms_a,
        "rms_error_after_a": done.after.rms_a,
        "expected_error_after_a": done.after.expected_a,
        "predicted_error": done.predicted,
        "crosscal": version("crosscal"),
    }
