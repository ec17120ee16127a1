"""Pictures of a report: accuracy of the chips, error and energy layer by layer, use of the tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from crosscal.core.whole_file import whole_file

# Okabe and Ito (2008): told apart by everyone.
ORANGE, GREEN, BLUE, GREY = "#d55e00", "#009e73", "#0072b2", "#555555"
_DPI = 120
NAMED_MOST = 30
"""Layers whose names are written out."""


def draw_report(content: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the pictures of a report into a folder; return the files."""
    return [
        _save(_accuracy(content), folder / "accuracy.png"),
        _save(_layers(content), folder / "layers.png"),
    ]


def _accuracy(content: dict[str, Any]) -> Figure:
    each = 100 * np.array(content["accuracy_per_chip"])
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(np.arange(1, len(each) + 1), each, "o", color=BLUE, label="chips")
    mean, spread = 100 * content["accuracy"], 100 * content["accuracy_std"]
    axes.axhline(mean, color=BLUE, lw=1.2, label=f"mean {mean:.2f} %")
    axes.axhspan(mean - spread, mean + spread, color=BLUE, alpha=0.12, lw=0, label="± standard deviation")
    axes.axhline(100 * content["software_accuracy"], color=GREEN, ls="--", lw=1.4, label="software")
    axes.set(xlabel="chip", ylabel="accuracy (%)", title="Accuracy of every chip")
    low, high = axes.get_ylim()
    axes.set_ylim(low, min(high, 101.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _layers(content: dict[str, Any]) -> Figure:
    layers = content["layers"]
    places = np.arange(len(layers))
    figure = Figure(figsize=(9.0, 7.0), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    shown = (
        ("output_error", 100.0, "error (%)", "Error of each layer's output, relative to its rms", ORANGE),
        ("energy_j", 1e9, "energy (nJ)", "Energy of one input", BLUE),
        ("utilisation", 100.0, "cells in use (%)", "Use of the tiles", GREEN),
    )
    for axes, (name, factor, label, title, colour) in zip(panels, shown, strict=True):
        axes.bar(places, [factor * layer[name] for layer in layers], color=colour, width=0.7)
        axes.set(ylabel=label, title=title)
        axes.set_axisbelow(True)
        axes.grid(axis="y", color="#dddddd", lw=0.6)
    if len(layers) <= NAMED_MOST:
        names = [layer["name"].strip("/")[-24:] for layer in layers]
        panels[-1].set_xticks(places, names, rotation=30, ha="right", fontsize=8)
    else:
        panels[-1].set_xlabel("layer")
    return figure


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as part:
        figure.savefig(part, dpi=_DPI)
    return path
