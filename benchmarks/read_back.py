"""Error on boards that program inexactly: by the target alone, a read-back, K known vectors, and both.

    python benchmarks/read_back.py --keep read_back/
    python benchmarks/read_back.py --boards rram-32x24 --counts 4,16 --calibrator whitebox

Collects a training and a test run of each simulated board through its instrument, with read-backs, trains,
and calibrates matrices never trained on. Printed are medians over matrices of the NMSE, and of the errors'
root mean square relative to the stated deviations (with the least and the largest of a matrix). Gain and
offset per column and a ridge over all columns, fitted to the same known vectors, stand beside them. `×` is
the NMSE over the linear-Gaussian reference that knows of the cells no more than the row does: the scatter of
programming and of read-backs, from the true cells of the training run, and what K vectors can tell by the
true circuit. The last line takes the true cells for known.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from study_boards.scores import Scores, nmse, stated

from crosscal.commands.benches.simulated_board import linear_gaussian_reference
from crosscal.commands.benches.unknown_cells import CellScatter, reference_of_unknown_cells
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.commands.suite.boards import load_suite
from crosscal.core.run_file import Run, read_run
from crosscal.runtime import Calibrator
from crosscal.simulated_bench import profile_names
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, export_calibrator, train
from crosscal.training.calibrators.affine_fit import affine_per_matrix
from crosscal.training.suite.ridge import ridge_per_matrix

VECTORS, SCORED = 100, 100
BOARDS = "lab-12x16,pcm-24x32,rram-32x24,cmo-hfox-32x24,programming-0.01,programming-0.05"


def window_v(board: str) -> tuple[float, float]:
    """Choose the inputs' window: read voltages of memories stay low."""
    return (0.0, 0.3) if board.startswith(("pcm", "rram", "cmo")) else (0.1, 0.5)


def bench_file(board: str, folder: Path) -> str:
    """Name a profile's bench; that of one of the suite's boards is written into the folder."""
    if board in profile_names():
        return board
    path = folder / f"{board}.toml"
    path.write_text(load_suite().selected([board])[0].to_toml())
    return str(path)


def measured(board: str, bench: str, path: Path, *, matrices: int, vectors: int, seed: int) -> Run:
    if not path.exists():
        plan = CollectionPlan(matrices=matrices, vectors=vectors, seed=seed, voltage_range_v=window_v(board))
        collect_simulated(bench, path, plan, resume=False)
    run = read_run(path)
    if (run.plan.matrices, run.plan.vectors) != (matrices, vectors):
        raise SystemExit(
            f"{path} holds {run.plan.matrices} matrices × {run.plan.vectors} vectors, "
            f"not {matrices} × {vectors}: give --keep another folder"
        )
    return run


def trained(kind: str, run: Run, path: Path) -> Calibrator:
    if not path.exists():
        export_calibrator(train(TrainingPlan(calibrator=kind, seed=1), Measurements.from_run(run)), path)
    return Calibrator.load(path)


def compare(bench: str, calibrator: Calibrator, run: Run, scatter: CellScatter, counts: list[int]) -> None:
    data, scores = Measurements.from_run(run), Scores()
    scored = slice(data.vectors - SCORED, None)
    affine = {known: affine_per_matrix(data, known) for known in counts}
    ridge = {known: ridge_per_matrix(data, known) for known in counts}
    of_targets, of_cells = (
        dict(zip([0, *counts], references, strict=True))
        for references in (
            reference_of_unknown_cells(bench, run, scatter, counts=[0, *counts], read_back=told)
            for told in (False, True)
        )
    )
    for k in range(data.matrices):
        voltage_v, current_a = data.voltage_v[k], data.current_a[k]
        scored_a, ideal_a = current_a[scored], data.ideal_a[k, scored]
        alone = calibrator.program(data.conductance_s[k])
        informed = alone.with_read_back(data.read_back_s[k]) if data.read_back_s is not None else alone
        scores.add("target alone", *stated(alone, scored_a, ideal_a), bound=of_targets[0][k])
        scores.add("read-back", *stated(informed, scored_a, ideal_a), bound=of_cells[0][k])
        for known in counts:
            given, bound = (voltage_v[:known], current_a[:known]), of_targets[known][k]
            scores.add(f"affine, K = {known}", nmse(affine[known][k, scored], ideal_a), bound=bound)
            scores.add(f"ridge, K = {known}", nmse(ridge[known][k, scored], ideal_a), bound=bound)
            scores.add(f"K = {known}", *stated(alone.recalibrated(*given), scored_a, ideal_a), bound=bound)
            both = stated(informed.recalibrated(*given), scored_a, ideal_a)
            scores.add(f"K = {known} and read-back", *both, bound=of_cells[known][k])
    reference = linear_gaussian_reference(bench, run)
    print(f"{'':33}NMSE      ×   error / stated (of single matrices)")
    for line in scores.lines():
        print(line, flush=True)
    print(f"  {'reference, cells known':28} {np.median(reference):10.2e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boards", default=BOARDS, help="profiles, and boards of the suite, by commas")
    parser.add_argument("--calibrator", default="structured")
    parser.add_argument("--counts", default="4,8,16,32,64", help="numbers of known vectors, by commas")
    parser.add_argument("--training", type=int, default=48, help="matrices to train on")
    parser.add_argument("--matrices", type=int, default=8, help="matrices to test on")
    parser.add_argument(
        "--keep", type=Path, help="folder for runs and calibrators; those there are used again"
    )
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for board in given.boards.split(","):
            bench = bench_file(board, folder)
            sizes = {"matrices": given.training, "vectors": VECTORS}
            run = measured(board, bench, folder / f"{board}.h5", **sizes, seed=1)
            calibrator = trained(given.calibrator, run, folder / f"{board}-{given.calibrator}.onnx")
            sizes = {"matrices": given.matrices, "vectors": max(counts) + SCORED}
            test = measured(board, bench, folder / f"{board}-test.h5", **sizes, seed=2)
            print(f"{board}: {given.matrices} matrices")
            compare(bench, calibrator, test, CellScatter.of_run(run), counts)


if __name__ == "__main__":
    main()
