"""Distance to the noise floor, and recalibration from K vectors beside its bound, on the circuit of
memsys2025.

    python benchmarks/recalibration.py --calibrator whitebox --noise 1e-3 --noise 1e-4

Trains on 200 matrices × 100 vectors of the circuit solver's currents with white read noise (in parts of the
largest current), exports, loads, and reads held-out matrices: first as programmed exactly, then with 1 %
programming error and K known vectors. The bound is that of the linear-Gaussian posterior: it takes the true
circuit as known, each cell's error as normal, and readings as linear in both.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.runtime.recalibration_vectors import informative_vectors
from crosscal.simulated_bench import Sinh, Wires, noise_floor, sensitivity, solve_dc
from crosscal.training import Measurements, TrainingPlan, train
from crosscal.training.export import export_calibrator

ROWS = COLUMNS = 64
WIRES = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
CELLS = Sinh(a_pos=0.225, b_pos=4.12, a_neg=0.2801, b_neg=4.10)
LOW_V, HIGH_V = 0.1, 0.5
SPREAD_V = (HIGH_V - LOW_V) / np.sqrt(12)
LARGEST_A = 1.19e-3  # what a column of such matrices carries at most under such inputs
COUNTS = (0, 1, 2, 4, 8, 16, 32, 64, 128)


def currents_a(conductance_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
    return solve_dc(conductance_s, voltage_v, wires=WIRES, device=CELLS).current_a


def measured(matrices: int, vectors: int, noise_a: float, rng: np.random.Generator) -> Measurements:
    conductance_s = rng.uniform(16.6e-6, 100e-6, (matrices, ROWS, COLUMNS))
    voltage_v = rng.uniform(LOW_V, HIGH_V, (matrices, vectors, ROWS))
    true_a = np.stack([currents_a(g, v) for g, v in zip(conductance_s, voltage_v, strict=True)])
    return Measurements(
        conductance_s=conductance_s,
        voltage_v=voltage_v,
        current_a=true_a + noise_a * rng.standard_normal(true_a.shape),
        usable=np.ones((matrices, vectors), dtype=bool),
    )


def nmse(programmed: ProgrammedCalibrator, current_a: np.ndarray, voltage_v: np.ndarray) -> float:
    target_s = programmed.conductance_s
    error_a = programmed(current_a) - voltage_v @ target_s
    return float(np.mean(error_a**2) / ((target_s**2).sum(axis=0) * SPREAD_V**2).mean())


def own_sensitivity_a(conductance_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
    """Change of each column's current by relative changes of its own cells [A], (B, N, M)."""
    cell_v = np.ascontiguousarray(solve_dc(conductance_s, voltage_v, wires=WIRES, device=CELLS).cell_v)
    cell_a, slope_s = np.empty_like(cell_v), np.empty_like(cell_v)
    CELLS.evaluate(conductance_s, cell_v, cell_a, slope_s)
    return cell_a * reach(slope_s.mean(axis=0))


def reach(slope_s: np.ndarray) -> np.ndarray:
    """Part of a current injected at a cell that arrives in its column's amplifier, (N, M), linearised."""
    n, m = np.arange(ROWS), np.arange(COLUMNS)
    along_row = WIRES.source_ohm + WIRES.row_ohm * (np.minimum.outer(m, m) + 1.0)
    along_column = WIRES.sense_ohm + WIRES.column_ohm * (ROWS - np.maximum.outer(n, n))
    root = np.sqrt(slope_s)
    asked = np.zeros((COLUMNS, ROWS, COLUMNS))
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


def bound_nmse(
    target_s: np.ndarray, known_v: np.ndarray, fresh_v: np.ndarray, noise_a: float, error: float
) -> float:
    """Error of the best estimate when the cells were seen through the known vectors alone."""
    covariance = np.broadcast_to(np.eye(ROWS) * error**2, (COLUMNS, ROWS, ROWS))
    if len(known_v):
        seen = own_sensitivity_a(target_s, known_v).transpose(2, 0, 1)
        covariance = np.linalg.inv(seen.swapaxes(1, 2) @ seen / noise_a**2 + np.eye(ROWS) / error**2)
    jacobian_s = sensitivity(target_s, fresh_v, wires=WIRES, device=CELLS)
    total = 0.0
    for slope_s, own_a in zip(jacobian_s, own_sensitivity_a(target_s, fresh_v), strict=True):
        variance = noise_a**2 + np.einsum("nm,mnk,km->m", own_a, covariance, own_a)
        posterior = np.linalg.inv((slope_s.T / variance) @ slope_s + np.eye(ROWS) / SPREAD_V**2)
        total += np.einsum("nm,nk,km->m", target_s, posterior, target_s).mean()
    return float(total / len(fresh_v) / ((target_s**2).sum(axis=0) * SPREAD_V**2).mean())


def run(name: str, noise: float, matrices: int, error: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise_a = noise * LARGEST_A
    data, held = measured(200, 100, noise_a, rng), measured(matrices, 100, noise_a, rng)
    start = time.perf_counter()
    result = train(TrainingPlan(calibrator=name, seed=seed, threads=2), data)
    print(f"\n{name}, read noise {noise:g} of full scale: trained in {time.perf_counter() - start:.0f} s")
    with tempfile.TemporaryDirectory() as folder:
        export_calibrator(result, Path(folder) / "calibrator.onnx")
        calibrator = Calibrator.load(Path(folder) / "calibrator.onnx")
    facts = getattr(result.calibrator, "circuit_facts", dict)()
    for key in ("row_ohm", "column_ohm", "driver_ohm", "sense_ohm", "residual_test"):
        if key in facts:
            print(f"  {key}: {facts[key]}")
    start = time.perf_counter()
    programmed = [calibrator.program(target_s) for target_s in held.conductance_s]
    print(f"  programmed in {(time.perf_counter() - start) / matrices:.2f} s per matrix")
    got = [nmse(programmed[k], held.current_a[k], held.voltage_v[k]) for k in range(matrices)]
    floor = [
        noise_floor(g, v[:12], wires=WIRES, device=CELLS, noise_a=noise_a).nmse
        for g, v in zip(held.conductance_s, held.voltage_v, strict=True)
    ]
    print(f"  NMSE {np.mean(got):.3e}, floor {np.mean(floor):.3e}, ratio {np.mean(got) / np.mean(floor):.2f}")
    recalibrate_all(programmed, held, noise_a, error, rng)


def recalibrate_all(
    programmed: list[ProgrammedCalibrator],
    held: Measurements,
    noise_a: float,
    error: float,
    rng: np.random.Generator,
) -> None:
    print(f"  {100 * error:g} % programming error:     K      NMSE     bound  ratio  against none   seconds")
    table: dict[int, list[tuple[float, float, float]]] = {count: [] for count in COUNTS}
    for calibrator, voltage_v in zip(programmed, held.voltage_v, strict=True):
        target_s = calibrator.conductance_s
        real_s = target_s * (1 + error * rng.standard_normal(target_s.shape))
        fresh_a = currents_a(real_s, voltage_v) + noise_a * rng.standard_normal((len(voltage_v), COLUMNS))
        for count in COUNTS:
            known_v, better, seconds = np.zeros((0, ROWS)), calibrator, 0.0
            if count:
                known_v = informative_vectors(count, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
                known_a = currents_a(real_s, known_v) + noise_a * rng.standard_normal((count, COLUMNS))
                start = time.perf_counter()
                better = calibrator.recalibrated(known_v, known_a)
                seconds = time.perf_counter() - start
            bound = bound_nmse(target_s, known_v, voltage_v[:10], noise_a, error)
            table[count].append((nmse(better, fresh_a, voltage_v), bound, seconds))
    none = np.mean([row[0] for row in table[0]])
    for count, rows in table.items():
        got, bound, seconds = np.mean(rows, axis=0)
        print(f"{count:28d}  {got:.2e}  {bound:.2e}  {got / bound:5.2f}  {got / none:12.2f}  {seconds:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calibrator", default="whitebox")
    parser.add_argument("--noise", type=float, action="append", help="in parts of the largest current")
    parser.add_argument("--matrices", type=int, default=6)
    parser.add_argument("--error", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for noise in given.noise or [1e-3, 1e-4]:
        run(given.calibrator, noise, given.matrices, given.error, given.seed)


if __name__ == "__main__":
    main()
