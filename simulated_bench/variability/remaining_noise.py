"""Slow noise that remains unknown at one reading of a run when the noise of all its others is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Vectors

READINGS_MOST = 200
"""Of a run, counted from its first: of noise that lasts longer, more readings tell hardly more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Succession:
    """Readings that follow each other at one pace.

    Attributes:
        voltage_v: inputs of each [V], (R, N).
        spacing_s: time from one to the next [s].
    """

    voltage_v: Vectors
    spacing_s: float

    @classmethod
    def of(cls, voltage_v: Vectors, spacing_s: float) -> Succession:
        """Take the first readings of a run, as many as count."""
        return cls(voltage_v=voltage_v[:READINGS_MOST], spacing_s=spacing_s)

    @property
    def lags_s(self) -> np.ndarray:
        """Time between two readings that are 0, 1, … apart [s], (R,)."""
        return self.spacing_s * np.arange(len(self.voltage_v))


def remaining_share(
    change_a: np.ndarray, cells: np.ndarray, amplifiers_a2: np.ndarray, white_a2: np.ndarray
) -> np.ndarray:
    """Compute the share of slow noise that the other readings of a run leave unknown, mean over readings.

    With Σ the covariance of a column's noise from reading to reading, the noise of one reading is known from
    that of all others to the variance 1/(Σ⁻¹)_bb. No estimator that knows less of the others than their
    inputs does better by linear means. Columns are taken one by one: wires let a column see a thousandth of
    the noise of others' cells.

    Args:
        change_a: of each column's current per relative change of its own cells [A], (R, N, M).
        cells: covariance of each cell's relative noise between readings 0, 1, … apart, (R, N, M).
        amplifiers_a2: the same of the amplifiers' currents [A²], (R, M).
        white_a2: variance of what is new in every reading [A²], (M,).

    Returns:
        In [0, 1], (M,); of noise of cells and amplifiers together.
    """
    readings, _, columns = change_a.shape
    slow_a2 = np.empty((columns, readings, readings))
    for lag in range(readings):
        early = np.arange(readings - lag)
        shared_a2 = np.einsum("bnm,bnm,nm->mb", change_a[early], change_a[early + lag], cells[lag])
        slow_a2[:, early, early + lag] = slow_a2[:, early + lag, early] = (shared_a2.T + amplifiers_a2[lag]).T
    # Relative to the white noise, or else to the slow: squares of nanoamperes are far from 1.
    total_a2 = np.einsum("mbb->m", slow_a2) / readings
    unit_a2 = white_a2 + total_a2
    relative = slow_a2 / unit_a2[:, None, None] + (white_a2 / unit_a2)[:, None, None] * np.eye(readings)
    left = 1.0 / np.einsum("mbb->mb", np.linalg.inv(relative))
    left_a2 = unit_a2 * left.mean(axis=1) - white_a2
    return np.clip(np.divide(left_a2, total_a2, out=np.ones(columns), where=total_a2 > 0), 0.0, 1.0)
