"""Measurements of the drift tests over the values of a constant.

Learned noise: of a board whose cells fluctuate with 1/f by 0.1 % a decade, and readings to a false alarm at a
stated 500, from 200 alarms; and of twenty such boards from 32 readings each. Diagnosis: share of changes
named rightly, twenty of each kind, eight vectors. Run lengths: two of plain charts, one of a vector's.
"""

from __future__ import annotations

import numpy as np
from drift_boards.board import Board
from sensitivity.table import Varied

from crosscal.runtime.drift import run_length

NOISE = "runtime.drift.noise_history"
HYPOTHESES = "runtime.drift.hypotheses"
LENGTHS = "runtime.drift.run_length"
KINDS = ("nothing", "gain", "temperature", "offsets", "relaxation", "column", "row", "cell")
STATED, ALARMS, CASES = 500, 200, 20


def varied() -> list[Varied]:
    """Constants with their experiments."""
    return [
        Varied(f"{NOISE}._OF_SLOW_NOISE", (1024, 2048, 4096, 8192), learned_noise, learned_noise),
        Varied(f"{NOISE}._MOST_RESIDUALS", (8, 16, 64, 128), learned_noise),
        Varied(f"{NOISE}._SHORTEST_RUN", (4, 16, 64), learned_noise),
        Varied(f"{NOISE}._REFINEMENTS", (0, 2, 5, 8), learned_noise),
        Varied(f"{NOISE}._BELIEVED_FACTOR", (1.2, 2.0, 10.0), few_readings, few_readings),
        Varied(f"{NOISE}._BORROWED", (0.0, 20.0, 60.0, 200.0), few_readings),
        Varied(f"{NOISE}._MOST_DEVIATIONS", (3.0, 4.0, 6.0, 10.0), learned_noise),
        Varied(f"{NOISE}._LEAST_WHITE", (1e-8, 1e-4, 1e-2), learned_noise),
        Varied(f"{LENGTHS}._NODES_PER_DEVIATION", (1, 2, 3, 6), run_lengths),
        Varied(f"{LENGTHS}._FEWEST_NODES", (12, 24, 48, 96), run_lengths),
        Varied(f"{LENGTHS}._SECANT_STEPS", (3, 5, 7, 10, 30), thresholds),
        Varied(f"{LENGTHS}._SAME_LOG_RUN_LENGTH", (1e-5, 1e-4, 1e-3, 1e-2), thresholds),
        Varied(f"{HYPOTHESES}._SIZES", _grids(1e-3, 1.0), diagnosis),
        Varied(f"{HYPOTHESES}._OFFSET_SIZES", _grids(1e-4, 0.3), diagnosis),
    ]


def _grids(low: float, high: float) -> tuple[np.ndarray, ...]:
    sizes = [(low, high, 5), (low, high, 13), (low, high, 30), (low / 10.0, high, 17), (low, 3.0 * high, 15)]
    return tuple(np.geomspace(*each) for each in sizes)


def learned_noise() -> str:
    """Learn the noise of a board, and watch it until false alarms."""
    board, rng = Board.with_noise(wander=1e-3), np.random.default_rng(7)
    runs = [board.run(rng, run_length=STATED) for _ in range(ALARMS)]
    return f"{board.described()}; a false alarm every {np.mean(runs):.0f} readings"


def few_readings() -> str:
    """Learn the noise of boards from 32 readings each."""
    boards = [Board.with_noise(wander=1e-3, readings=32, seed=seed) for seed in range(20)]
    white = np.sqrt(np.stack([board.learned.white for board in boards]))
    slow = np.sqrt(np.array([board.learned.slow.mean() for board in boards]))
    return (
        f"white {white.mean():.3f} ± {white.std():.3f} of the stated, "
        f"slow {100 * slow.mean():.3f} ± {100 * slow.std():.3f} %"
    )


def run_lengths() -> str:
    """Compute run lengths of charts."""
    plain = [run_length.cusum_run_length(0.5, h) for h in (5.0, 12.0)]
    return f"{plain[0]:.6f}, {plain[1]:.2f}, {run_length.vector_run_length(2.0, 9.0, 32):.6f} readings"


def thresholds() -> str:
    """Compute thresholds from run lengths, without what is remembered of earlier ones."""
    plain = [run_length.plain_threshold.__wrapped__(0.5, wanted) for wanted in (2.0, 500.0, 1e6)]
    vector = run_length.threshold.__wrapped__(2.0, 14_400.0, 32)
    return ", ".join(f"{each:.4f}" for each in (*plain, vector))


def diagnosis() -> str:
    """Diagnose changes of every kind."""
    rng, right = np.random.default_rng(8), 0
    for kind in KINDS:
        for _ in range(CASES):
            right += Board.changed(kind, 8, rng).diagnosis().change == kind
    return f"{right} of {CASES * len(KINDS)} changes named rightly"
