"""HTML page of a bench: the numbers of a snapshot in a template that shows them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.circuit.line_faults import BridgedLines, GroundedLine, OpenLine
from crosscal.simulated_bench.pictures.snapshot import Snapshot
from crosscal.simulated_bench.settings.bench_settings import BenchSettings

TEMPLATE = "page_template.html"
EXACT_PERCENT = 1e-6  # rounding leaves 1e-14, the most exact programming 1e-3
DATA_PLACE, TITLE_PLACE = "__PAGE_DATA__", "__PAGE_TITLE__"


def write_page(path: Path, bench: Bench, snapshot: Snapshot, *, name: str, vector_names: list[str]) -> None:
    """Write a self-contained page: no network, no other file.

    Args:
        path: HTML file.
        bench: the board, for its facts and settings.
        snapshot: of the board at work.
        name: of the board, for the title.
        vector_names: name of each vector of the snapshot, (B,).
    """
    facts = bench.facts
    title = f"{name}: {facts.rows}×{facts.columns} crossbar"
    data = json.dumps(page_data(bench, snapshot, name=name, vector_names=vector_names), ensure_ascii=False)
    template = (files("crosscal.simulated_bench") / TEMPLATE).read_text(encoding="utf-8")
    # Inside a script element, only this could end it.
    page = template.replace(TITLE_PLACE, html.escape(title)).replace(DATA_PLACE, data.replace("</", "<\\/"))
    path.write_text(page, encoding="utf-8")


def page_data(bench: Bench, snapshot: Snapshot, *, name: str, vector_names: list[str]) -> dict[str, Any]:
    """Gather the page's data; arguments as of `write_page`.

    Arrays over the whole array are single-precision numbers in base64, little-endian, in C order.
    """
    rows, columns = snapshot.target_s.shape
    solution = snapshot.solution
    return {
        "name": name,
        "rows": rows,
        "columns": columns,
        "facts": _facts(bench, snapshot),
        "settings": _settings(bench.settings),
        "vectors": vector_names,
        "faults": [
            [int(i), int(j), str(snapshot.cell_faults[i, j])]
            for i, j in np.argwhere(snapshot.cell_faults != "")
        ],
        "amplifier_faults": np.flatnonzero(snapshot.amplifier_faults).tolist(),
        "range_a": snapshot.range_a,
        "voltage_v": snapshot.voltage_v.tolist(),
        "ideal_a": snapshot.ideal_a.tolist(),
        "flowing_a": solution.current_a.tolist(),
        "reading_a": [[None if np.isnan(a) else float(a) for a in vector] for vector in snapshot.reading_a],
        "target_s": _packed(snapshot.target_s),
        "conductance_s": _packed(snapshot.conductance_s),
        "word_v": _packed(solution.word_v),
        "bit_v": _packed(solution.bit_v),
        "cell_a": _packed(snapshot.cell_a),
    }


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")


def _facts(bench: Bench, snapshot: Snapshot) -> list[list[str]]:
    facts, wires = bench.facts, snapshot.wires
    off = snapshot.conductance_s / snapshot.target_s - 1
    broken = snapshot.cell_faults != ""
    # Where an amplifier is broken, nothing can be verified.
    off = off[~broken & ~snapshot.amplifier_faults]
    away = 100 * float(np.sqrt(np.mean(off**2))) if off.size else np.nan
    return [
        ["Board", f"{facts.manufacturer} {facts.model}, serial {facts.serial}"],
        ["Array", f"{facts.rows} rows × {facts.columns} columns{_in_tiles(bench)}"],
        ["Conductances", f"{1e6 * facts.conductance_min_s:.4g} to {1e6 * facts.conductance_max_s:.4g} µS"],
        ["Cells", type(snapshot.device).__name__],
        ["Wires", f"{wires.row_ohm:g} Ω a cell by row, {wires.column_ohm:g} Ω by column"],
        ["Drivers, amplifiers", f"{_ohms(wires.source_ohm)}, {_ohms(wires.sense_ohm)}"],
        ["Range of the amplifiers", f"{1e3 * snapshot.range_a:.4g} mA"],
        ["Temperature, time", f"{bench.temperature_c():g} °C, {bench.time_s:g} s after power-on"],
        ["Whole cells, away from target", f"{away:.2g} % rms" if away > EXACT_PERCENT else "nothing"],
        ["Broken cells", f"{broken.sum()} of {broken.size}" if broken.any() else "none"],
        ["Broken lines", ", ".join(_broken_lines(bench)) or "none"],
        [
            "Broken amplifiers",
            f"{', '.join(map(str, np.flatnonzero(snapshot.amplifier_faults) + 1)) or 'none'}",
        ],
    ]


def _in_tiles(bench: Bench) -> str:
    tiles = bench.settings.tiles
    return f" in {tiles.rows} × {tiles.columns} tiles" if tiles.rows * tiles.columns > 1 else ""


def _broken_lines(bench: Bench) -> Iterator[str]:
    """List every fault of a line, with its place on the whole board, counted from 1."""
    for rows, columns, part in bench.arrays():
        for fault in part.wires(0).faults:
            by_row = fault.line == "row"
            first, along = (rows, columns) if by_row else (columns, rows)
            number, cell = first.start + fault.number + 1, along.start + fault.cell + 1
            kind = {
                OpenLine: "open",
                GroundedLine: "to ground",
                BridgedLines: f"to {fault.line} {number + 1}",
            }[type(fault)]
            yield f"{fault.line} {number} {kind} at {'column' if by_row else 'row'} {cell}"


def _ohms(value: Any) -> str:
    numbers = np.atleast_1d(value)
    least, most = numbers.min(), numbers.max()
    return f"{least:g} Ω" if least == most else f"{least:g} to {most:g} Ω"


def _settings(settings: BenchSettings) -> list[list[str]]:
    """List every setting as `table.key` and value."""
    listed = []
    for table, values in msgspec.to_builtins(settings).items():
        if isinstance(values, dict):
            listed += [[f"{table}.{key}", _shown(value)] for key, value in values.items()]
        else:
            listed.append([table, _shown(values)])
    return listed


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
