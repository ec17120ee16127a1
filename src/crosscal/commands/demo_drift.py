"""Last part of the demo: a board drifts for a day and is recalibrated from a few known vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.table import Table

from crosscal.core.physical_constants import DAY_S
from crosscal.core.whole_file import whole_file
from crosscal.front_door import load_calibrator
from crosscal.runtime import RecalibrationPlan, recalibrate_on_board

if TYPE_CHECKING:
    from crosscal.drivers import Board

KNOWN_VECTORS = 48  # four for each row of the demo's board
VERIFICATION_VECTORS = 100  # tell an error to 7 %
INPUTS_V = (0.1, 0.5)  # the seed paper's window


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfDrift:
    """Errors of calibrated currents in one day of a matrix [A], (V, M) each, and the largest ideal current.

    Attributes:
        error_a: by moment, in order of time.
        full_scale_a: largest ideal current [A].
    """

    error_a: dict[str, np.ndarray]
    full_scale_a: float


def measure_day_of_drift(board: Board, path: Path, rng: np.random.Generator) -> DayOfDrift:
    """Program a matrix never trained on, let the cells drift for a day of bench time, and recalibrate."""
    target_s = rng.uniform(20e-6, 95e-6, board.shape)
    board.program(target_s)
    programmed = load_calibrator(path).program(target_s, read_back_s=board.read_conductance())
    voltage_v = rng.uniform(*INPUTS_V, (VERIFICATION_VECTORS, board.shape[0]))
    ideal_a = voltage_v @ target_s
    at_first_a = programmed(board.measure(voltage_v)) - ideal_a
    board.simulation.advance_time(DAY_S)
    plan = RecalibrationPlan(
        vectors=KNOWN_VECTORS, verification=VERIFICATION_VECTORS, voltage_range_v=INPUTS_V
    )
    done = recalibrate_on_board(board, programmed, plan, rng=rng)
    return DayOfDrift(
        error_a={
            "as programmed": at_first_a,
            "a day later": done.before.error_a,
            f"recalibrated on {KNOWN_VECTORS} known vectors": done.after.error_a,
        },
        full_scale_a=float(np.abs(ideal_a).max()),
    )


def drift_table(day: DayOfDrift) -> Table:
    """Lay out the error at each moment."""
    table = Table(title="a day of drift, one matrix", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("calibrated currents")
    for name in ("RMSE (µA)", "RMSE %", "worst column (µA)"):
        table.add_column(name, justify="right", no_wrap=True)
    for moment, error_a in day.error_a.items():
        by_column_a = np.sqrt(np.nanmean(error_a**2, axis=0))
        rms_a = np.sqrt(np.nanmean(error_a**2))
        table.add_row(
            moment,
            f"{1e6 * rms_a:.3g}",
            f"{100 * rms_a / day.full_scale_a:.3g}",
            f"{1e6 * by_column_a.max():.3g}",
        )
    return table


def draw_drift(day: DayOfDrift, path: Path) -> Path:
    """Draw the error of every column at each moment."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    axes = figure.subplots()
    # Okabe and Ito (2008): told apart by everyone.
    for (moment, error_a), color in zip(day.error_a.items(), ("#555555", "#d55e00", "#0072b2"), strict=True):
        rms_ua = 1e6 * np.sqrt(np.nanmean(error_a**2, axis=0))
        edges = np.arange(len(rms_ua) + 1) + 0.5
        axes.stairs(rms_ua, edges, baseline=None, lw=1.5, color=color, label=moment)
    axes.set(xlabel="column", ylabel="rms error of calibrated currents (µA)", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    with whole_file(path) as part:
        figure.savefig(part, dpi=130)
    return path
