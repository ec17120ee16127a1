"""Error of a tall array read in passes, beside the plan that is stated before it is measured.

    python benchmarks/passes.py --size 40x24 --noise 1e-4 --matrices 6

Trains on a simulated board of the seed paper's circuit, of any size, with inputs from 0 V to 0.5 V; reads
matrices never trained on in 1 to 4 passes through the instrument, and prints for each number of passes the
planned and the measured NMSE (medians over matrices), the ratio of the two, and error over stated deviation.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from study_boards.scores import stated

from crosscal.commands.benches.simulated_board import RESOURCE
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.core.run_file import read_run
from crosscal.front_door import open_board
from crosscal.runtime import Calibrator
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, export_calibrator, train

WINDOW_V = (0.0, 0.5)
RANGE_S = (16.6e-6, 100e-6)
FULL_SCALE_A_PER_ROW = 0.9e-3 / 40
VECTORS, READ_VECTORS = 100, 200


def calibrator_of(bench: Path, matrices: int, folder: Path, kind: str) -> Calibrator:
    run, path = folder / "run.h5", folder / f"{kind}.onnx"
    if not run.exists():
        plan = CollectionPlan(matrices=matrices, vectors=VECTORS, seed=1, voltage_range_v=WINDOW_V)
        collect_simulated(str(bench), run, plan, resume=False)
    if not path.exists():
        data = Measurements.from_run(read_run(run))
        export_calibrator(train(TrainingPlan(calibrator=kind, seed=1), data), path)
    return Calibrator.load(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="40x24", help="rows x columns")
    parser.add_argument("--noise", type=float, default=1e-4, help="relative to the largest current")
    parser.add_argument("--calibrator", default="structured")
    parser.add_argument("--training", type=int, default=40, help="matrices to train on")
    parser.add_argument("--matrices", type=int, default=6, help="matrices to read")
    parser.add_argument("--most", type=int, default=4, help="passes at most")
    parser.add_argument("--keep", type=Path, help="folder for the run and the calibrator, used again")
    given = parser.parse_args()
    rows, columns = (int(part) for part in given.size.split("x"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        bench = folder / "bench.toml"
        bench.write_text(
            f'profile = "memsys2025"\n[array]\nrows = {rows}\ncolumns = {columns}\n[noise]\n'
            f"read_relative = {given.noise}\nfull_scale_a = {FULL_SCALE_A_PER_ROW * rows}\n"
        )
        calibrator = calibrator_of(bench, given.training, folder, given.calibrator)
        found: dict[int, list[tuple[float, float, float]]] = {}
        rng = np.random.default_rng(2)
        with open_board(RESOURCE, backend=f"{bench}@crosscal") as board:
            for _ in range(given.matrices):
                target_s = rng.uniform(*RANGE_S, (rows, columns))
                board.program(target_s)
                voltage_v = rng.uniform(*WINDOW_V, (READ_VECTORS, rows))
                ideal_a = voltage_v @ target_s
                for passes in range(1, given.most + 1):
                    read = calibrator.program(target_s, passes=passes)
                    planned = read.expected_nmse(rng)
                    measured_a = board.read(voltage_v, passes=passes).require_usable()
                    found.setdefault(passes, []).append((planned, *stated(read, measured_a, ideal_a)))
    print(f"{given.calibrator}, {given.size}, noise {given.noise:g}, {given.matrices} matrices")
    print("passes   planned  measured   measured / planned (of single matrices)   error / stated")
    for passes, values in found.items():
        planned, nmse, ratio = np.array(values).T
        over = nmse / planned
        print(
            f"{passes:6d}  {np.median(planned):8.2e}  {np.median(nmse):8.2e}   {np.median(over):6.2f} "
            f"({over.min():.2f} to {over.max():.2f}){'':19} {np.median(ratio):6.2f}"
        )


if __name__ == "__main__":
    main()
