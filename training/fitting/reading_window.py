"""Fit of the currents that inputs of the trained window cause, by one law of all cells.

With a cubic `u`, `I[m] = gain[m] Σ_n G[n, m] u(v[n]) + offset[m]` explains a reading to a few per cent: too
coarse to calibrate with, but enough to tell readings of the trained inputs from others at read time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosscal.runtime import ReadingWindow
from crosscal.training.measurements import Measurements

_DEGREE = 3
"""With 1 the law's deviation is 2 % of the largest current, with 2 0.4 %, with 3 and 5 0.2 % (`python
benchmarks/constants.py reading_window`)."""

_MATRICES = 80
"""Enough for a handful of coefficients; more cost memory."""

_ROUNDS = 4
"""Of alternating least squares: gains differ by a few per cent, and the second round changes them by less."""

_GRID = 201  # inputs among which the largest and least response are looked for; insensitive from 11 on

_LEVEL_DEVIATIONS = 3.5
"""Of the levels of training readings around their mean, at least as far as any of them: of 6,120 ordinary
readings of `lab-12x16` none is refused; of single rows at 0.3 V, on which `affine` errs by 19 µA where the
raw current errs by 1 µA, all are. See benchmarks/reading_levels.py."""

_LEAST_DEVIATION = 1e-6
"""Of the largest current: measurements without noise may be explained to the last digit."""


def fit_reading_window(data: Measurements) -> ReadingWindow | None:
    """Fit the law to usable vectors; None where inputs do not vary.

    Args:
        data: the measurements that were trained on.
    """
    chosen = np.flatnonzero(data.usable.any(axis=1))
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(_MATRICES, len(chosen))).astype(int))]
    used = [data.usable[k] for k in chosen]
    inputs_v = np.concatenate([data.voltage_v[k][use].ravel() for k, use in zip(chosen, used, strict=True)])
    low_v, high_v = data.voltage_range_v or (float(inputs_v.min()), float(inputs_v.max()))
    degree = min(_DEGREE, len(np.unique(inputs_v)) - 1)
    if degree < 1:
        return None
    powers = np.concatenate(
        [
            np.stack(
                [data.voltage_v[k][use] ** p @ data.conductance_s[k] for p in range(degree + 1)], axis=-1
            )
            for k, use in zip(chosen, used, strict=True)
        ]
    )
    current_a = np.concatenate([data.current_a[k][use] for k, use in zip(chosen, used, strict=True)])
    law, gain, offset_a = _alternating(powers, current_a)
    drive_v = np.polynomial.polynomial.polyval(np.linspace(low_v, high_v, _GRID), law)
    residual_a = current_a - gain * (powers @ law) - offset_a
    if not np.ptp(drive_v) > 0.0:
        return None
    window = ReadingWindow(
        drive_v=(float(drive_v.min()), float(drive_v.max())),
        gain=gain,
        offset_a=offset_a,
        deviation_a=max(
            float(np.sqrt(np.mean(residual_a**2))), _LEAST_DEVIATION * float(np.abs(current_a).max())
        ),
    )
    return replace(window, level=_levels(data, chosen, window, (low_v, high_v)))


def _levels(
    data: Measurements, matrices: np.ndarray, window: ReadingWindow, voltage_range_v: tuple[float, float]
) -> tuple[float, float]:
    """Find how far the levels of training readings reach."""
    levels = []
    for k in matrices:
        test = window.of_matrix(data.conductance_s[k], voltage_range_v)
        levels.append((test.scale * data.current_a[k][data.usable[k]] - test.middle) @ test.total)
    level = np.concatenate(levels)
    mean, reach = float(level.mean()), _LEVEL_DEVIATIONS * float(level.std())
    return min(mean - reach, float(level.min())), max(mean + reach, float(level.max()))


def _alternating(powers: np.ndarray, current_a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit the law's coefficients, and gain and offset of each column, in turn."""
    columns = current_a.shape[1]
    gain, offset_a = np.ones(columns), np.zeros(columns)
    law = np.zeros(powers.shape[-1])
    for _ in range(_ROUNDS):
        wanted_a = (current_a - offset_a) / gain
        law = np.linalg.lstsq(powers.reshape(-1, len(law)), wanted_a.ravel(), rcond=None)[0]
        predicted_a = powers @ law
        about = predicted_a - predicted_a.mean(axis=0)
        square = (about**2).sum(axis=0)
        slope = np.divide((about * current_a).sum(axis=0), square, out=np.ones(columns), where=square > 0.0)
        # A column that answers backwards, or not at all, is left to its offset.
        gain = np.where(slope > 0.0, slope, 1.0)
        offset_a = current_a.mean(axis=0) - gain * predicted_a.mean(axis=0)
    return law, gain, offset_a
