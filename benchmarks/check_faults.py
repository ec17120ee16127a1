"""Faults that `crosscal check` finds, on simulated boards of many kinds: a confusion table.

    python benchmarks/check_faults.py -o check_faults/
    python benchmarks/check_faults.py --faults healthy,sign --boards 10

Boards differ in shape, ranges, law, wires, front end, noise, programming error, the matrix that is found on
them, and inputs; half are SCPI instruments over TCP and half classes of Python, half are checked with
`--program`. Finished boards are kept in the folder: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from study_boards.faulty import BenchAsClass, FaultyHardware, Specimen, draw_specimen

from crosscal.commands.check import rested_currents
from crosscal.firmware_models.serving import BoardServer, PoweredBoard, serve_tcp
from crosscal.front_door import open_board
from crosscal.runtime.board_check.check import CheckPlan, check_board
from crosscal.runtime.board_check.findings import Finding, Verdict
from crosscal.simulated_bench import Bench
from crosscal.simulated_bench.instrument.warm_up import warm_up

FOUND_BY = {
    "healthy": "",
    "rows reversed": "order of rows and columns",
    "columns permuted": "order of rows and columns",
    "sign": "sign",
    "µA": "unit",
    "one dead row": "dead rows",
    "one dead column": "dead columns",
    "slow settling": "settling",
    "outputs left on": "rest",
}
"""Planted faults, each with the test that has to find it."""

REFUSED = "readings"
"""Test that reports what the base of a board's class refuses: another unit at once."""


def findings_on(specimen: Specimen, fault: str, rng: np.random.Generator, folder: Path) -> list[Finding]:
    """Check one board in the way that its specimen names."""
    toml = folder / "bench.toml"
    toml.write_text(specimen.bench, encoding="utf-8")
    bench = Bench.from_toml(toml)
    warm_up(bench.settings)
    hardware: Any = FaultyHardware(bench, fault, rng)
    plan = CheckPlan(voltage_range_v=specimen.voltage_range_v, program=specimen.program)
    most_v = max(abs(volt) for volt in specimen.voltage_range_v)
    if specimen.as_instrument:
        with (
            serve_tcp(BoardServer(PoweredBoard(hardware))) as server,
            open_board(server.resource, backend="@py") as board,
        ):
            board.program(specimen.matrix_s)
            board.protection_v = 1.01 * most_v
            return check_board(board, plan, rest=lambda: rested_currents(board))
    # Column currents of the wildest law, with room.
    full_scale_a = 4.0 * bench.facts.rows * bench.facts.conductance_max_s * most_v
    full_scale_a = min(full_scale_a, bench.facts.ranges_a[-1])
    with BenchAsClass(hardware, full_scale_a, 1.01 * most_v) as board:
        board.program(specimen.matrix_s)
        return check_board(board, plan, rest=lambda: rested_currents(board))


def study(fault: str, number: int, folder: Path) -> dict[str, Any]:
    """Check one board with one fault; return the tests that reported one, with their words."""
    rng = np.random.default_rng([list(FOUND_BY).index(fault), number])
    specimen = draw_specimen(number, fault, rng)
    findings = findings_on(specimen, fault, rng, folder)
    return {
        "fault": fault,
        "number": number,
        "reported": {f.test: f.text for f in findings if f.verdict is Verdict.FAULT},
        "untold": {f.test: f.text for f in findings if f.verdict in (Verdict.UNKNOWN, Verdict.NOTE)},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Lay out as Markdown by how many boards each test reported, planted faults downwards."""
    tests = [*dict.fromkeys(test for test in FOUND_BY.values() if test)]
    others = sorted({test for row in rows for test in row["reported"]} - set(tests))
    lines = [
        f"| planted | boards | {' | '.join([*tests, *others])} | found | cannot tell | missed |",
        "|" + "---|" * (len(tests) + len(others) + 5),
    ]
    for fault, test in FOUND_BY.items():
        mine = [row for row in rows if row["fault"] == fault]
        if not mine:
            continue
        reported = Counter(name for row in mine for name in row["reported"])
        outcomes = Counter(_outcome(row, test) for row in mine)
        counts = [str(reported[name]) if reported[name] else "" for name in [*tests, *others]]
        last = [str(outcomes[name]) for name in ("found", "cannot tell", "missed")]
        lines.append(f"| {fault} | {len(mine)} | {' | '.join([*counts, *(last if test else '–––')])} |")
    return "\n".join(lines)


def _outcome(row: dict[str, Any], test: str) -> str:
    if test in row["reported"] or (row["fault"] == "µA" and REFUSED in row["reported"]):
        return "found"
    return "cannot tell" if test in row["untold"] else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("check_faults"), help="folder of results")
    parser.add_argument("--faults", default=",".join(FOUND_BY), help="names, by commas")
    parser.add_argument("--boards", type=int, default=50, help="boards for each")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for fault in given.faults.split(","):
        for number in range(given.boards):
            result = given.output / f"{fault.replace(' ', '_')}-{number}.json"
            if not result.exists():
                row = study(fault, number, given.output)
                result.write_text(json.dumps(row, ensure_ascii=False, indent=1), encoding="utf-8")
            rows.append(json.loads(result.read_text(encoding="utf-8")))
        print(fault, file=sys.stderr, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
