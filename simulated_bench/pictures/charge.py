"""Picture of the error budget of a product by charges."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from crosscal.simulated_bench.charge.errors import ChargeBudget
from crosscal.simulated_bench.pictures.style import BLUE, GREY, ORANGE

COLOURS = {"systematic": ORANGE, "random": BLUE, "": GREY}


def draw_budget(budget: ChargeBudget, *, title: str) -> Figure:
    """Draw the error by cause, largest first, relative to the change with the inputs; totals below."""
    rows = [row for row in budget.rows() if row[2] > 0]
    figure = Figure(figsize=(9.6, 1.8 + 0.38 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    axes.barh(places, [part for *_, part in rows], color=[COLOURS[kind] for _, kind, *_ in rows], log=True)
    for place, (_, _, _, part) in zip(places, rows, strict=True):
        axes.annotate(f" {100 * part:#.3g} %".replace(". %", " %"), (part, place), va="center", fontsize=8)
    axes.set(
        yticks=places,
        yticklabels=[name for name, *_ in rows],
        xlabel="rms error (part of the rms charge that the inputs cause)",
        title=title,
    )
    axes.title.set_fontsize(10)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    named = {"systematic: the same at every read": ORANGE, "random": BLUE, "all causes": GREY}
    axes.legend(
        handles=[Patch(color=colour, label=name) for name, colour in named.items()],
        frameon=False,
        fontsize=8,
        loc="lower center",
        bbox_to_anchor=(0.5, -0.02 - 1.4 / len(rows)),
        ncols=3,
    )
    return figure
