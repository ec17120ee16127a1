"""Pictures of an array at work: node voltages and cell currents."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crosscal.simulated_bench.pictures.snapshot import Snapshot
from crosscal.simulated_bench.pictures.style import (
    BLUE,
    GREEN,
    ORANGE,
    column_steps,
    has_two_signs,
    heat_map,
    legend_below,
    prefixed,
    whole_numbers,
)

FAULT_MARKS = {"OPEN": ("o", "open"), "SHORT": ("s", "short"), "STUCK": ("^", "stuck")}
MARKS_MOST = 400  # beyond, marks hide the picture


def draw_voltages(snapshot: Snapshot, vector: int, *, title: str) -> Figure:
    """Draw the voltages of the row wires, of the column wires, and across the cells, for one vector."""
    word_v, bit_v = snapshot.solution.word_v[vector], snapshot.solution.bit_v[vector]
    figure = Figure(figsize=(13.0, 4.4), layout="constrained")
    maps = (
        ("Row wires", "voltage to ground", word_v),
        ("Column wires", "voltage to ground", bit_v),
        ("Across each cell", "row less column", word_v - bit_v),
    )
    for axes, (name, label, values) in zip(figure.subplots(1, 3), maps, strict=True):
        heat_map(figure, axes, values, title=name, label=label, unit="V", signed=has_two_signs(values))
        _mark_faults(axes, snapshot)
    figure.suptitle(title, fontsize=10)
    return figure


def draw_currents(snapshot: Snapshot, vector: int, *, title: str) -> Figure:
    """Draw the current of every cell, its distance from an ideal array's, and the columns' currents."""
    cell_a = snapshot.cell_a[vector]
    ideal_a = snapshot.voltage_v[vector][:, None] * snapshot.target_s
    figure = Figure(figsize=(13.0, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 1.1))
    signed = has_two_signs(cell_a)
    heat_map(figure, left, cell_a, title="Cell currents", label="current", unit="A", signed=signed)
    off_a = cell_a - ideal_a
    heat_map(
        figure, middle, off_a, title="Away from target × input", label="difference", unit="A", signed=True
    )
    for axes in (left, middle):
        _mark_faults(axes, snapshot)
    _columns(right, snapshot, vector)
    figure.suptitle(title, fontsize=10)
    return figure


def _columns(axes: Axes, snapshot: Snapshot, vector: int) -> None:
    shown = {
        "ideal: target × input": (snapshot.ideal_a[vector], GREEN, "-", ""),
        "flowing": (snapshot.solution.current_a[vector], BLUE, "-", ""),
        "read by the board": (snapshot.reading_a[vector], ORANGE, "", "x"),
    }
    factor, unit = prefixed(np.concatenate([values for values, *_ in shown.values()]), "A")
    columns = np.arange(1, snapshot.target_s.shape[1] + 1)
    for name, (values, colour, line, marker) in shown.items():
        if line:
            column_steps(axes, factor * values, color=colour, label=name, ls=line)
        else:
            axes.plot(columns, factor * values, marker, color=colour, ms=5, label=name)
    axes.set(title="Column currents", xlabel="column", ylabel=f"current ({unit})")
    axes.margins(y=0.15)
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    legend_below(axes)
    whole_numbers(axes.xaxis)


def _mark_faults(axes: Axes, snapshot: Snapshot) -> None:
    if (snapshot.cell_faults != "").sum() > MARKS_MOST:
        return
    for kind, (marker, name) in FAULT_MARKS.items():
        rows, columns = np.nonzero(snapshot.cell_faults == kind)
        if rows.size:
            edge = {"ms": 7, "mfc": "white", "mec": "black", "mew": 1.2, "label": name, "clip_on": False}
            axes.plot(columns + 1, rows + 1, marker, **edge)
    if (snapshot.cell_faults != "").any():
        axes.legend(fontsize=7, loc="upper right", framealpha=0.9)
