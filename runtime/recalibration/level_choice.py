"""Choice of the level: the kinds of change that the residuals of K readings are evidence of, and their size.

The spreads that may have changed (cells, gains, offsets) and the noise are a handful of numbers that all
columns share; they are set where they make the residuals most probable, once for each level, and the most
probable level wins. Weak priors of usual sizes keep few readings from saying anything absurd.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace

import numpy as np

from crosscal.runtime.recalibration.conditioning import ColumnReads, Evidence, Spread
from crosscal.runtime.recalibration.posterior import CELLS, RecalibrationLevel

USUAL = Spread(cell=0.01, gain=0.005, offset=0.002, noise=1.0)
"""Usual sizes; the noise is relative to the calibrator's statement."""

_USUAL_FACTOR = Spread(cell=4.0, gain=4.0, offset=4.0, noise=3.0)
"""Factor beside the usual that is one standard deviation of the prior."""

_STEPS = (0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
"""Factors of a spread that are tried. Recalibrated errors are insensitive; with 0.5 and 2 alone, stated ones
change by 6 % on boards with more rows than columns (`python benchmarks/constants.py level_choice`)."""

_LEAST_GAIN = 1e-2
"""Of the logarithm of the evidence. Insensitive between 1e-3 and 0.1; with 1, stated errors change by 6 %
(the same command)."""

_ROUNDS = 12
"""The climb ends by itself. Insensitive between 3 and 24 (the same command)."""

_CHANGES = ("cell", "gain", "offset")
# In parts of the usual: between a large change and much noise one step at a time may not find the way. A
# usual change alone comes to the same (`python benchmarks/constants.py level_choice`); the rest is for
# unusual ones.
_STARTS_OF_CHANGES = (0.25, 1.0, 4.0, 16.0)
_STARTS_OF_NOISE = (0.1, 1.0)

LEAST_NOISE = 1e-7
"""Relative to the full scale; float32 resolves no better. Readings that are explained exactly would
otherwise drive the noise to 0."""

_GROWN_DEVIATIONS = 4.0
"""Standard deviations of a mean square beyond which noise counts as larger: once in 30,000 by chance."""

_FREE = {
    RecalibrationLevel.NOTHING: ("noise",),
    RecalibrationLevel.COLUMNS: ("noise", "gain", "offset"),
    RecalibrationLevel.CELLS: ("noise", "gain", "offset", "cell"),
}


LevelFound = tuple[RecalibrationLevel, Spread, dict[RecalibrationLevel, float]]
"""The most probable level, the spreads at it, and the logarithm of the evidence for each."""


def choose_level(reads: ColumnReads, before: np.ndarray | None, stated_noise: float) -> LevelFound:
    """Find the level, and the spreads at it, that make the residuals most probable.

    Args:
        reads: readings of all columns; without cells among the sensitivities, that level is not tried.
        before: covariance that an earlier recalibration left, (M, U, U); None if there was none.
        stated_noise: standard deviation of a reading that the calibrator was made with, relative to the full
            scale.

    Returns:
        The level; the spreads, zero where the level excludes them; the logarithm of the evidence for each
        level.
    """
    cells = reads.sensitivity.shape[2] > CELLS
    return level_by(few_evidence(reads, before).log, stated_noise, cells=cells)


def level_by(log: Callable[[Spread], float], stated_noise: float, *, cells: bool) -> LevelFound:
    """Find the level, and the spreads at it, as `choose_level` does, from the evidence of each spread.

    Args:
        log: logarithm of how probable the residuals are with a spread.
        stated_noise: as for `choose_level`.
        cells: whether cells can be told apart.
    """
    tried = [level for level in RecalibrationLevel if cells or level is not RecalibrationLevel.CELLS]
    found = {level: _most_probable(log, stated_noise, level) for level in tried}
    best = max(found, key=lambda level: found[level][1])
    return best, found[best][0], {level: value for level, (_, value) in found.items()}


def few_evidence(reads: ColumnReads, before: np.ndarray | None) -> Evidence:
    """Evidence of evenly chosen columns and vectors, enough for a few numbers that all share."""
    few, chosen = reads.thinned()
    return Evidence(few, None if before is None else before[chosen])


def noise_has_grown(noise: float, stated_noise: float, readings: int) -> bool:
    """Whether readings scatter more than is stated, by more than their number explains."""
    return (noise / stated_noise) ** 2 > 1.0 + _GROWN_DEVIATIONS * float(np.sqrt(2.0 / max(readings, 1)))


def _most_probable(
    log: Callable[[Spread], float], stated_noise: float, level: RecalibrationLevel
) -> tuple[Spread, float]:
    free = _FREE[level]

    def score(spread: Spread) -> float:
        if spread.noise < LEAST_NOISE:
            return -np.inf
        return log(spread) - _unusual(spread, stated_noise, free)

    starts = (
        Spread(
            **{name: change * getattr(USUAL, name) if name in free else 0.0 for name in _CHANGES},
            noise=max(noise * stated_noise, LEAST_NOISE),
        )
        for change in _STARTS_OF_CHANGES
        for noise in _STARTS_OF_NOISE
    )
    return _climb(score, max(starts, key=score), free)


def _unusual(spread: Spread, stated_noise: float, free: tuple[str, ...]) -> float:
    """Half the squared distance from the usual, on a logarithmic scale."""
    total = 0.0
    for name in free:
        usual = getattr(USUAL, name) * (stated_noise if name == "noise" else 1.0)
        total += (np.log(getattr(spread, name) / usual) / np.log(getattr(_USUAL_FACTOR, name))) ** 2
    return 0.5 * total


def _climb(score: Callable[[Spread], float], start: Spread, free: tuple[str, ...]) -> tuple[Spread, float]:
    """Multiply one spread at a time by one of a few factors, for as long as that helps."""
    best, value = start, score(start)
    seen = {astuple(start)}
    for _ in range(_ROUNDS):
        before = value
        for name in free:
            for step in _STEPS:
                trial = replace(best, **{name: getattr(best, name) * step})
                if astuple(trial) in seen:
                    continue
                seen.add(astuple(trial))
                if (trial_value := score(trial)) > value + _LEAST_GAIN:
                    best, value = trial, trial_value
        if value - before <= _LEAST_GAIN:
            break
    return best, value
