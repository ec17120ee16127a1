"""Pictures of a study: a line of dots for every row, or curves along one column of the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from crosscal.core.whole_file import whole_file

# Okabe and Ito (2008): told apart by everyone.
ORANGE, GREEN, BLUE = "#d55e00", "#009e73", "#0072b2"
_DPI = 120
_LABEL = "accuracy (%), mean and standard deviation over chips"


def draw_study(rows: list[dict[str, Any]], curve: str | None, path: Path) -> None:
    """Draw a study.

    Args:
        rows: with their scores.
        curve: column of the table that curves run along; None: one line of dots for each row.
        path: of the picture.
    """
    figure = _dots(rows) if curve is None else _curves(rows, curve)
    with whole_file(path) as part:
        figure.savefig(part, dpi=_DPI)


def _dots(rows: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(9.0, 1.4 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    for name, colour, shift in (("raw", ORANGE, -0.15), ("calibrated", BLUE, 0.15)):
        means = [100 * np.mean(row.get(name, np.nan)) for row in rows]
        errors = [100 * np.std(row.get(name, np.nan)) for row in rows]
        axes.errorbar(means, places + shift, xerr=errors, fmt="o", ms=4, color=colour, label=name, lw=1.2)
    software = [100 * row["software"] for row in rows]
    axes.plot(software, places, "|", ms=12, mew=2, color=GREEN, label="software")
    names = [", ".join(row["labels"].values()) for row in rows]
    axes.set_yticks(places, names, fontsize=8)
    axes.set(xlabel=_LABEL, ylim=(len(rows) - 0.5, -0.5))
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _curves(rows: list[dict[str, Any]], along: str) -> Figure:
    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    places = list(dict.fromkeys(row["labels"][along] for row in rows))
    curves: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        others = [label for name, label in row["labels"].items() if name != along]
        curves.setdefault(", ".join(others), []).append(row)
    for axes, name in zip(panels, ("raw", "calibrated"), strict=True):
        for label, each in curves.items():
            at = [places.index(row["labels"][along]) for row in each]
            means = [100 * np.mean(row[name]) for row in each]
            errors = [100 * np.std(row[name]) for row in each]
            axes.errorbar(at, means, yerr=errors, fmt="o-", ms=4, lw=1.2, capsize=2, label=label)
        axes.set_xticks(range(len(places)), places)
        axes.set(title=name, xlabel=along)
        axes.grid(axis="y", color="#dddddd", lw=0.6)
    panels[0].set_ylabel(_LABEL, fontsize=8)
    panels[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    return figure
