"""Scores of studies: NMSE and error over stated deviation of single matrices, and their medians."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.passes import ProgrammedPasses


def nmse(found_a: np.ndarray, ideal_a: np.ndarray) -> float:
    """Squared error relative to the variance that the inputs cause, of one matrix, (V, M) each [A]."""
    return float(np.mean((found_a - ideal_a) ** 2) / np.mean((ideal_a - ideal_a.mean(axis=0)) ** 2))


def stated(
    programmed: ProgrammedCalibrator | ProgrammedPasses, current_a: np.ndarray, ideal_a: np.ndarray
) -> tuple[float, float]:
    """NMSE, and root mean square of errors relative to their stated deviations, of one matrix."""
    found_a, deviation_a = programmed.with_uncertainty(current_a, allow_extrapolation=True)
    ratio = np.sqrt(np.mean(((found_a - ideal_a) / deviation_a) ** 2))
    return nmse(found_a, ideal_a), float(ratio)


class Scores:
    """NMSE, NMSE over a bound, and error over deviation of every matrix, by way."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[float, float, float]]] = {}

    def add(self, way: str, nmse: float, ratio: float = np.nan, *, bound: float = np.nan) -> None:
        """Take the scores of one matrix; no ratio without stated deviations, no bound if none is known."""
        self._found.setdefault(way, []).append((nmse, ratio, nmse / bound))

    def lines(self, width: int = 28) -> Iterator[str]:
        """Lay out medians over matrices, and the range of the ratio."""
        for way, found in self._found.items():
            nmse, ratio, times = np.array(found).T
            above = "" if np.isnan(times).all() else f"{np.median(times):7.2f}"
            told = f"{np.median(ratio):8.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
            stated = "" if np.isnan(ratio).all() else told
            yield f"  {way:{width}} {np.median(nmse):10.2e} {above}{stated}".rstrip()
