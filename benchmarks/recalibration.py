"""Recalibration from K known vectors beside its bound, matrix by matrix, and its distance to the reference.

    python benchmarks/recalibration.py --calibrator structured --noise 1e-3 --matrices 20
    python benchmarks/recalibration.py --size 16x24 --size 24x16 --counts 8,32,128

Trains on the circuit of memsys2025 (of any size) with white read noise in parts of the largest current,
exports and loads, and reads matrices never trained on: first as programmed exactly, then with 1 % programming
error and K known vectors. The bound is that of the linear-Gaussian posterior: it takes the true circuit as
known, each cell's error as normal, and readings as linear in both. For every K the median and the worst
matrix are printed: error over bound, error over that without recalibration, and processor time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.runtime.recalibration.vectors import informative_vectors
from crosscal.simulated_bench import Sinh, Wires, linear_gaussian_reference, sensitivity, solve_dc
from crosscal.training import Measurements, TrainingPlan, train
from crosscal.training.fitting.export import export_calibrator

WIRES = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
CELLS = Sinh(a_pos=0.225, b_pos=4.12, a_neg=0.2801, b_neg=4.10)
LOW_V, HIGH_V = 0.1, 0.5
SPREAD_V = (HIGH_V - LOW_V) / np.sqrt(12)
LARGEST_A_PER_ROW = 1.19e-3 / 64  # what a column of such matrices carries at most under such inputs
BOUND_VECTORS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A simulated board without a front end.

    Attributes:
        rows, columns: its size. noise_a: of a reading [A].
    """

    rows: int
    columns: int
    noise_a: float

    def matrix_s(self, rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(16.6e-6, 100e-6, (self.rows, self.columns))

    def vectors_v(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(LOW_V, HIGH_V, (count, self.rows))

    def measured_a(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        current_a = solve_dc(conductance_s, voltage_v, wires=WIRES, device=CELLS).current_a
        return current_a + self.noise_a * rng.standard_normal(current_a.shape)

    def run(self, matrices: int, vectors: int, rng: np.random.Generator) -> Measurements:
        conductance_s = np.stack([self.matrix_s(rng) for _ in range(matrices)])
        voltage_v = np.stack([self.vectors_v(vectors, rng) for _ in range(matrices)])
        current_a = [self.measured_a(g, v, rng) for g, v in zip(conductance_s, voltage_v, strict=True)]
        return Measurements(
            conductance_s=conductance_s,
            voltage_v=voltage_v,
            current_a=np.stack(current_a),
            usable=np.ones((matrices, vectors), dtype=bool),
        )


def nmse(calibrator: ProgrammedCalibrator, current_a: np.ndarray, voltage_v: np.ndarray) -> float:
    target_s = calibrator.conductance_s
    error_a = calibrator(current_a) - voltage_v @ target_s
    return float(np.mean(error_a**2) / ((target_s**2).sum(axis=0) * SPREAD_V**2).mean())


def own_sensitivity_a(conductance_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
    """Change of each column's current by relative changes of its own cells [A], (B, N, M)."""
    cell_v = np.ascontiguousarray(solve_dc(conductance_s, voltage_v, wires=WIRES, device=CELLS).cell_v)
    cell_a, slope_s = np.empty_like(cell_v), np.empty_like(cell_v)
    CELLS.evaluate(conductance_s, cell_v, cell_a, slope_s)
    return cell_a * reach(slope_s.mean(axis=0))


def reach(slope_s: np.ndarray) -> np.ndarray:
    """Part of a current injected at a cell that arrives in its column's amplifier, (N, M), linearised."""
    rows, columns = slope_s.shape
    n, m = np.arange(rows), np.arange(columns)
    along_row = WIRES.source_ohm + WIRES.row_ohm * (np.minimum.outer(m, m) + 1.0)
    along_column = WIRES.sense_ohm + WIRES.column_ohm * (rows - np.maximum.outer(n, n))
    root = np.sqrt(slope_s)
    asked = np.zeros((columns, rows, columns))
    asked[m, :, m] = root.T
    answer, left, ahead = np.zeros_like(asked), asked.copy(), asked.copy()
    size = (left**2).sum(axis=(1, 2))
    for _ in range(40):
        carried = root * ahead
        image = ahead + root * (carried @ along_row + along_column @ carried)
        step = (size / (ahead * image).sum(axis=(1, 2)))[:, None, None]
        answer, left = answer + step * ahead, left - step * image
        fresh = (left**2).sum(axis=(1, 2))
        ahead, size = left + (fresh / size)[:, None, None] * ahead, fresh
    return (answer / root)[m, :, m].T


class Bound:
    """Error of the best estimate of one matrix when its cells were seen through known vectors alone."""

    def __init__(self, board: Board, target_s: np.ndarray, fresh_v: np.ndarray, error: float) -> None:
        self._board, self._target_s, self._error = board, target_s, error
        self._jacobian_s = sensitivity(target_s, fresh_v, wires=WIRES, device=CELLS)
        self._fresh_a = own_sensitivity_a(target_s, fresh_v)

    def nmse(self, known_v: np.ndarray) -> float:
        rows, noise_a, target_s = self._board.rows, self._board.noise_a, self._target_s
        known = np.broadcast_to(np.eye(rows) / self._error**2, (self._board.columns, rows, rows))
        if len(known_v):
            seen = own_sensitivity_a(target_s, known_v).transpose(2, 0, 1)
            known = known + seen.swapaxes(1, 2) @ seen / noise_a**2
        covariance = np.linalg.inv(known)
        total = 0.0
        for slope_s, own_a in zip(self._jacobian_s, self._fresh_a, strict=True):
            variance = noise_a**2 + np.einsum("nm,mnk,km->m", own_a, covariance, own_a, optimize=True)
            posterior = np.linalg.inv((slope_s.T / variance) @ slope_s + np.eye(rows) / SPREAD_V**2)
            total += np.einsum("nm,nk,km->m", target_s, posterior, target_s, optimize=True).mean()
        return float(total / len(self._fresh_a) / ((target_s**2).sum(axis=0) * SPREAD_V**2).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What K known vectors did for one matrix."""

    nmse: float
    over_bound: float
    over_none: float
    seconds: float
    level: str


def trained(kind: str, board: Board, matrices: int, seed: int, path: Path) -> None:
    rng = np.random.default_rng(seed)
    start = time.perf_counter()
    result = train(
        TrainingPlan(calibrator=kind, seed=seed, threads=2),
        board.run(matrices, 100, rng),
        validation=board.run(4, 100, rng),
    )
    export_calibrator(result, path)
    print(f"  trained {kind} on {matrices} matrices in {time.perf_counter() - start:.0f} s")


def evaluate(
    path: Path, board: Board, matrices: int, counts: list[int], error: float, seed: int
) -> dict[int, list[Outcome]]:
    rng = np.random.default_rng(seed + 1)
    calibrator = Calibrator.load(path)
    outcomes: dict[int, list[Outcome]] = {count: [] for count in counts}
    over_reference = []
    for _ in range(matrices):
        target_s, fresh_v = board.matrix_s(rng), board.vectors_v(200, rng)
        exact = calibrator.program(target_s)
        reference = linear_gaussian_reference(
            target_s, fresh_v[:12], wires=WIRES, device=CELLS, noise_a=board.noise_a
        ).nmse
        over_reference.append(nmse(exact, board.measured_a(target_s, fresh_v, rng), fresh_v) / reference)
        real_s = target_s * (1 + error * rng.standard_normal(target_s.shape))
        fresh_a = board.measured_a(real_s, fresh_v, rng)
        none = nmse(exact, fresh_a, fresh_v)
        bound = Bound(board, target_s, fresh_v[:BOUND_VECTORS], error)
        for count in counts:
            known_v = informative_vectors(count, board.rows, low_v=LOW_V, high_v=HIGH_V, rng=rng)
            known_a = board.measured_a(real_s, known_v, rng)
            start = time.process_time()
            better = exact.recalibrated(known_v, known_a)
            seconds = time.process_time() - start
            got = nmse(better, fresh_a, fresh_v)
            outcomes[count].append(
                Outcome(
                    nmse=got,
                    over_bound=got / bound.nmse(known_v),
                    over_none=got / none,
                    seconds=seconds,
                    level=str(better.report.level),
                )
            )
    print(
        f"  programmed exactly: NMSE over reference, median {np.median(over_reference):.2f}, worst "
        f"{np.max(over_reference):.2f}"
    )
    return outcomes


def show(outcomes: dict[int, list[Outcome]], error: float) -> None:
    print(f"  {100 * error:g} % programming error")
    print("     K      NMSE  over bound: median worst   over none: median worst   ms: median worst   levels")
    for count, rows in outcomes.items():
        columns = np.array([(r.nmse, r.over_bound, r.over_none, 1e3 * r.seconds) for r in rows])
        middle, worst = np.median(columns, axis=0), columns.max(axis=0)
        levels = ", ".join(f"{sum(r.level == d for r in rows)} {d}" for d in sorted({r.level for r in rows}))
        print(
            f"{count:6d}  {middle[0]:.2e}  {middle[1]:18.2f} {worst[1]:5.2f}   {middle[2]:17.3f} "
            f"{worst[2]:5.3f}   {middle[3]:10.0f} {worst[3]:5.0f}   {levels}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calibrator", default="structured")
    parser.add_argument("--size", action="append", help="rows x columns; may be repeated  [64x64]")
    parser.add_argument(
        "--noise", type=float, action="append", help="in parts of the largest current  [1e-3]"
    )
    parser.add_argument(
        "--counts", default="1,2,4,8,16,32,64,128", help="numbers of known vectors, by commas"
    )
    parser.add_argument("--training", type=int, default=200, help="matrices to train on")
    parser.add_argument("--matrices", type=int, default=12, help="matrices to recalibrate")
    parser.add_argument("--error", type=float, default=0.01, help="relative programming error of each cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for trained files; one found there is used again")
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        for size in given.size or ["64x64"]:
            rows, columns = (int(part) for part in size.split("x"))
            for noise in given.noise or [1e-3]:
                board = Board(rows=rows, columns=columns, noise_a=noise * LARGEST_A_PER_ROW * rows)
                print(f"{given.calibrator}, {size}, noise {noise:g}, {given.matrices} matrices")
                path = (given.keep or Path(scratch)) / f"{given.calibrator}_{size}_{noise:g}.onnx"
                if not path.exists():
                    trained(given.calibrator, board, given.training, given.seed, path)
                show(evaluate(path, board, given.matrices, counts, given.error, given.seed), given.error)


if __name__ == "__main__":
    main()
