"""Exploration of the part of biased columns, layer by layer."""

from __future__ import annotations

from collections.abc import Callable

from crosscal.core.errors import InputError, wanted
from crosscal.training.networks.learning.plan import LearningPlan

PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Parts that are tried; accuracy changes by less than its spread over chips between them."""

TRIAL_INPUTS = 10_000
"""Training inputs that a trial learns from, in one epoch."""


def trials(layers: int) -> int:
    """Count the trials of an exploration."""
    return len(PARTS) + layers * (len(PARTS) - 1)


def explore_parts(layers: int, score: Callable[[tuple[float, ...]], float]) -> tuple[float, ...]:
    """Find the part for every layer: the best for all at once, then layer by layer with the others held.

    Args:
        layers: number of them.
        score: accuracy with given parts; the best wins, of equal ones the first.
    """
    best, best_score = (0.0,) * layers, float("-inf")
    candidates = [(part,) * layers for part in PARTS]
    for layer in range(-1, layers):
        if layer >= 0:
            candidates = [(*best[:layer], part, *best[layer + 1 :]) for part in PARTS if part != best[layer]]
        scores = [score(each) for each in candidates]
        found = max(range(len(scores)), key=scores.__getitem__)
        if scores[found] > best_score:
            best, best_score = candidates[found], scores[found]
    return best


def column_parts(
    plan: LearningPlan, layers: int, trial: Callable[[tuple[float, ...]], float]
) -> tuple[float, ...]:
    """Choose the part of biased columns of every layer as the plan asks for.

    Args:
        plan: of the training.
        layers: number of them.
        trial: accuracy after a short training with given parts, for parts that are explored.

    Raises:
        InputError: parts for another number of layers.
    """
    if isinstance(plan.columns, tuple):
        if len(plan.columns) != layers:
            got = f"{len(plan.columns)} parts of biased columns for {layers} layers"
            raise InputError(wanted(got=got, allowed="one for each, or one for all", remedy="correct them"))
        return plan.columns
    if isinstance(plan.columns, str):
        return explore_parts(layers, trial) if plan.biased else (0.0,) * layers
    return (float(plan.columns),) * layers
