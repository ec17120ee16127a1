"""Picture of the error budget of a product by charges."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from crosscal.simulated_bench.charge.errors import ChargeBudget
from crosscal.simulated_bench.pictures.style import BLUE, GREY, ORANGE

COLOURS = {"systematic": ORANGE, "random": BLUE, "": GREY}


def draw_budget(budget: ChargeBudget, *, title: str) -> Figure:
    """Draw the error by cause, largest first, relative to the change with the inputs; totals below."""
    rows = [row for row in budget.rows() if row[2] > 0]
    figure = Figure(figsize=(9.6, 1.8 + 0.38 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    # Dots: a bar on a logarithmic axis begins anywhere, and its length means nothing.
    for place, (_, kind, _, part) in zip(places, rows, strict=True):
        axes.plot(100 * part, place, "o", color=COLOURS[kind], ms=8)
        axes.annotate(
            f"{100 * part:#.3g} %".replace(". %", " %"),
            (100 * part, place),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set(
        yticks=places,
        yticklabels=[name for name, *_ in rows],
        xscale="log",
        xlabel="rms error (% of the rms charge that the inputs cause)",
        title=title,
    )
    axes.title.set_fontsize(10)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.grid(color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        formatter(FuncFormatter(_percent))
    named = {"systematic: the same at every read": ORANGE, "random": BLUE, "all causes": GREY}
    axes.legend(
        handles=[
            Line2D([], [], marker="o", ls="", color=colour, label=name) for name, colour in named.items()
        ],
        frameon=False,
        fontsize=8,
        loc="lower center",
        bbox_to_anchor=(0.5, -0.02 - 1.4 / len(rows)),
        ncols=3,
    )
    return figure


def _percent(value: float, _: int) -> str:
    """Label 1, 2 and 5 of each decade in plain numbers: more would run together."""
    digits = f"{value:.0e}"
    return f"{value:g}" if digits[0] in "125" else ""
