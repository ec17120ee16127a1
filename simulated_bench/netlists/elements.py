"""Elements of a netlist: lines of text that ngspice reads back to the same double precision numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import numpy as np

from crosscal.core.errors import InputError, wanted
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.line_faults import BridgedLines, GroundedLine, OpenLine
from crosscal.simulated_bench.devices.law import CellLaw, cell_current
from crosscal.simulated_bench.devices.ohmic import Ohmic
from crosscal.simulated_bench.devices.one_transistor import OneTransistor
from crosscal.simulated_bench.devices.varied_law import OffsetLaw, VariedLaw

DIGITS_KEPT = 11
"""Significant digits that ngspice keeps of a number inside an expression; elsewhere it keeps all."""

PROBES_V = np.array([-0.3, -0.1, 0.1, 0.3])  # a cell of 0 S that conducts at none of them is left out
PAIRS_PER_LINE = 4  # of time and voltage: lines of some 90 characters

_WORDS = re.compile(r"[A-Za-z_]\w*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def number(value: float) -> str:
    """Write the shortest text that stands for the same double."""
    return repr(float(value))


def number_in_expression(value: float) -> str:
    """Write a double for use inside an expression: a long number becomes a sum of two short ones."""
    text = number(value)
    digits = text.lower().partition("e")[0].replace("-", "").replace(".", "").lstrip("0")
    if len(digits) <= DIGITS_KEPT:
        return text
    leading = f"{value:.{DIGITS_KEPT - 1}e}"
    return f"({leading}{value - float(leading):+.{DIGITS_KEPT - 1}e})"


def cell_expression(expression: str, conductance_s: float, word: str, bit: str) -> str:
    """Put a cell's conductance and voltage in the place of `g` and `v`; numbers keep all their digits."""
    meaning = {"g": number_in_expression(conductance_s), "v": f"v({word},{bit})"}

    def replace(found: re.Match[str]) -> str:
        text = found.group()
        if text[0].isalpha() or text[0] == "_":
            return meaning.get(text, text)
        return number_in_expression(float(text))

    return _WORDS.sub(replace, expression)


def resistance(name: str, begin: str, end: str, ohm: float) -> str:
    """Write a resistor, or a source of 0 V for no resistance, since ngspice would put 1 mΩ in its place."""
    return f"V_{name} {begin} {end} DC 0" if ohm == 0 else f"R_{name} {begin} {end} {number(ohm)}"


def _segment(
    name: str, begin: str, end: str, ohm: float, henry: float, broken: Collection[str]
) -> Iterator[str]:
    """Write one wire segment: a resistor, with an inductor behind it if there is inductance."""
    if name in broken:
        yield f"* {name} is broken"
    elif henry == 0:
        yield resistance(name, begin, end, ohm)
    else:
        yield resistance(name, begin, f"m_{name}", ohm)
        yield f"L_{name} m_{name} {end} {number(henry)}"


def drivers(circuit: Circuit, drive_v: np.ndarray, time_s: np.ndarray | None) -> Iterator[str]:
    """Write source and output resistance of every row: the first of the drives (B, N), or all in time."""
    for i, ohm in enumerate(circuit.source_ohm, start=1):
        if time_s is None:
            yield f"V_in_{i} in_{i} 0 DC {number(drive_v[0, i - 1])}"
        else:
            yield f"V_in_{i} in_{i} 0 PWL("
            yield from _pairs(time_s, drive_v[:, i - 1])
            yield "+ )"
        yield resistance(f"source_{i}", f"in_{i}", f"d_{i}", ohm)


def segments(circuit: Circuit, henry: float) -> Iterator[str]:
    """Write each row from its driver on, each column down to its amplifier, without broken segments."""
    rows, columns = circuit.shape
    broken = {_name_of_break(fault) for fault in circuit.faults if isinstance(fault, OpenLine)}
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            begin = f"w_{i}_{j - 1}" if j > 1 else f"d_{i}"
            yield from _segment(f"row_{i}_{j}", begin, f"w_{i}_{j}", circuit.row_ohm, henry, broken)
    for j in range(1, columns + 1):
        for i in range(1, rows + 1):
            end = f"b_{i + 1}_{j}" if i < rows else f"e_{j}"
            yield from _segment(f"column_{i}_{j}", f"b_{i}_{j}", end, circuit.column_ohm, henry, broken)


def shorts(circuit: Circuit) -> Iterator[str]:
    """Write lines stuck to ground, or to the next of their kind."""
    for k, fault in enumerate(circuit.faults, start=1):
        if isinstance(fault, GroundedLine):
            yield resistance(f"short_{k}", _node(fault.line, fault.number, fault.cell), "0", fault.ohm)
        elif isinstance(fault, BridgedLines):
            begin, end = (_node(fault.line, fault.number + n, fault.cell) for n in (0, 1))
            yield resistance(f"short_{k}", begin, end, fault.ohm)


def amplifiers(circuit: Circuit) -> Iterator[str]:
    """Write the input resistance of every column, and the ammeter behind it at virtual ground."""
    for j, ohm in enumerate(circuit.sense_ohm, start=1):
        yield resistance(f"sense_{j}", f"e_{j}", f"a_{j}", ohm)
        yield f"V_out_{j} a_{j} 0 DC 0"


def cells(circuit: Circuit) -> Iterator[str]:
    """Write every cell: a resistor, or a current source that obeys the law; and its access transistor.

    Raises:
        InputError: the device does not say its law to ngspice, or cells or columns have laws of their own.
    """
    device = circuit.device
    access = device if isinstance(device, OneTransistor) else None
    law = device if access is None else access.cell
    if isinstance(law, OffsetLaw | VariedLaw):
        raise _varied(device)
    expression = None if isinstance(law, Ohmic) else _expression(law)
    if access is not None:
        yield from transistor_model(access)
    open_at_zero = not cell_current(law, 0.0, PROBES_V).any()
    for (i, j), conductance_s in np.ndenumerate(circuit.conductance_s):
        place = f"{i + 1}_{j + 1}"
        word, bit = f"w_{place}", f"b_{place}"
        if conductance_s == 0 and open_at_zero:
            yield f"* cell_{place} is open"
            continue
        if access is not None:
            gate_v = float(np.broadcast_to(access.gate_v, len(circuit.conductance_s))[i])
            yield from transistor(place, gate_v)
            bit = f"t_{place}"
        if expression is None:
            yield f"R_cell_{place} {word} {bit} {number(1 / conductance_s)}"
        else:
            yield f"B_cell_{place} {word} {bit} I={cell_expression(expression, conductance_s, word, bit)}"


def transistor_model(access: OneTransistor) -> Iterator[str]:
    """Write the square law: ngspice's MOS level 1 without body effect, modulation or leaky junctions."""
    constants = f"kp={number(access.gain_a_per_v2)} vto={number(access.threshold_v)}"
    yield f".model access NMOS(level=1 {constants} gamma=0 lambda=0 is=1e-40)"


def transistor(place: str, gate_v: float) -> Iterator[str]:
    """Write an access transistor from cell to column; its gate's voltage counts from the column's node."""
    yield f"V_gate_{place} g_{place} b_{place} DC {number(gate_v)}"
    yield f"M_access_{place} t_{place} g_{place} b_{place} b_{place} access w=1u l=1u"


def capacitors(circuit: Circuit, farad: float) -> Iterator[str]:
    """Write capacitors from every wire node to ground, if there is capacitance."""
    if farad > 0:
        for i, j in np.ndindex(circuit.shape):
            for wire in "wb":
                yield f"C_{wire}_{i + 1}_{j + 1} {wire}_{i + 1}_{j + 1} 0 {number(farad)}"


def _node(line: str, number: int, cell: int) -> str:
    """Name the node of a wire at one of its cells, all counted from 0."""
    return f"w_{number + 1}_{cell + 1}" if line == "row" else f"b_{cell + 1}_{number + 1}"


def _name_of_break(fault: OpenLine) -> str:
    place = _node(fault.line, fault.number, fault.cell)[2:]
    return f"{fault.line}_{place}"


def _varied(law: CellLaw) -> InputError:
    """Refuse laws that netlists have no elements for, by the keys that give a board such."""
    keys = []
    if isinstance(law, OffsetLaw):
        keys.append("front_end.input_offset_v = 0")
        law = law.law
    if isinstance(law, OneTransistor):
        law = law.cell
    if isinstance(law, VariedLaw):
        alike = np.size(law.stretch) == 1
        keys.append(
            "device.steepness_temperature_power = 0 (or 25 °C)" if alike else "device.steepness_spread = 0"
        )
    return InputError(
        wanted(
            got="columns off 0 V, or cells that are steeper or flatter than their law",
            allowed="one law for all cells, columns at 0 V",
            remedy=f"export a board with {', '.join(keys)}",
        )
    )


def _expression(device: object) -> str:
    method = getattr(device, "spice_expression", None)
    if not callable(method):
        raise InputError(
            wanted(
                got=f"a device without a law for ngspice, {device!r}",
                allowed="a device with a method spice_expression() -> str",
                remedy="add one that returns the current in terms of g and v, such as 'g*v*(1+v*v)'",
            )
        )
    return str(method())


def _pairs(time_s: np.ndarray, drive_v: np.ndarray) -> Iterator[str]:
    pairs = [f"{number(t)} {number(v)}" for t, v in zip(time_s, drive_v, strict=True)]
    for k in range(0, len(pairs), PAIRS_PER_LINE):
        yield "+ " + "  ".join(pairs[k : k + PAIRS_PER_LINE])
