"""Plans: vectors to recalibrate with, and time to the next reading of the sentinels."""

from __future__ import annotations

import math

from crosscal.core.errors import InputError, wanted
from crosscal.runtime.drift.diagnosis import Change, Diagnosis

_FEWEST, _OF_COLUMNS = 4, 8
"""Vectors that find gains and offsets (docs/explanation/when_to_recalibrate.md)."""


def vectors_for(
    diagnosis: Diagnosis, *, rows: int, noise: float, affordable: int, verification: int = 8
) -> int:
    """Choose how many known vectors a recalibration is worth.

    Gains and offsets take eight. Cells are worth as many as bring what is left of their change down to read
    noise, and no more than twice the rows: error falls with K as `change²/(1 + K change² SNR/N)`, where noise
    ends it.

    Args:
        diagnosis: what has changed, and by how much.
        rows: inputs of the crossbar, N.
        noise: of a reading, relative to full scale.
        affordable: vectors that the share of board time allows, verification included.
        verification: vectors to verify on.

    Returns:
        Vectors to learn from, 4 or more.

    Raises:
        InputError: the share of time allows less than that.
    """
    most = affordable - verification
    if most < _FEWEST:
        raise InputError(
            wanted(
                got=f"room for {affordable} vectors",
                allowed=f"{_FEWEST + verification} or more",
                remedy="wait, or allow a larger share of board time",
            )
        )
    if diagnosis.change in (Change.GAIN, Change.OFFSETS, Change.TEMPERATURE, Change.NOTHING):
        wish = _OF_COLUMNS
    else:
        # A cell's part of full scale is about 1/N: its change is seen against noise N times as large.
        seen = max(diagnosis.size, 1e-6) / (math.sqrt(rows) * max(noise, 1e-9))
        wish = _OF_COLUMNS * 2.0 ** math.ceil(max(0.0, math.log2(max(seen, 1e-3)) + 1.0))
    return int(min(max(wish, _OF_COLUMNS), 2 * rows, most))


def sentinel_interval_s(
    *,
    seconds_since_change: float,
    drift_per_e_fold: float,
    tolerance: float,
    bounds_s: tuple[float, float],
    reading_s: float,
    share: float,
) -> float:
    """Choose the time to the next reading of the sentinels.

    Devices drift with the logarithm of time: until the drift of the next interval reaches half the tolerance,
    `ln(1 + Δ/t)` may grow by half of `tolerance / drift_per_e_fold`.

    Args:
        seconds_since_change: since the matrix was programmed, or since the last sudden change.
        drift_per_e_fold: relative change of currents while that time grows by a factor e; 0 for none seen.
        tolerance: relative change that may go unnoticed.
        bounds_s: shortest and longest interval.
        reading_s: time that one reading of all sentinels takes.
        share: of board time that sentinels may take.

    Raises:
        InputError: bounds that are none, a share or a tolerance that is not above 0.
    """
    low_s, high_s = bounds_s
    if not (0.0 < low_s <= high_s and share > 0.0 and tolerance > 0.0):
        raise InputError(
            wanted(
                got=f"bounds {bounds_s} s, share {share}, tolerance {tolerance}",
                allowed="0 < shortest ≤ longest, share and tolerance above 0",
                remedy="correct the settings",
            )
        )
    folds = 0.5 * tolerance / max(abs(drift_per_e_fold), 1e-12)
    wish_s = max(seconds_since_change, low_s) * math.expm1(min(folds, 50.0))
    return max(min(max(wish_s, reading_s / share), high_s), low_s)
