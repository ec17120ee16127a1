"""Table and sentences about a recalibration."""

from __future__ import annotations

import numpy as np
from rich import box
from rich.table import Table

from crosscal.runtime import (
    BoardRecalibration,
    Ending,
    RecalibrationLevel,
    RecalibrationPlan,
    RecalibrationReport,
)
from crosscal.runtime.recalibration.posterior import CELLS, GAIN
from crosscal.runtime.reference.reading_noise import MOST_AVERAGES

_SHOWN = 8  # columns by number: a line of 80 characters


def verification_table(done: BoardRecalibration) -> Table:
    """Lay out errors on the verification vectors before and after, beside the expected errors."""
    rows, columns = done.calibrator.shape
    vectors = len(done.after.ideal_a)
    table = Table(
        title=f"{done.calibrator.kind}, {rows}×{columns}, {vectors} verification vectors",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("recalibration")
    for name in ("RMSE (µA)", "expected (µA)", "worst column (µA)", "RMSE (% of full scale)"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, errors in (("before", done.before), ("after", done.after)):
        column, worst_a = errors.worst_column
        table.add_row(
            name,
            f"{1e6 * errors.rms_a:.3g}",
            "" if errors.expected_a is None else f"{1e6 * errors.expected_a:.3g}",
            f"{1e6 * worst_a:.3g} ({column + 1})",
            f"{errors.percent_of_full_scale:.3g}",
        )
    return table


def describe_readings(done: BoardRecalibration) -> str:
    """Describe the readings used, and those left out."""
    report = done.report
    said = f"{report.readings_used} readings of {done.vectors} known vectors"
    if done.read_back:
        said += " and a read-back of all cells"
    if missing := report.readings_missing - report.outliers:
        said += f"; [yellow]{missing} left out, saturated or missing[/]"
    if report.outliers:
        said += f"; [yellow]{report.outliers} left out as outliers[/]"
    if report.silent_columns:
        named = ", ".join(str(column + 1) for column in report.silent_columns[:_SHOWN])
        more = len(report.silent_columns) - _SHOWN
        said += f"; [yellow]nothing is known of columns {named}{f' and {more} more' if more > 0 else ''}[/]"
    return said


def describe_prediction(done: BoardRecalibration) -> str:
    """Compare the predicted error of reads with that of the verification vectors; empty without one."""
    if done.predicted is None:
        return ""
    found = done.after.rms_a / done.largest_ideal_a
    return (
        f"after {done.vectors} known vectors reads are predicted to be off by {100 * done.predicted:.2g} % "
        f"(rms) of the largest ideal current, {1e6 * done.largest_ideal_a:.3g} µA; the verification vectors "
        f"were off by {100 * found:.2g} %"
    )


def describe_shortfall(done: BoardRecalibration, plan: RecalibrationPlan) -> str:
    """Explain why the accuracy that was asked for is not reached."""
    asked = f"{100 * (plan.until or 0.0):.2g} %"
    reason = {
        Ending.NOISE: f"the noise of a read alone leaves about that much, so that no known vectors lead to "
        f"{asked}: {_averaging(done)}, or ask for less",
        Ending.VECTORS: f"{plan.vectors} known vectors were not enough: give more with --max-vectors",
        Ending.TIME: f"{plan.time_s or 0.0:g} s were not enough: give more with --time",
    }[done.ending]
    return f"predicted error {100 * (done.predicted or 0.0):.2g} %, asked for {asked}: {reason}"


def _averaging(done: BoardRecalibration) -> str:
    if done.enough_averages is None or done.enough_averages >= MOST_AVERAGES:
        return "have the board average more readings"
    present, enough = done.calibrator.conditions.averages, done.enough_averages
    if present >= enough:
        return "learn from known vectors more often: cells fluctuate, and more averages help little"
    return (
        f"have the board average {enough / present:.3g} times as many readings; beyond that the cells "
        "fluctuate, and more no longer pay"
    )


def describe_changes(done: BoardRecalibration) -> str:
    """Describe the changes of the board since last time, as standard deviations."""
    report, posterior = done.report, done.calibrator.posterior
    if not done.read_back or posterior is None:
        return _changes_of(report)
    distance = float(np.sqrt(np.mean((posterior.mean[:, GAIN, None] + posterior.mean[:, CELLS:]) ** 2)))
    return f"cells read back lie {100 * distance:.2g} % off their targets; beyond that, {_changes_of(report)}"


def describe_breaks(report: RecalibrationReport) -> str:
    """Name broken cells and lines, counted from 1; empty if there are none."""
    found = [f"row {row.line} {row.kind}" for row in report.broken_rows]
    found += [f"column {column.line} {column.kind}" for column in report.broken_columns]
    found += [
        f"cell {cell.row},{cell.column} {cell.kind}, {cell.ratio:.2g} of its conductance"
        for cell in report.broken_cells
    ]
    shown = "; ".join(found[:_SHOWN])
    return shown if len(found) <= _SHOWN else f"{shown}; and {len(found) - _SHOWN} more"


def _changes_of(report: RecalibrationReport) -> str:
    spread = report.spread
    if report.level is RecalibrationLevel.NOTHING:
        return "nothing has changed"
    said = f"gains by {100 * spread.gain:.2g} %, offsets by {100 * spread.offset:.2g} % of full scale"
    if report.level is RecalibrationLevel.CELLS:
        said = f"cells have changed by {100 * spread.cell:.2g} %, {said}"
    else:
        said = f"columns have changed, {said}"
    return f"{said}; noise {100 * spread.noise:.2g} % of full scale"
