"""Comparison of two calibrations of a store, by their knowledge of their board."""

from __future__ import annotations

from typing import Any

import numpy as np

from crosscal.runtime import Calibrator, ColumnPosterior
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET


def compare_calibrations(one: bytes, other: bytes) -> dict[str, Any]:
    """Tell how the second calibrator file differs from the first.

    Returns:
        `matrix`: whether both are for the same target; `changes`: root mean square differences of what they
        believe of columns and cells, empty where neither was recalibrated.

    Raises:
        CalibratorFileError: a file that cannot be used.
    """
    records = [
        Calibrator.from_bytes(content, origin=f"the {name} version").recalibration
        for name, content in (("first", one), ("second", other))
    ]
    known = [record for record in records if record is not None]
    if len(known) < len(records):
        matrix = "one was never recalibrated" if known else "neither was recalibrated"
    elif known[0].target_sha256 == known[1].target_sha256:
        matrix = "the same matrix"
    else:
        matrix = "another matrix"
    posteriors = [None if record is None else record.posterior for record in records]
    return {"matrix": matrix, "changes": _changes(*posteriors)}


def _changes(one: ColumnPosterior | None, other: ColumnPosterior | None) -> dict[str, float]:
    if one is None and other is None:
        return {}
    means = [_mean(posterior, one if posterior is None else posterior, other) for posterior in (one, other)]
    if means[0].shape != means[1].shape:
        return {}
    change = means[1] - means[0]
    found = {
        "offsets, rms, relative to full scale": _rms(change[:, OFFSET]),
        "gains, rms, relative": _rms(change[:, GAIN]),
        "gain that all columns share, relative": float(change[:, GAIN].mean()),
    }
    if change.shape[1] > CELLS:
        cells = change[:, CELLS:] + change[:, GAIN, None]
        found |= {"cells, rms, relative": _rms(cells), "cells, largest, relative": float(np.abs(cells).max())}
    return found


def _mean(
    posterior: ColumnPosterior | None, fallback: ColumnPosterior | None, other: ColumnPosterior | None
) -> np.ndarray:
    if posterior is not None:
        return posterior.mean
    known = fallback if fallback is not None else other
    return np.zeros_like(known.mean) if known is not None else np.zeros((0, CELLS))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
