"""Picture of a bench that ages."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from crosscal.simulated_bench.pictures.style import BLUE, ORANGE, SKY, legend_below, prefixed

# Percentiles, opacity, and the name in the legend.
BANDS = ((5, 95, 0.25, "9 of 10 cells"), (25, 75, 0.5, "half of the cells"))
SINGLE_CELLS = 6  # lines that can still be told apart


def draw_drift(time_s: np.ndarray, conductance_s: np.ndarray, current_a: np.ndarray, *, title: str) -> Figure:
    """Draw the change of cells and column currents since programming.

    Args:
        time_s: bench time since programming [s], (T,), rising from 0.
        conductance_s: of all cells [S], (T, N, M).
        current_a: column currents of one vector [A], (T, M).
        title: of the whole picture.
    """
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    later_s = time_s[1:]
    change_s = (conductance_s[1:] - conductance_s[0]).reshape(len(later_s), -1)
    factor, unit = prefixed(np.percentile(change_s, (1, 99)), "S")
    for low, high, alpha, name in BANDS:
        edges_s = factor * np.percentile(change_s, (low, high), axis=1)
        left.fill_between(later_s, *edges_s, color=SKY, alpha=alpha, lw=0, label=name)
    left.plot(later_s, factor * np.median(change_s, axis=1), color=BLUE, label="median")
    some = np.linspace(0, change_s.shape[1] - 1, SINGLE_CELLS).astype(int)
    lines = left.plot(later_s, factor * change_s[:, some], color=ORANGE, lw=0.8)
    lines[0].set_label("single cells")
    left.set(
        xscale="log",
        xlabel="time since programming (s)",
        ylabel=f"change of conductance ({unit})",
        title="Cells",
    )
    legend_below(left, columns=4)
    scale_a = np.sqrt(np.mean(current_a[0] ** 2))
    off = (current_a[1:] - current_a[0]) / scale_a
    right.plot(later_s, 100 * np.sqrt(np.mean(off**2, axis=1)), color=BLUE, label="rms over columns")
    right.plot(later_s, 100 * np.abs(off).max(axis=1), color=ORANGE, lw=0.9, label="worst column")
    right.set(
        xscale="log",
        xlabel="time since programming (s)",
        ylabel="change of current (% of rms current)",
        title="Column currents",
        ylim=(0, None),
    )
    legend_below(right)
    for axes in (left, right):
        axes.grid(color="#dddddd", lw=0.6)
    figure.suptitle(title, fontsize=10)
    return figure
