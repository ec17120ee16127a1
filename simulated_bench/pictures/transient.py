"""Picture of an array that settles."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from crosscal.simulated_bench.pictures.style import BLUE, GREEN, GREY, ORANGE, SKY, legend_below, prefixed

CONVERTER_BITS = (8, 12, 16)  # of converters whose half steps are drawn in


def draw_transient(time_s: np.ndarray, current_a: np.ndarray, settled_a: np.ndarray, *, title: str) -> Figure:
    """Draw column currents in time, and their remaining distance from the settled ones.

    Args:
        time_s: [s], (T,).
        current_a: column currents [A], (T, M).
        settled_a: column currents at rest [A], (M,).
        title: of the whole picture.
    """
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    second, second_unit = prefixed(time_s, "s")
    ampere, ampere_unit = prefixed(current_a, "A")
    left.plot(second * time_s, ampere * current_a, color=SKY, lw=0.7, alpha=0.6)
    columns = current_a.shape[1]
    chosen = dict.fromkeys((0, columns // 2, columns - 1))
    for j, colour in zip(chosen, (BLUE, ORANGE, GREEN), strict=False):
        left.plot(second * time_s, ampere * current_a[:, j], color=colour, lw=1.6, label=f"column {j + 1}")
        left.axhline(ampere * settled_a[j], color=colour, lw=0.8, ls=":")
    left.set(xlabel=f"time ({second_unit})", ylabel=f"current ({ampere_unit})", title="Column currents")
    legend_below(left, title="dotted: settled")
    off = np.abs(current_a - settled_a).max(axis=1) / np.abs(settled_a).max()
    right.semilogy(second * time_s, np.maximum(off, 1e-8), color=BLUE)
    for bits in CONVERTER_BITS:
        right.axhline(2.0**-bits, color=GREY, lw=0.8, ls=":")
        right.annotate(
            f"1 in 2^{bits}",
            (1.0, 2.0**-bits),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            ha="right",
            va="bottom",
            color=GREY,
        )
    right.set(
        xlabel=f"time ({second_unit})",
        ylabel="largest distance (part of the largest current)",
        title="Still to settle",
        ylim=(1e-7, None),
    )
    figure.suptitle(title, fontsize=10)
    return figure
