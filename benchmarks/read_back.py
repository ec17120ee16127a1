"""Error on boards that program inexactly: by the target alone, a read-back, K known vectors, and both.

    python benchmarks/read_back.py --boards lab-12x16,pcm-24x32,rram-32x24,cmo-hfox-32x24 --matrices 8

Collects a training and a test run of each simulated board through its instrument, with read-backs, trains,
and calibrates matrices never trained on. Printed are medians over matrices of the NMSE, and of the errors'
root mean square relative to the stated deviations (with the least and the largest of a matrix). The affine
fit on the same known vectors stands beside them. The linear-Gaussian reference takes the true cells for
known.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from study_boards.scores import Scores, nmse, stated

from crosscal.commands.benches.simulated_board import linear_gaussian_reference
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.core.run_file import Run, read_run
from crosscal.runtime import Calibrator
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, export_calibrator, train
from crosscal.training.calibrators.affine_fit import affine_per_matrix

VECTORS, SCORED = 100, 100
WINDOW_V = {"lab-12x16": (0.1, 0.5)}
OTHER_WINDOW_V = (0.0, 0.3)
"""Of inputs: read voltages of memories stay low."""


def measured(board: str, path: Path, *, matrices: int, vectors: int, seed: int) -> Run:
    if not path.exists():
        plan = CollectionPlan(
            matrices=matrices,
            vectors=vectors,
            seed=seed,
            voltage_range_v=WINDOW_V.get(board, OTHER_WINDOW_V),
        )
        collect_simulated(board, path, plan, resume=False)
    return read_run(path)


def trained(kind: str, run: Run, path: Path) -> Calibrator:
    if not path.exists():
        export_calibrator(train(TrainingPlan(calibrator=kind, seed=1), Measurements.from_run(run)), path)
    return Calibrator.load(path)


def compare(board: str, calibrator: Calibrator, run: Run, counts: list[int]) -> None:
    data, scores = Measurements.from_run(run), Scores()
    scored = slice(data.vectors - SCORED, None)
    fits = {known: affine_per_matrix(data, known) for known in counts}
    for k in range(data.matrices):
        voltage_v, current_a = data.voltage_v[k], data.current_a[k]
        scored_a, ideal_a = current_a[scored], data.ideal_a[k, scored]
        alone = calibrator.program(data.conductance_s[k])
        informed = alone.with_read_back(data.read_back_s[k]) if data.read_back_s is not None else alone
        scores.add("target alone", *stated(alone, scored_a, ideal_a))
        scores.add("read-back", *stated(informed, scored_a, ideal_a))
        for known in counts:
            given = voltage_v[:known], current_a[:known]
            scores.add(f"affine, K = {known}", nmse(fits[known][k, scored], ideal_a))
            scores.add(f"K = {known}", *stated(alone.recalibrated(*given), scored_a, ideal_a))
            both = informed.recalibrated(*given)
            scores.add(f"K = {known} and read-back", *stated(both, scored_a, ideal_a))
    reference = linear_gaussian_reference(board, run)
    print(f"{board}: {data.matrices} matrices{'':8} NMSE   error / stated (of single matrices)")
    for line in scores.lines():
        print(line, flush=True)
    print(f"  {'reference, cells known':28} {np.median(reference):10.2e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boards", default="lab-12x16,pcm-24x32,rram-32x24,cmo-hfox-32x24")
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
            run = measured(board, folder / f"{board}.h5", matrices=given.training, vectors=VECTORS, seed=1)
            calibrator = trained(given.calibrator, run, folder / f"{board}-{given.calibrator}.onnx")
            test = measured(
                board,
                folder / f"{board}-test.h5",
                matrices=given.matrices,
                vectors=max(counts) + SCORED,
                seed=2,
            )
            compare(board, calibrator, test, counts)


if __name__ == "__main__":
    main()
