"""A cell that breaks on a board: its name in the report, and error over stated deviation afterwards.

    python benchmarks/broken_cells.py FILE.onnx --board lab-12x16 --vectors 24

FILE is a calibrator of the board; `benchmarks/read_back.py --keep FOLDER` leaves some. For each kind of fault
and a few matrices one cell is broken, K known vectors are learned from, and 200 others read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from study_boards.scores import stated

from crosscal.commands.benches.simulated_board import RESOURCE
from crosscal.commands.terminal.recalibration_table import describe_breaks
from crosscal.front_door import load_calibrator, open_board
from crosscal.runtime.recalibration.vectors import informative_vectors

FRESH = 200


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("calibrator", type=Path)
    parser.add_argument("--board", default="lab-12x16")
    parser.add_argument("--vectors", type=int, default=24)
    parser.add_argument("--matrices", type=int, default=4)
    given = parser.parse_args()
    calibrator = load_calibrator(given.calibrator)
    low_v, high_v = calibrator.voltage_range_v or (0.1, 0.5)
    low_s, high_s = calibrator.conductance_range_s or (20e-6, 95e-6)
    rng = np.random.default_rng(5)
    print("fault    cell      NMSE  error / stated   found")
    for kind in ("none", "open", "short"):
        for _ in range(given.matrices):
            with open_board(RESOURCE, backend=f"{given.board}@crosscal") as board:
                board.simulation.clear_faults()
                rows, columns = board.shape
                target_s = rng.uniform(1.05 * low_s, 0.95 * high_s, board.shape)
                board.program(target_s)
                row, column = int(rng.integers(rows)) + 1, int(rng.integers(columns)) + 1
                if kind != "none":
                    board.simulation.fault_cell(row, column, kind)
                known_v = informative_vectors(given.vectors, rows, low_v=low_v, high_v=high_v, rng=rng)
                known, fresh_v = board.read(known_v), rng.uniform(low_v, high_v, (FRESH, rows))
                fresh_a = board.measure(fresh_v)
                board.simulation.clear_faults()
            better = calibrator.program(target_s).recalibrated(known_v, known.current_a, usable=known.usable)
            error, ratio = stated(better, fresh_a, fresh_v @ target_s)
            named = "" if better.report is None else describe_breaks(better.report)
            print(f"{kind:6} {row:3d},{column:3d}  {error:8.1e}  {ratio:14.2f}   {named}", flush=True)


if __name__ == "__main__":
    main()
