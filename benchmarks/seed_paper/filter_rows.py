"""Seed paper's sinusoidal and DC rows, read as a filter's convolution matrix, before and after calibration.

    python benchmarks/seed_paper/filter_rows.py
    python benchmarks/seed_paper/filter_rows.py --calibrators whitebox,concatsquash -o filter_rows/

The paper does not say how its sinusoidal and DC inputs spread over the rows. A co-author's public code lets
them be read so: the array holds the convolution (Toeplitz) matrix of a band-pass filter of 65 taps of both
signs, and an input vector is a window of successive samples, one per row: of a modulated sinusoid, or
constant. How signed taps become conductances is not said either; the mappings here are those in use. The
filter is our own (a Hamming-windowed band-pass), the circuit that of `memsys2025` without noise.

With `--calibrators`, these are trained on random matrices of a 64×128 board with its circuit and noise, and
calibrate the filter's matrix, by magnitudes, on the same inputs: as the paper trains on random matrices too.
Beside them stand gain and offset per column fitted to known vectors of the row.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.linalg import toeplitz
from scipy.signal import firwin

from crosscal.commands.benches.simulated_board import open_simulated_board
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.core.run_file import read_run
from crosscal.front_door import load_calibrator
from crosscal.simulated_bench import Bench, solve_currents
from crosscal.training import (
    PAPER_WINDOW,
    CollectionPlan,
    Measurements,
    TrainingPlan,
    export_calibrator,
    fit_affine,
    train,
)

ROWS, TAPS, OUTPUTS = 64, 65, 128
KNOWN = 32
LOW_S, HIGH_S = 16.6e-6, 100e-6
LOW_V, HIGH_V = 0.1, 0.5
PUBLISHED_MA2 = {"sine": 0.032687, "dc": 0.031794}


def convolution(taps: np.ndarray, outputs: int) -> np.ndarray:
    """Matrix of a convolution, (ROWS, outputs): all outputs that inputs reach, or those in the middle."""
    full = toeplitz(np.r_[taps, np.zeros(ROWS - 1)], np.r_[taps[0], np.zeros(ROWS - 1)]).T
    first = (full.shape[1] - outputs) // 2
    return full[:, first : first + outputs]


def magnitudes(matrix: np.ndarray) -> np.ndarray:
    """Conductance by magnitude; a digital sign per cell is assumed."""
    return LOW_S + (HIGH_S - LOW_S) * np.abs(matrix) / np.abs(matrix).max()


def shifted(matrix: np.ndarray) -> np.ndarray:
    """Zero in the middle of the range."""
    return (LOW_S + HIGH_S) / 2 + (HIGH_S - LOW_S) / 2 * matrix / np.abs(matrix).max()


def stretched(matrix: np.ndarray) -> np.ndarray:
    """The smallest tap at the lowest conductance, the largest at the highest."""
    return LOW_S + (HIGH_S - LOW_S) * (matrix - matrix.min()) / np.ptp(matrix)


def in_pairs(matrix: np.ndarray) -> np.ndarray:
    """Two columns for each output, one for each sign; currents are compared one by one."""
    parts = np.stack([np.maximum(matrix, 0.0), np.maximum(-matrix, 0.0)], axis=2)
    return LOW_S + (HIGH_S - LOW_S) * parts.reshape(ROWS, -1) / np.abs(matrix).max()


def two_arrays(matrix: np.ndarray) -> list[np.ndarray]:
    """One array for each sign, read one after another."""
    return [in_pairs(matrix)[:, sign::2].copy() for sign in (0, 1)]


MAPPINGS: dict[str, Callable[[np.ndarray], list[np.ndarray]]] = {
    "magnitudes": lambda matrix: [magnitudes(matrix)],
    "shifted, zero mid-range": lambda matrix: [shifted(matrix)],
    "stretched": lambda matrix: [stretched(matrix)],
    "pairs of columns": lambda matrix: [in_pairs(matrix)],
    "an array for each sign": two_arrays,
}


def inputs(kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Windows of a modulated sinusoid over the whole range of inputs, or constants [V], (count, ROWS)."""
    if kind == "dc":
        return np.repeat(rng.uniform(LOW_V, HIGH_V, (count, 1)), ROWS, axis=1)
    sample = np.arange(ROWS) + rng.uniform(0, 1e4, (count, 1))
    carrier, modulation = rng.uniform(0.02, 0.2, (count, 1)), rng.uniform(0.001, 0.01, (count, 1))
    envelope = 0.5 * (1 + np.sin(2 * np.pi * modulation * sample))
    return (LOW_V + HIGH_V) / 2 + (HIGH_V - LOW_V) / 2 * envelope * np.sin(2 * np.pi * carrier * sample)


def error_before_ma2(arrays_s: list[np.ndarray], voltage_v: np.ndarray) -> float:
    """Mean squared error of the currents as they are [mA²], over all arrays' columns."""
    board = Bench.from_profile("memsys2025")
    wires, device = board.wires(0), board.device
    squares = [
        np.mean((solve_currents(cells_s, voltage_v, wires=wires, device=device) - voltage_v @ cells_s) ** 2)
        for cells_s in arrays_s
    ]
    return 1e6 * float(np.mean(squares))


def error_after(calibrators: list[str], given: argparse.Namespace, taps: np.ndarray) -> None:
    """Print the rows of the filter's matrix with 128 outputs, measured through the instrument."""
    given.output.mkdir(parents=True, exist_ok=True)
    bench = given.output / "bench.toml"
    bench.write_text(f'profile = "memsys2025"\n[array]\ncolumns = {OUTPUTS}\n')
    plan = CollectionPlan(matrices=given.matrices, vectors=100, seed=given.seed, **PAPER_WINDOW)
    collect_simulated(bench, given.output / "training.h5", plan, resume=True)
    learned = Measurements.from_run(read_run(given.output / "training.h5"))
    target_s, readings = magnitudes(convolution(taps, OUTPUTS)), {}
    with open_simulated_board(bench) as board:
        board.program(target_s)
        for kind in PUBLISHED_MA2:
            voltage_v = inputs(kind, given.vectors, np.random.default_rng(given.seed))
            readings[kind] = voltage_v, board.measure(voltage_v)
    print("\n| row | calibration | MSE before (mA²) | after (mA²) | factor | NMSE |")
    print("|---" * 6 + "|")
    answers = {f"affine, {KNOWN} known vectors": affine_answers(readings, target_s)}
    for name in calibrators:
        path = given.output / f"{name}.onnx"
        if not path.exists():
            export_calibrator(train(TrainingPlan(calibrator=name, seed=given.seed), learned), path)
        programmed = load_calibrator(path).program(target_s)
        answers[name] = {
            kind: programmed(current_a, allow_extrapolation=True) for kind, (_, current_a) in readings.items()
        }
    for kind, (voltage_v, current_a) in readings.items():
        scored = slice(KNOWN, None)
        ideal_a = (voltage_v @ target_s)[scored]
        before_a2 = np.mean((current_a[scored] - ideal_a) ** 2)
        for name, of_kind in answers.items():
            after_a2 = np.mean((of_kind[kind][scored] - ideal_a) ** 2)
            nmse = after_a2 / ideal_a.var(axis=0, ddof=1).mean()
            cells = f"{1e6 * before_a2:.4f} | {1e6 * after_a2:.2e} | {before_a2 / after_a2:.0f} | {nmse:.2e}"
            print(f"| {kind} | {name} | {cells} |", flush=True)


def affine_answers(
    readings: dict[str, tuple[np.ndarray, np.ndarray]], target_s: np.ndarray
) -> dict[str, np.ndarray]:
    """Fit gain and offset per column to the first vectors of each row, and apply them [A]."""
    return {
        kind: fit_affine(current_a[:KNOWN], (voltage_v @ target_s)[:KNOWN])(current_a)
        for kind, (voltage_v, current_a) in readings.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=100)
    parser.add_argument("--band", type=float, nargs=2, default=(0.1, 0.2), help="of the Nyquist frequency")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calibrators", default="", help="by commas; none for the errors before alone")
    parser.add_argument("--matrices", type=int, default=200, help="random ones to train on")
    parser.add_argument("-o", "--output", type=Path, default=Path("filter_rows"))
    given = parser.parse_args()
    taps = np.asarray(firwin(TAPS, given.band, pass_zero=False))
    print("| taps as conductances | outputs | sine (mA²) | over published | DC (mA²) | over published |")
    print("|---|---|---|---|---|---|")
    for outputs in (64, 128):
        matrix = convolution(taps, outputs)
        for name, mapped in MAPPINGS.items():
            cells = []
            for kind, published_ma2 in PUBLISHED_MA2.items():
                voltage_v = inputs(kind, given.vectors, np.random.default_rng(given.seed))
                before_ma2 = error_before_ma2(mapped(matrix), voltage_v)
                cells += [f"{before_ma2:.4f}", f"{before_ma2 / published_ma2:.2f}"]
            print(f"| {name} | {outputs} | " + " | ".join(cells) + " |", flush=True)
    if given.calibrators:
        error_after(given.calibrators.split(","), given, taps)


if __name__ == "__main__":
    main()
