"""Writes the reference circuits of this folder and has ngspice solve them; imports nothing of the product.

    python tests/reference_circuits/netlists/write_netlists.py

For every case it leaves NAME.cir, the netlist, and NAME.json, what went into it and what ngspice answered.
All numbers have few digits, because ngspice keeps eleven of those inside expressions.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
OPTIONS = ".options reltol=1e-11 abstol=1e-18 vntol=1e-14 gmin=1e-18 itl1=1000"
SINH = {"law": "sinh", "a_pos": 0.225, "b_pos": 4.12, "a_neg": 0.2801, "b_neg": 4.1}
OHMIC = {"law": "ohmic"}
WIRES = {"row_ohm": 2.0, "column_ohm": 3.0, "source_ohm": 50.0, "sense_ohm": 10.0}


def random_case(name: str, rows: int, columns: int, seed: int, **rest) -> dict:
    """Conductances within 16.6–100 µS; one vector of positive drives, one of both signs."""
    rng = np.random.default_rng(seed)
    conductance_s = np.round(rng.uniform(16.6e-6, 100e-6, (rows, columns)), 9)
    drive_v = np.round(rng.uniform(0.1, 0.5, (2, rows)), 4)
    drive_v[1] *= rng.choice([-1, 1], rows)
    for i, j, value in rest.pop("cells_s", ()):
        conductance_s[i, j] = value
    case = {"name": name, "conductance_s": conductance_s.tolist(), "drive_v": drive_v.tolist()}
    return case | {"wires": WIRES, "faults": [], "access": None} | rest


def fault(kind: str, line: str, number: int, cell: int, ohm: float | None = None) -> dict:
    """A fault of a wire, counted from 0, as in `simulated_bench.line_faults`."""
    return {"kind": kind, "line": line, "number": number, "cell": cell} | (
        {} if ohm is None else {"ohm": ohm}
    )


def all_cases() -> list[dict]:
    """Every one is wider than high, or the other way round, and has unequal row and column wires."""
    gates_v = [1.4, 1.8, 2.2, 2.6, 3.3]
    access = {"gate_v": gates_v, "threshold_v": 0.7, "gain_a_per_v2": 0.0004}
    one_gate = {"gate_v": [1.2] * 7, "threshold_v": 0.6, "gain_a_per_v2": 0.0006}
    broken_cells = [(0, 3, 0.0), (2, 7, 0.01), (4, 0, 0.0), (1, 1, 100e-6), (3, 5, 16.6e-6)]
    shorts = [
        fault("grounded", "row", 1, 6, 5.0),
        fault("grounded", "column", 4, 1, 20.0),
        fault("bridged", "row", 2, 3, 2.0),
        fault("bridged", "column", 6, 2, 40.0),
    ]
    breaks = [
        fault("open", "row", 0, 2),
        fault("open", "row", 5, 0),
        fault("open", "column", 1, 6),
        fault("open", "column", 3, 2),
        fault("open", "column", 3, 4),
    ]
    mixed = [
        fault("open", "row", 1, 3),
        fault("grounded", "row", 1, 5, 100.0),
        fault("open", "column", 7, 2),
        fault("bridged", "column", 7, 1, 10.0),
        fault("bridged", "row", 3, 8, 1.0),
    ]
    return [
        random_case("access_sinh_5x9", 5, 9, 1, device=SINH, access=access),
        random_case("access_ohmic_7x4", 7, 4, 2, device=OHMIC, access=one_gate),
        random_case("cells_sinh_5x9", 5, 9, 3, device=SINH, cells_s=broken_cells),
        random_case("shorts_sinh_5x9", 5, 9, 4, device=SINH, faults=shorts),
        random_case("breaks_sinh_7x4", 7, 4, 5, device=SINH, faults=breaks),
        random_case("breaks_ohmic_7x4", 7, 4, 6, device=OHMIC, faults=breaks),
        random_case(
            "mixed_access_5x9", 5, 9, 7, device=SINH, access=access, faults=mixed, cells_s=broken_cells
        ),
    ]


def netlist(case: dict) -> str:
    """One operating point per vector; prints the currents out of the columns."""
    rows, columns = np.shape(case["conductance_s"])
    lines = [f"* {case['name']}: {rows} rows x {columns} columns", OPTIONS, *_drivers_and_wires(case)]
    for i in range(rows):
        for j in range(columns):
            lines += _cell(case, i, j)
    for k, one in enumerate(case["faults"]):
        if one["kind"] != "open":
            ends = [_node(one["line"], number, one["cell"]) for number in (one["number"], one["number"] + 1)]
            other = "0" if one["kind"] == "grounded" else ends[1]
            lines.append(f"Rfault{k} {ends[0]} {other} {one['ohm']!r}")
    lines += [".control", "set numdgt=16"]
    for vector_v in case["drive_v"]:
        lines += [f"alter Vin{i} dc = {volt!r}" for i, volt in enumerate(vector_v)]
        lines += ["op", *(f"print i(Vout{j})" for j in range(columns))]
    return "\n".join([*lines, "quit 0", ".endc", ".end", ""])


def _drivers_and_wires(case: dict) -> list[str]:
    rows, columns = np.shape(case["conductance_s"])
    wires, lines = case["wires"], []
    broken = {(one["line"], one["number"], one["cell"]) for one in case["faults"] if one["kind"] == "open"}
    for i in range(rows):
        lines += [f"Vin{i} in{i} 0 dc 0", f"Rsource{i} in{i} start{i} {wires['source_ohm']!r}"]
        for j in range(columns):
            before = f"start{i}" if j == 0 else _node("row", i, j - 1)
            if ("row", i, j) not in broken:
                lines.append(f"Rrow{i}_{j} {before} {_node('row', i, j)} {wires['row_ohm']!r}")
    for j in range(columns):
        lines += [f"Rsense{j} end{j} out{j} {wires['sense_ohm']!r}", f"Vout{j} out{j} 0 dc 0"]
        for i in range(rows):
            after = f"end{j}" if i == rows - 1 else _node("column", j, i + 1)
            if ("column", j, i) not in broken:
                lines.append(f"Rcol{i}_{j} {_node('column', j, i)} {after} {wires['column_ohm']!r}")
    return lines


def _cell(case: dict, i: int, j: int) -> list[str]:
    conductance, device, access = case["conductance_s"][i][j], case["device"], case["access"]
    if conductance == 0:
        return []
    top, bottom, lines = _node("row", i, j), _node("column", j, i), []
    name = f"{i}_{j}"
    if access:
        model = f"vto={access['threshold_v']!r} kp={access['gain_a_per_v2']!r} lambda=0 gamma=0 is=1e-30"
        lines = [
            f".model access{name} nmos level=1 {model}",
            f"Vgate{name} g{name} {bottom} dc {access['gate_v'][i]!r}",
            f"Maccess{name} d{name} g{name} {bottom} {bottom} access{name} w=1u l=1u",
        ]
        bottom = f"d{name}"
    if device["law"] == "ohmic":
        return [*lines, f"Bcell{name} {top} {bottom} i={conductance!r}*v({top},{bottom})"]
    volt, parts = f"v({top},{bottom})", []
    for a, b in (("a_pos", "b_pos"), ("a_neg", "b_neg")):
        parts.append(f"{device[a]!r}*{conductance!r}*sinh({device[b]!r}*{volt})")
    return [*lines, f"Bcell{name} {top} {bottom} i={volt} > 0 ? {parts[0]} : {parts[1]}"]


def _node(line: str, number: int, cell: int) -> str:
    return f"w{number}_{cell}" if line == "row" else f"b{cell}_{number}"


def solve(text: str, columns: int) -> list[list[float]]:
    """Have ngspice solve a netlist: one list of column currents [A] per vector."""
    said = subprocess.run(["ngspice", "-b"], input=text, capture_output=True, text=True, check=True).stdout
    values = [float(value) for value in re.findall(r"^i\(vout\d+\) = (\S+)", said, re.MULTILINE)]
    return np.reshape(values, (-1, columns)).tolist()


def main() -> None:
    for case in all_cases():
        text = netlist(case)
        case["current_a"] = solve(text, len(case["conductance_s"][0]))
        (FOLDER / f"{case['name']}.cir").write_text(text)
        (FOLDER / f"{case['name']}.json").write_text(json.dumps(case, indent=1) + "\n")


if __name__ == "__main__":
    main()
