"""Errors and refusals of a calibrator on inputs within its window that differ from those it was trained on.

    python benchmarks/reading_levels.py affine.onnx structured.onnx --bench lab-12x16

For every pattern: rms error with and without the calibrator, share of vectors on which it is worse than the
raw currents, and share of vectors that it refuses. Matrices and vectors are drawn anew, within 0 to 0.5 V.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

import crosscal

RESOURCE = "TCPIP0::localhost::inst0::INSTR"
MATRICES, HIGH_V = 6, 0.5


def patterns(rows: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Give inputs by their name [V], (B, N)."""
    shape = (40, rows)
    steps = np.linspace(0.0, 2.0 * np.pi, shape[0])[:, None]
    yield "random", rng.uniform(0.0, HIGH_V, (170, rows))
    yield "one row at 0.3 V", 0.3 * np.eye(rows)
    yield "two rows", np.where(rng.permuted(np.tile(np.arange(rows), (40, 1)), axis=1) < 2, 0.3, 0.0)
    yield "half the rows at 0 V", np.where(rng.random(shape) < 0.5, 0.0, rng.uniform(0.0, HIGH_V, shape))
    yield "0 or 0.5 V", rng.integers(0, 2, shape) * HIGH_V
    yield "all rows alike", np.linspace(0.02, HIGH_V, 40)[:, None] * np.ones(rows)
    yield "sines", 0.25 + 0.25 * np.sin(steps + np.linspace(0.0, 2.0 * np.pi, rows))
    yield "outside: ±0.4 V", rng.uniform(-0.4, 0.4, (170, rows))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", help="calibrators, trained on 0 to 0.5 V")
    parser.add_argument("--bench", default="lab-12x16", help="the board that they were trained on")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    calibrators = [crosscal.load_calibrator(file) for file in given.files]
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    with crosscal.open_board(RESOURCE, backend=f"{given.bench}@crosscal") as board:
        for _ in range(MATRICES):
            target_s = rng.uniform(*board.conductance_limits_s, board.shape)
            board.program(target_s)
            for name, voltage_v in patterns(board.shape[0], rng):
                current_a, ideal_a = board.measure(voltage_v), voltage_v @ target_s
                for file, calibrator in zip(given.files, calibrators, strict=True):
                    programmed = calibrator.program(target_s)
                    answer_a = programmed(current_a, allow_extrapolation=True)
                    rms_a = [np.sqrt(np.mean((a - ideal_a) ** 2, axis=1)) for a in (answer_a, current_a)]
                    refused = ~programmed.explains(current_a)
                    found.setdefault((file, name), []).append(np.stack([*rms_a, refused]))
    for (file, name), parts in found.items():
        calibrated_a, raw_a, refused = np.concatenate(parts, axis=1)
        print(
            f"{file:20} {name:20} {1e6 * np.sqrt(np.mean(calibrated_a**2)):7.2f} µA, raw "
            f"{1e6 * np.sqrt(np.mean(raw_a**2)):7.2f} µA; worse {np.mean(calibrated_a > raw_a):4.0%}, "
            f"refused {refused.mean():6.1%}"
        )


if __name__ == "__main__":
    main()
