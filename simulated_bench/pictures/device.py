"""Pictures of single devices: current–voltage laws and pinched loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crosscal.simulated_bench.devices import DrivenLoop
from crosscal.simulated_bench.devices.meminductor import MeminductorLoop
from crosscal.simulated_bench.pictures.style import BLUE, GREEN, GREY, ORANGE, legend_below, prefixed

COLOURS = (BLUE, GREEN, ORANGE)
PINCHED = 0.05
"""Largest current at zero flux, in parts of the peak, of a loop that counts as pinched."""


def draw_law(
    voltage_v: np.ndarray, conductance_s: np.ndarray, current_a: np.ndarray, *, title: str
) -> Figure:
    """Draw current over voltage at some conductances, and the ratio to an ohmic cell's.

    Args:
        voltage_v: [V], (V,).
        conductance_s: nominal [S], (G,).
        current_a: [A], (G, V).
        title: of the whole picture.
    """
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    factor, unit = prefixed(current_a, "A")
    siemens, siemens_unit = prefixed(conductance_s, "S")
    for g, row_a, colour in zip(conductance_s, current_a, COLOURS, strict=False):
        name = f"{siemens * g:.3g} {siemens_unit}"
        left.plot(voltage_v, factor * row_a, color=colour, label=name)
        left.plot(voltage_v, factor * g * voltage_v, color=colour, lw=0.8, ls=":")
        away = np.abs(voltage_v) > 1e-6
        ratio = np.where(away, row_a / np.where(away, g * voltage_v, 1.0), np.nan)
        right.plot(voltage_v, ratio, color=colour, lw=1.5)
    _cross(left)
    left.set(xlabel="voltage (V)", ylabel=f"current ({unit})", title="Current; dotted: ohmic")
    right.axhline(1.0, color=GREY, lw=0.8, ls=":")
    right.set(xlabel="voltage (V)", ylabel="current / (conductance × voltage)", title="Against an ohmic cell")
    legend_below(left, title="nominal conductance")
    figure.suptitle(title, fontsize=10)
    return figure


def draw_memristor_loop(loop: DrivenLoop, *, title: str) -> Figure:
    """Draw the pinched current–voltage loop of a driven memristor, and its state in time."""
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    ampere, ampere_unit = prefixed(loop.current_a, "A")
    ohm, ohm_unit = prefixed(loop.resistance_ohm, "Ω")
    second, second_unit = prefixed(loop.time_s, "s")
    left.plot(loop.voltage_v, ampere * loop.current_a, color=BLUE, lw=1.2)
    _cross(left)
    left.set(xlabel="voltage (V)", ylabel=f"current ({ampere_unit})", title="Pinched loop")
    right.plot(second * loop.time_s, ohm * loop.resistance_ohm, color=BLUE, label="state R")
    right.set(xlabel=f"time ({second_unit})", ylabel=f"resistance ({ohm_unit})", title="State and drive")
    drive = right.twinx()
    drive.plot(second * loop.time_s, loop.voltage_v, color=ORANGE, lw=0.9, ls="--", label="voltage")
    drive.set_ylabel("voltage (V)")
    lines = [*right.get_lines(), *drive.get_lines()]
    right.margins(y=0.12)
    drive.margins(y=0.12)
    names = [str(line.get_label()) for line in lines]
    right.legend(
        lines, names, frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2
    )
    figure.suptitle(title, fontsize=10)
    return figure


def draw_charge_loop(
    voltage_v: np.ndarray, charge_c: np.ndarray, capacitance_f: np.ndarray, *, title: str
) -> Figure:
    """Draw the pinched charge–voltage loop of a memcapacitor, and its capacitance; each (T,)."""
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    charge, charge_unit = prefixed(charge_c, "C")
    farad, farad_unit = prefixed(capacitance_f, "F")
    left.plot(voltage_v, charge * charge_c, color=BLUE, lw=1.2)
    _cross(left)
    left.set(xlabel="voltage (V)", ylabel=f"charge ({charge_unit})", title="Pinched loop")
    right.plot(voltage_v, farad * capacitance_f, color=BLUE, lw=1.2)
    right.set(xlabel="voltage (V)", ylabel=f"capacitance ({farad_unit})", title="State")
    figure.suptitle(title, fontsize=10)
    return figure


def draw_flux_loops(
    loops: Sequence[MeminductorLoop], frequency_hz: np.ndarray, pinch_error: np.ndarray, *, title: str
) -> Figure:
    """Draw flux–current loops of a meminductor at some frequencies, and the error of the pinch.

    Args:
        loops: up to three, each in parts of its largest flux and current.
        frequency_hz: [Hz], (F,).
        pinch_error: largest current at no flux, in parts of the largest current, (F,).
        title: of the whole picture.
    """
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for loop, colour in zip(loops, COLOURS, strict=False):
        flux, current = (np.append(values, values[0]) for values in (loop.flux_wb, loop.current_a))
        name = f"{1e-6 * loop.frequency_hz:g} MHz, to {_text(flux, 'Wb')} and {_text(current, 'A')}"
        left.plot(flux / np.abs(flux).max(), current / np.abs(current).max(), color=colour, label=name)
    _cross(left)
    left.set(xlabel="flux (part of its peak)", ylabel="current (part of its peak)", title="Pinched loop")
    legend_below(left, columns=1)
    right.plot(1e-6 * frequency_hz, 100 * pinch_error, color=BLUE)
    right.axhline(100 * PINCHED, color=GREY, lw=0.8, ls=":")
    right.set(
        xlabel="frequency (MHz)", ylabel="current at zero flux (% of its peak)", title="Frequency limit"
    )
    right.set(xlim=(0, None), ylim=(0, None))
    right.grid(color="#dddddd", lw=0.6)
    figure.suptitle(title, fontsize=10)
    return figure


def _text(values: np.ndarray, unit: str) -> str:
    factor, name = prefixed(values, unit)
    return f"{factor * np.abs(values).max():.3g} {name}"


def _cross(axes: Axes) -> None:
    axes.axhline(0.0, color=GREY, lw=0.6)
    axes.axvline(0.0, color=GREY, lw=0.6)
