"""Drift of single cells by 30 %, independent of each other: K known vectors, with and without one read-back.

    python benchmarks/large_drift.py --size 32x32 --drift 0.3 --matrices 8

The circuit is that of memsys2025, read noise 1e-3 of the largest current. Training sees cells programmed to
1 % and read back to 0.2 %, before any drift. Then each cell of a matrix never trained on moves by 30 %
(rms), as by a relaxation; what is known of it are K = N/4, N/2 and N vectors, and one more read-back, of 0.2
% again. Printed are medians of the NMSE, beside gain and offset per column fitted to the same vectors, and
of error over stated deviation.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from recalibration import HIGH_V, LARGEST_A_PER_ROW, LOW_V, Board
from study_boards.scores import Scores, nmse, stated

from crosscal.runtime import Calibrator
from crosscal.runtime.recalibration.vectors import informative_vectors
from crosscal.training import Measurements, TrainingPlan, export_calibrator, train
from crosscal.training.calibrators.affine_fit import affine_per_matrix

PROGRAMMING, READ_BACK = 0.01, 0.002
FRESH = 200


def scattered(conductance_s: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Move every cell by itself [S]; none below a twentieth of what it was."""
    return conductance_s * np.maximum(1.0 + deviation * rng.standard_normal(conductance_s.shape), 0.05)


def training_run(board: Board, matrices: int, rng: np.random.Generator) -> Measurements:
    target_s = np.stack([board.matrix_s(rng) for _ in range(matrices)])
    real_s = scattered(target_s, PROGRAMMING, rng)
    voltage_v = np.stack([board.vectors_v(100, rng) for _ in range(matrices)])
    current_a = np.stack([board.measured_a(g, v, rng) for g, v in zip(real_s, voltage_v, strict=True)])
    return Measurements(
        conductance_s=target_s,
        voltage_v=voltage_v,
        current_a=current_a,
        usable=np.ones((matrices, 100), dtype=bool),
        read_back_s=scattered(real_s, READ_BACK, rng),
    )


def affine_a(target_s: np.ndarray, known: tuple[np.ndarray, np.ndarray], fresh_a: np.ndarray) -> np.ndarray:
    """Currents by gain and offset per column, fitted to known vectors [A], (V, M)."""
    known_v, known_a = known
    padding = np.zeros((len(fresh_a), known_v.shape[1]))
    data = Measurements(
        conductance_s=target_s[None],
        voltage_v=np.concatenate([known_v, padding])[None],
        current_a=np.concatenate([known_a, fresh_a])[None],
        usable=np.ones((1, len(known_v) + len(fresh_a)), dtype=bool),
    )
    return affine_per_matrix(data, len(known_v))[0, len(known_v) :]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="32x32", help="rows x columns")
    parser.add_argument("--drift", type=float, default=0.3, help="relative rms change of cells")
    parser.add_argument("--noise", type=float, default=1e-3, help="relative to the largest current")
    parser.add_argument("--calibrator", default="structured")
    parser.add_argument("--training", type=int, default=30, help="matrices to train on")
    parser.add_argument("--matrices", type=int, default=8, help="matrices that drift")
    given = parser.parse_args()
    rows, columns = (int(part) for part in given.size.split("x"))
    board = Board(rows=rows, columns=columns, noise_a=given.noise * LARGEST_A_PER_ROW * rows)
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calibrator.onnx"
        run = training_run(board, given.training, rng)
        export_calibrator(train(TrainingPlan(calibrator=given.calibrator, seed=1), run), path)
        calibrator = Calibrator.load(path)
    scores = Scores()
    for _ in range(given.matrices):
        target_s = board.matrix_s(rng)
        real_s = scattered(scattered(target_s, PROGRAMMING, rng), given.drift, rng)
        fresh_v = board.vectors_v(FRESH, rng)
        fresh_a, ideal_a = board.measured_a(real_s, fresh_v, rng), fresh_v @ target_s
        before = calibrator.program(target_s)
        informed = before.with_read_back(scattered(real_s, READ_BACK, rng))
        scores.add("as programmed", *stated(before, fresh_a, ideal_a))
        scores.add("read-back", *stated(informed, fresh_a, ideal_a))
        for count in (rows // 4, rows // 2, rows):
            known_v = informative_vectors(count, rows, low_v=LOW_V, high_v=HIGH_V, rng=rng)
            known_a = board.measured_a(real_s, known_v, rng)
            affine = affine_a(target_s, (known_v, known_a), fresh_a)
            scores.add(f"K = {count}, affine", nmse(affine, ideal_a))
            alone, both = (one.recalibrated(known_v, known_a) for one in (before, informed))
            scores.add(f"K = {count}", *stated(alone, fresh_a, ideal_a))
            scores.add(f"K = {count} and read-back", *stated(both, fresh_a, ideal_a))
    moved = f"cells moved by {100 * given.drift:g} %"
    print(f"{given.calibrator}, {given.size}, {moved}, {given.matrices} matrices")
    for line in scores.lines(width=26):
        print(line)


if __name__ == "__main__":
    main()
