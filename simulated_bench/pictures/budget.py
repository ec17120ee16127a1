"""Pictures of error budgets: causes down, the largest first, their sizes on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from crosscal.simulated_bench.budget.contributions import ErrorBudget
from crosscal.simulated_bench.charge.errors import ChargeBudget
from crosscal.simulated_bench.pictures.style import BLUE, GREY, ORANGE

KINDS = {
    "systematic": ("systematic: the same at every read", ORANGE),
    "random": ("random", BLUE),
    "": ("all causes", GREY),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dots:
    """Sizes of one kind, a dot for each cause that has one.

    Attributes:
        label: in the legend.
        colour: of the dots.
        percent: one per cause, NaN where there is none.
        side: where each dot says its number: 1 to its right, -1 to its left, 0 nowhere.
    """

    label: str
    colour: str
    percent: Sequence[float]
    side: int = 1


def draw_charge_budget(budget: ChargeBudget, *, title: str) -> Figure:
    """Draw the causes of error of a product by charges, relative to the change with the inputs."""
    rows = [row for row in budget.rows() if row[2] > 0]
    series = [
        Dots(
            label=label,
            colour=colour,
            percent=[100 * part if own == kind else np.nan for _, own, _, part in rows],
        )
        for kind, (label, colour) in KINDS.items()
    ]
    xlabel = "rms error (% of the rms charge that the inputs cause)"
    return _draw([name for name, *_ in rows], series, xlabel=xlabel, title=title)


def draw_error_budget(budget: ErrorBudget, *, title: str) -> Figure:
    """Draw the causes of error of a board, as they are and after gain and offset per column."""
    listed = (*budget.contributions, budget.whole)
    percent = 100 / budget.full_scale_a
    series = [
        Dots(
            label="as read",
            colour=GREY,
            percent=[percent * one.raw_a or np.nan for one in listed],
            side=0,
        ),
        Dots(
            label="after the best gain and offset per column",
            colour=BLUE,
            percent=[percent * one.fitted_a or np.nan for one in listed],
            side=-1,
        ),
    ]
    names = [one.cause for one in listed]
    return _draw(names, series, xlabel="rms change of the readings (% of full scale)", title=title)


def _draw(names: Sequence[str], series: Sequence[Dots], *, xlabel: str, title: str) -> Figure:
    figure = Figure(figsize=(9.6, 1.8 + 0.38 * len(names)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(names))
    # Dots: a bar on a logarithmic axis begins anywhere, and its length means nothing.
    for dots in series:
        axes.plot(dots.percent, places, "o", color=dots.colour, ms=8, label=dots.label)
        for place, percent in zip(places, dots.percent, strict=True):
            if dots.side and np.isfinite(percent):
                axes.annotate(
                    f"{percent:#.3g} %".replace(". %", " %"),
                    (percent, place),
                    xytext=(9 * dots.side, 0),
                    textcoords="offset points",
                    ha="left" if dots.side > 0 else "right",
                    va="center",
                    fontsize=8,
                )
    axes.set(yticks=places, yticklabels=names, xscale="log", xlabel=xlabel, title=title)
    axes.title.set_fontsize(10)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.grid(color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        formatter(FuncFormatter(_percent))
    below = -0.02 - 1.4 / len(names)
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, below), ncols=3)
    return figure


def _percent(value: float, _: int) -> str:
    """Label 1, 2 and 5 of each decade in plain numbers: more would run together."""
    digits = f"{value:.0e}"
    return f"{value:g}" if digits[0] in "125" else ""
