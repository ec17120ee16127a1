"""Calibration of boards that differ in ranges, law and programming, by the one command that users type.

    python benchmarks/own_ranges.py -o own_ranges/
    python benchmarks/own_ranges.py --boards pcm-24x32,binary --test-matrices 10

On each board: `crosscal calibrate`, then matrices never trained on, measured anew. Printed are the calibrated
NMSE; its ratio to the linear-Gaussian reference that knows of the cells what the target and the read-back
tell; the errors relative to the deviations stated with them (rms); matrices and processor time used; and gain
and offset per column fitted to 100 known vectors of each test matrix. Finished boards are kept in the folder:
the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from study_boards.ranged import BOARDS, RangedBoard

from crosscal.commands.benches.simulated_board import RESOURCE
from crosscal.commands.benches.unknown_cells import CellScatter, reference_of_unknown_cells
from crosscal.commands.jobs.evaluation import evaluate_with_bar
from crosscal.core.run.layout import RunPlan
from crosscal.core.run_file import Run, read_run
from crosscal.front_door import open_board
from crosscal.training import CollectionPlan, Evaluation, collect

TEST_SEED = 1000
VECTORS = 200
"""Vectors of each test matrix: 100 known to the affine fit, 100 scored."""


def crosscal(*arguments: str, folder: Path) -> tuple[str, float]:
    """Run a command as a user does; return what it printed and its processor time [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "crosscal", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(
            f"crosscal {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}"
        )
    return done.stdout + done.stderr, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def study(board: RangedBoard, folder: Path, *, matrices: int, vectors: int, tests: int) -> dict[str, Any]:
    """Calibrate a board, test it, and return the row of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.toml").write_text(board.bench, encoding="utf-8")
    backend = ("--backend", "bench.toml@crosscal")
    spent, began_s = folder / "spent.json", time.monotonic()
    if not (folder / "calibrator.onnx").exists():
        told, processor_s = crosscal(
            *("calibrate", RESOURCE, *backend, *board.options, "-o", "calibrator.onnx"),
            *("--matrices", str(matrices), "--vectors", str(vectors), "--time", "120"),
            folder=folder,
        )
        (folder / "told.txt").write_text(told, encoding="utf-8")
        spent.write_text(json.dumps({"processor_s": processor_s, "elapsed_s": time.monotonic() - began_s}))
    test = measured(folder, read_run(folder / "calibrator" / "run.h5").plan, tests)
    reference = reference_of_unknown_cells(str(folder / "bench.toml"), test, CellScatter.of_run(test))[0]
    evaluation = evaluate_with_bar(
        folder / "calibrator.onnx", test, reference_nmse=reference, deviations=None
    )
    scores = evaluation.kinds[0].scores
    return {
        "kind": evaluation.calibrator,
        "nmse": scores["calibrator"].nmse,
        "ratio": scores["calibrator"].reference_ratio,
        "reference": float(reference.mean()),
        "z": error_over_deviation(evaluation),
        "nothing": scores["nothing"].nmse,
        "affine": scores["affine K=100"].nmse,
        "matrices": programmed(read_run(folder / "calibrator" / "run.h5")),
        **json.loads(spent.read_text()),
    }


def measured(folder: Path, calibrated: RunPlan, matrices: int) -> Run:
    """Measure fresh matrices in the ranges of a calibration, one after the other on one board, as it did."""
    path = folder / "test.h5"
    plan = CollectionPlan(
        matrices=matrices,
        vectors=VECTORS,
        seed=TEST_SEED,
        inputs=calibrated.inputs,
        draw=calibrated.draw,
        conductance_range_s=calibrated.conductance_range_s,
        voltage_range_v=calibrated.voltage_range_v,
    )
    with open_board(RESOURCE, backend=f"{folder / 'bench.toml'}@crosscal") as board:
        collect(board, path, plan, resume=True)
    return read_run(path)


def programmed(run: Run) -> int:
    """Count the matrices that a calibration programmed."""
    return len(run.target_s)


def error_over_deviation(evaluation: Evaluation) -> float | None:
    """Rms of the errors in parts of the deviations stated with them; None for kinds that state none."""
    if evaluation.deviation_a is None:
        return None
    parts = (evaluation.calibrated_a - evaluation.data.ideal_a) / evaluation.deviation_a
    return float(np.sqrt(np.nanmean(parts**2)))


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Lay the rows out as Markdown."""
    lines = [
        "| board | calibrator | raw | affine K = 100 | calibrated NMSE | × reference | error / deviation "
        "| matrices | processor min |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        z = "–" if row["z"] is None else f"{row['z']:.2f}"
        lines.append(
            f"| {name} | `{row['kind']}` | {row['nothing']:.2g} | {row['affine']:.1e} | {row['nmse']:.1e} "
            f"| {row['ratio']:.2f} | {z} | {row['matrices']} | {row['processor_s'] / 60:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("own_ranges"), help="folder of everything")
    parser.add_argument("--boards", default="*", help="names or patterns, by commas")
    parser.add_argument("--matrices", type=int, default=30, help="most matrices of a calibration")
    parser.add_argument("--vectors", type=int, default=200, help="vectors of each")
    parser.add_argument("--test-matrices", type=int, default=20, help="matrices never trained on")
    given = parser.parse_args()
    patterns = given.boards.split(",")
    chosen = [b for b in BOARDS if any(fnmatchcase(b.name, pattern) for pattern in patterns)]
    rows: dict[str, dict[str, Any]] = {}
    for board in chosen:
        result = given.output / board.name / "result.json"
        if not result.exists():
            row = study(
                board,
                (given.output / board.name).absolute(),
                matrices=given.matrices,
                vectors=given.vectors,
                tests=given.test_matrices,
            )
            result.write_text(json.dumps(row, indent=1))
        rows[board.name] = json.loads(result.read_text())
        print(f"{board.name}: {rows[board.name]}", file=sys.stderr, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
