"""Error against the number of training matrices, on boards of several sizes: a table and a picture.

    python benchmarks/learning_curve.py --sizes 24x40,64x64 -o learning_curve/

Each board is the circuit of `memsys2025` in another size, with read noise of 1e-3 of the largest current. A
calibrator is trained on the first K matrices of one run and scored on matrices never trained on, none of
their vectors known. Everything finished is kept in the folder: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from crosscal.commands.benches.simulated_board import linear_gaussian_reference
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.core.run_file import Run, read_run
from crosscal.front_door import load_calibrator
from crosscal.training import (
    CollectionPlan,
    Measurements,
    TrainingPlan,
    calibrator_names,
    evaluate,
    export_calibrator,
    train,
)

LARGEST_A_PER_ROW = 1.08e-3 / 64
"""Current that a column of such matrices carries at most under such inputs, by rows."""

NOISE = 1e-3
TEST_VECTORS = 200


def bench_of(size: str, folder: Path) -> Path:
    """Write the bench.toml of a size such as `24x40`."""
    rows, columns = (int(part) for part in size.split("x"))
    path = folder / "bench.toml"
    path.write_text(
        f'profile = "memsys2025"\n[array]\nrows = {rows}\ncolumns = {columns}\n'
        f"[noise]\nread_relative = {NOISE:g}\nfull_scale_a = {LARGEST_A_PER_ROW * rows:g}\n"
    )
    return path


def run_of(bench: Path, name: str, *, matrices: int, vectors: int, seed: int) -> Run:
    """Measure a run, or go on with it."""
    plan = CollectionPlan(matrices=matrices, vectors=vectors, seed=seed)
    path = bench.with_name(name)
    collect_simulated(bench, path, plan, resume=True)
    return read_run(path)


def score_of(kind: str, learned: Measurements, test: Run, reference: Any, path: Path) -> dict[str, float]:
    """Train on matrices, all of them, and score on others."""
    # Nothing waits for a validation: these calibrators are fitted, not stepped.
    result = train(TrainingPlan(calibrator=kind, seed=1), learned, validation=learned)
    export_calibrator(result, path)
    scores = evaluate(load_calibrator(path), test, reference_nmse=reference).kinds[0].scores
    found, affine = scores["calibrator"], scores["affine K=100"]
    return {
        "nmse": found.nmse,
        "ratio": found.reference_ratio or 0.0,
        "affine": affine.reference_ratio or 0.0,
    }


def curve(size: str, counts: list[int], given: argparse.Namespace) -> dict[int, dict[str, float]]:
    """Gather the curve of one size."""
    folder = given.output / size
    folder.mkdir(parents=True, exist_ok=True)
    bench = bench_of(size, folder)
    run = run_of(bench, "training.h5", matrices=max(counts), vectors=given.vectors, seed=1)
    test = run_of(bench, "test.h5", matrices=given.test_matrices, vectors=TEST_VECTORS, seed=2)
    data, reference = Measurements.from_run(run), None
    found: dict[int, dict[str, float]] = {}
    for count in counts:
        kept = folder / f"{given.calibrator}_{count}.json"
        if not kept.exists():
            reference = linear_gaussian_reference(str(bench), test) if reference is None else reference
            learned = data.of_matrices(slice(0, count))
            score = score_of(given.calibrator, learned, test, reference, kept.with_suffix(".onnx"))
            kept.write_text(json.dumps(score))
        found[count] = json.loads(kept.read_text())
        print(f"{size}, {count} matrices: {found[count]}", file=sys.stderr, flush=True)
    return found


def table(curves: dict[str, dict[int, dict[str, float]]], counts: list[int]) -> str:
    """Lay the ratios out as Markdown."""
    lines = [
        f"| board | affine K = 100 | {' | '.join(map(str, counts))} |",
        "|---|---|" + "---|" * len(counts),
    ]
    for size, found in curves.items():
        ratios = " | ".join(f"{found[count]['ratio']:.3g}" for count in counts)
        lines.append(f"| {size} | {found[counts[0]]['affine']:.3g} | {ratios} |")
    return "\n".join(lines)


def draw(curves: dict[str, dict[int, dict[str, float]]], path: Path) -> None:
    """Draw ratio to the reference against matrices, both logarithmic."""
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for size, found in curves.items():
        (line,) = axes.plot(list(found), [score["ratio"] for score in found.values()], "o-", label=size)
        affine = next(iter(found.values()))["affine"]
        axes.axhline(
            affine, color=line.get_color(), linestyle=":", label=f"{size}, gain and offset, 100 known"
        )
    axes.axhline(1.0, color="0.5", linewidth=0.8)
    axes.set(
        xscale="log", yscale="log", xlabel="training matrices", ylabel="NMSE / linear-Gaussian reference"
    )
    figure.legend(fontsize=8, loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("learning_curve"), help="folder of everything"
    )
    parser.add_argument("--sizes", default="24x40,64x64", help="rows x columns, by commas")
    parser.add_argument("--counts", default="1,2,3,5,10,30,100", help="numbers of matrices, by commas")
    parser.add_argument("--calibrator", default="whitebox", choices=calibrator_names())
    parser.add_argument("--vectors", type=int, default=100, help="vectors of each training matrix")
    parser.add_argument("--test-matrices", type=int, default=10, help="matrices never trained on")
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    curves = {size: curve(size, counts, given) for size in given.sizes.split(",")}
    print(table(curves, counts))
    draw(curves, given.output / "learning_curve.png")


if __name__ == "__main__":
    main()
