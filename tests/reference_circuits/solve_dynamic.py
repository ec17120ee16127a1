"""Write netlists of small arrays with capacitors and inductors, and have ngspice solve them.

    python tests/reference_circuits/solve_dynamic.py

Makes the `rlc_*` and `ac_*` files beside it: the netlist as text (`.cir`) and what ngspice found (`.npz`).
Nothing of this project's code is used. Needs ngspice on the path; takes some minutes.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
ROW_OHM, COLUMN_OHM, SOURCE_OHM, SENSE_OHM = 2.0, 3.0, 20.0, 5.0
FARAD, HENRY = 1e-14, 1e-10
RISE_S, END_S, LONGEST_STEP_S = 2e-12, 60e-12, 5e-16
SINH = "{g:.17g}*(v({w},{b})>0 ? 0.225*sinh(4.12*v({w},{b})) : 0.2801*sinh(4.10*v({w},{b})))"
OPTIONS = "reltol=1e-9 abstol=1e-18 vntol=1e-13 chgtol=1e-24 gmin=1e-18 method=trap trtol=1"


def main() -> None:
    for rows, columns, kind in ((3, 5, "lin"), (5, 3, "sinh")):
        rng = np.random.default_rng(rows)
        conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (rows, columns)), rng.uniform(0.1, 0.5, rows)
        given = {"G": conductance_s, "V": drive_v, "nonlinear": kind == "sinh", "c_node": FARAD}
        given |= {"l_segment": HENRY, "r_row": ROW_OHM, "r_col": COLUMN_OHM}
        given |= {"r_source": SOURCE_OHM, "r_sense": SENSE_OHM}
        name = f"{kind}_{rows}x{columns}"
        sources = [f"PWL(0 0 {RISE_S} {v:.17g} 1 {v:.17g})" for v in drive_v]
        analysis = f"tran {LONGEST_STEP_S} {END_S} 0 {LONGEST_STEP_S}"
        columns_read = solve(f"rlc_{name}", conductance_s, kind, sources, analysis, "i(vm{j})")
        some = slice(0, None, len(columns_read) // 240)
        times_s, currents_a = columns_read[some, 0], columns_read[some, 1::2]
        np.savez(HERE / f"rlc_{name}.npz", t_raw=times_s, I_raw=currents_a, t_rise=RISE_S, **given)
        answers = []
        for driven in range(rows):
            sources = [f"DC {v:.17g} AC {int(i == driven)}" for i, v in enumerate(drive_v)]
            analysis = "ac dec 8 1e7 1e12"
            read = solve(f"ac_{name}", conductance_s, kind, sources, analysis, "i(vm{j})")
            answers.append(read[:, 1::3] + 1j * read[:, 2::3])
        transfer_s = np.stack(answers, axis=-1)
        np.savez(HERE / f"ac_{name}.npz", f=read[:, 0], transfer=transfer_s, **given)


def solve(
    name: str, conductance_s: np.ndarray, kind: str, sources: list[str], analysis: str, output: str
) -> np.ndarray:
    """Write the netlist, run ngspice on it and return the table that it printed."""
    outputs = " ".join(output.format(j=j) for j in range(conductance_s.shape[1]))
    lines = [f"{name}", *elements(conductance_s, kind, sources), f".options {OPTIONS}", ".control"]
    lines += [analysis, "set numdgt=17", f"wrdata table {outputs}", "quit", ".endc", ".end"]
    netlist = HERE / f"{name}.cir"
    netlist.write_text("\n".join(lines) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["ngspice", "-b", netlist], cwd=folder, check=True, capture_output=True)
        return np.loadtxt(Path(folder) / "table")


def elements(conductance_s: np.ndarray, kind: str, sources: list[str]) -> Iterator[str]:
    """Lines of the netlist, by branch; `w0_1` is the row node of cell (0, 1), `b0_1` its column node."""
    rows, columns = conductance_s.shape
    for i, source in enumerate(sources):
        yield f"V{i} in{i} 0 {source}"
    for i in range(rows):
        for j in range(columns):
            before = f"in{i}" if j == 0 else f"w{i}_{j - 1}"
            yield f"Rr{i}_{j} {before} x{i}_{j} {ROW_OHM + (SOURCE_OHM if j == 0 else 0):g}"
            yield f"Lr{i}_{j} x{i}_{j} w{i}_{j} {HENRY:g}"
            after = f"out{j}" if i == rows - 1 else f"b{i + 1}_{j}"
            yield f"Rc{i}_{j} b{i}_{j} y{i}_{j} {COLUMN_OHM + (SENSE_OHM if i == rows - 1 else 0):g}"
            yield f"Lc{i}_{j} y{i}_{j} {after} {HENRY:g}"
            yield f"Cw{i}_{j} w{i}_{j} 0 {FARAD:g}"
            yield f"Cb{i}_{j} b{i}_{j} 0 {FARAD:g}"
            w, b, g = f"w{i}_{j}", f"b{i}_{j}", conductance_s[i, j]
            if kind == "sinh":
                yield f"Bg{i}_{j} {w} {b} I={SINH.format(g=g, w=w, b=b)}"
            else:
                yield f"Rg{i}_{j} {w} {b} {1 / g:.17g}"
    for j in range(columns):
        yield f"Vm{j} out{j} 0 0"


if __name__ == "__main__":
    main()
