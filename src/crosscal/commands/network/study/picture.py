"""Picture of a study: accuracy of every row with its spread over chips, raw and calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.whole_file import whole_file

# Okabe and Ito (2008): told apart by everyone.
ORANGE, GREEN, BLUE = "#d55e00", "#009e73", "#0072b2"


def draw_study(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw one line of dots for each row, with standard deviations over chips."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 1.4 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    for name, colour, shift in (("raw", ORANGE, -0.15), ("calibrated", BLUE, 0.15)):
        means = [100 * np.mean(row[name]) for row in rows]
        errors = [100 * np.std(row[name]) for row in rows]
        axes.errorbar(means, places + shift, xerr=errors, fmt="o", ms=4, color=colour, label=name, lw=1.2)
    software = [100 * row["software"] for row in rows]
    axes.plot(software, places, "|", ms=12, mew=2, color=GREEN, label="software")
    names = [", ".join(row["labels"].values()) for row in rows]
    axes.set_yticks(places, names, fontsize=8)
    axes.set(xlabel="accuracy (%), mean and standard deviation over chips", ylim=(len(rows) - 0.5, -0.5))
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    with whole_file(path) as part:
        figure.savefig(part, dpi=120)
