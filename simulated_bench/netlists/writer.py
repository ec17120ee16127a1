"""Netlist of a crossbar, for ngspice to solve the same array independently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, ShapeError, wanted
from crosscal.simulated_bench.circuit.checks import element_value, rising_times
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.netlists.elements import (
    amplifiers,
    capacitors,
    cells,
    drivers,
    number,
    segments,
    shorts,
)

DIRECT_OPTIONS = "reltol=1e-10 abstol=1e-15 vntol=1e-12 gmin=1e-18 itl1=500"
"""Newton's last step is this small; the error that it leaves is of the order of the square."""

TRANSIENT_OPTIONS = "abstol=1e-15 vntol=1e-12 gmin=1e-18 itl1=500 itl4=100 trtol=1 chgtol=1e-24"
"""ngspice neglects charges below chgtol, 1e-14 C if left alone: more than a wire node holds."""

STEP_RELTOL, RINGING_STEP_RELTOL = 1e-9, 1e-8  # the latter with inductance: it takes many more steps
FIRST_PART, LONGEST_PART = 1e-5, 1e-2  # of the whole time, for the steps of a transient

EXPLANATION = """\
Rows and columns are counted from 1, as on the board's remote interface. Row i is driven at its left end,
column j is read at its lower end. Nodes:
  in_i   driver i, before its output resistance     d_i    driver i, behind it
  w_i_j  row wire i at column j                     b_i_j  column wire j at row i
  e_j    lower end of column wire j                 a_j    amplifier j, behind its input resistance
Elements: V_in_i drives; V_out_j measures the current of column j, positive into the amplifier; R_row_i_j is
the segment of row i before column j, R_column_i_j that of column j below row i; R_cell_i_j or B_cell_i_j is
the cell, M_access_i_j its transistor; C_... and L_... are what wires store. A source of 0 V stands where
there is no resistance. ngspice keeps eleven digits of a number in an expression: a longer one is written
there as a sum of two.
"""


def netlist(
    conductance_s: Matrix,
    voltage_v: np.ndarray,
    *,
    wires: Wires,
    device: CellLaw,
    time_s: np.ndarray | None = None,
    capacitance_f: float = 0.0,
    inductance_h: float = 0.0,
    output: str = "currents.txt",
    title: str = "crossbar array",
    remarks: Sequence[str] = (),
) -> str:
    """Write an array as a netlist for ngspice, with its column currents printed into a text file.

    Numbers are written so that they read back to the same doubles, and tolerances are set so tight that
    ngspice agrees with `solve_dc` and `solve_transient` nearly to the last digits.

    A device of a user's own says its law by a method `spice_expression() -> str`: the current in terms of
    the conductance `g` and the voltage `v` in ngspice's notation, such as `"g*v*(1+v*v)"`.

    Args:
        conductance_s: nominal conductance of each cell [S], (N, M); 0 leaves a cell out.
        voltage_v: input vectors [V], (N,) or (B, N): B operating points, one after another. With `time_s`,
            the drive at each of its times, (T, N), straight in between.
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.
        time_s: asks for a transient through these times [s], (T,), rising; it begins at rest at the first.
        capacitance_f: from every wire node to ground [F].
        inductance_h: in series with every wire segment [H].
        output: text file that ngspice writes: a header, then one line per vector or instant: its number or
            time [s] since the first, and the column currents [A].
        title: first line of the netlist.
        remarks: lines of comment that follow it.

    Returns:
        The netlist; run it with `ngspice -b`.

    Raises:
        ShapeError, RangeError, InputError: an argument that cannot be used, or a device with a law not
            known to ngspice.
    """
    circuit = Circuit.of(conductance_s, wires, device)
    drive_v, _ = circuit.drives(voltage_v)
    times_s = None if time_s is None else _times(time_s, len(drive_v))
    farad, henry = element_value("capacitance_f", capacitance_f), element_value("inductance_h", inductance_h)
    if times_s is None:
        options, run = DIRECT_OPTIONS, _operating_points(drive_v, circuit.shape[1], _file(output))
    else:
        options = _transient_options(farad, henry)
        run = _transient(times_s[-1], circuit.shape[1], _file(output))
    parts: dict[str, Iterator[str]] = {
        "drivers": drivers(circuit, drive_v, times_s),
        "wires": segments(circuit, henry),
        "shorts": shorts(circuit),
        "cells": cells(circuit),
        "amplifiers": amplifiers(circuit),
        "capacitance": capacitors(circuit, farad),
    }
    lines = [
        f"* {_one_line(title)}",
        *(f"* {_one_line(text)}" for text in (*remarks, *EXPLANATION.splitlines())),
    ]
    for name, part in parts.items():
        elements = list(part)
        lines += ["*", f"* {name}", *elements] if elements else []
    lines += ["*", f".option {options}", ".control", *run, "quit 0", ".endc", ".end"]
    return "\n".join(lines) + "\n"


def _operating_points(drive_v: np.ndarray, columns: int, output: str) -> Iterator[str]:
    """Write commands that solve one vector after another; the netlist itself holds the first."""
    yield from ("set numdgt=16", "set wr_singlescale", "set wr_vecnames")
    for k, vector_v in enumerate(drive_v):
        if k == 1:
            yield from ("set appendwrite", "unset wr_vecnames")
        if k > 0:
            changed = np.flatnonzero(vector_v != drive_v[k - 1])
            yield from (f"alter V_in_{i + 1} dc = {number(vector_v[i])}" for i in changed)
        yield from ("op", f"let vector = {k + 1}", "setscale vector", _write(columns, output))


def _transient_options(farad: float, henry: float) -> str:
    # The trapezoidal rule rings for ever on inductors that no capacitor lets out of their cells.
    method = "gear" if farad == 0 and henry > 0 else "trap"
    reltol = RINGING_STEP_RELTOL if farad > 0 and henry > 0 else STEP_RELTOL
    return f"method={method} reltol={number(reltol)} {TRANSIENT_OPTIONS}"


def _transient(end_s: float, columns: int, output: str) -> Iterator[str]:
    yield from ("set numdgt=16", "set wr_singlescale", "set wr_vecnames")
    yield f"tran {number(FIRST_PART * end_s)} {number(end_s)} 0 {number(LONGEST_PART * end_s)}"
    yield _write(columns, output)


def _write(columns: int, output: str) -> str:
    return f"wrdata {output} " + " ".join(f"i(V_out_{j})" for j in range(1, columns + 1))


def _times(time_s: np.ndarray, drives: int) -> np.ndarray:
    times_s = rising_times(time_s)
    if len(times_s) != drives or drives < 2:
        got = f"{len(times_s)} times for {drives} drives"
        raise ShapeError(
            wanted(got=got, allowed="one drive per time, two or more", remedy="give voltage_v as (T, N)")
        )
    return times_s - times_s[0]


def _file(output: str) -> str:
    """Return a name that the command language takes as one word."""
    if not output or set(output) & set(" \t\n\"'$;|<>*?[]{}()`&\\"):
        got, allowed = f"output = {output!r}", "a file name without spaces and signs of a command language"
        raise InputError(wanted(got=got, allowed=allowed, remedy="choose another"))
    return output


def _one_line(text: str) -> str:
    return " ".join(text.split()) if "\n" in text else text
