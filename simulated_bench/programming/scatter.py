"""Scatter of the cells about their targets, as a board's own programming leaves it."""

from __future__ import annotations

import msgspec
import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import RangeError, wanted
from crosscal.simulated_bench.building import build_bench
from crosscal.simulated_bench.packing import pack
from crosscal.simulated_bench.settings.bench_settings import BenchSettings

LEAST_REPEATS = 2  # a variance takes two


def programming_variance_s2(
    settings: BenchSettings,
    target_s: Matrix,
    *,
    tolerance: float,
    iterations_max: int,
    repeats: int,
    rng: np.random.Generator,
) -> Matrix:
    """Estimate the variance of each cell's conductance from one programming of a target to the next.

    The target is written again and again on a board of these settings, another matrix of the same cells in
    between. Errors that return each time, such as those of the channels that verify, are none of the scatter:
    a calibrator learns them.

    Args:
        settings: of the board.
        target_s: conductances to reach [S], (N, M).
        tolerance: largest relative distance of a verify reading from its target.
        iterations_max: most iterations of a programming run.
        repeats: times that the target is written; a variance is off by a relative √(2/(repeats−1)).
        rng: draws the matrices in between and restarts the board's randomness.

    Returns:
        Variance [S²], (N, M); 0 where programming is exact.

    Raises:
        RangeError: fewer than two repeats.
    """
    if repeats < LEAST_REPEATS:
        raise RangeError(
            wanted(got=f"{repeats} repeats", allowed=f"{LEAST_REPEATS} or more", remedy="ask for more")
        )
    bench = build_bench(msgspec.structs.replace(settings, seed=int(rng.integers(2**31))))
    written_s = []
    for _ in range(repeats):
        for matrix_s in (rng.permuted(target_s), target_s):
            bench.begin_programming(pack(matrix_s), tolerance)
            for _ in range(iterations_max):
                if bench.programming_iteration().finished:
                    break
        written_s.append(np.asarray(bench.true_conductance()).reshape(target_s.shape))
    return np.var(written_s, axis=0, ddof=1)
