"""Rehearsal of simpler policies at the board time that the daemon took."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.commands.rehearsal.plan import INTERVAL, Figures, RehearsalPlan
from crosscal.commands.rehearsal.policies import FixedInterval, FixedThreshold, Policy, learned, run_until
from crosscal.commands.rehearsal.stage import Stage, error_of


def rehearse_beside(
    name: str, plan: RehearsalPlan, vectors: int, progress: Callable[[float], object]
) -> Figures:
    """Let a fixed interval or a fixed threshold keep a board through the month.

    Args:
        name: `INTERVAL` or `THRESHOLD`.
        plan: what to rehearse.
        vectors: that the daemon has read.
        progress: told the share that is done.
    """
    stage, figures = Stage.of(plan), Figures()
    reader, clock = stage.reader(), stage.clock
    rng = np.random.default_rng([plan.seed, 3])
    each = 2 * stage.as_trained.shape[0]
    first = learned(stage.as_trained, reader, each, rng)
    policy: Policy
    if name == INTERVAL:
        policy = FixedInterval(first, reader, clock, plan.duration_s * each / max(vectors, each), rng)
    else:
        recalibrations, looks = max(vectors // (2 * each), 1), max(vectors // 2 // 8, 1)
        policy = FixedThreshold(first, reader, clock, plan.duration_s / looks, recalibrations, rng)
    for index, until_s in enumerate(plan.times_s):
        run_until(policy, float(until_s), clock)
        figures.add(name, error_of(policy.programmed, stage.scored(index)))
        progress((index + 1) / plan.reads)
    figures.board_share[name] = stage.board.vectors * reader.vector_s / plan.duration_s
    return figures
