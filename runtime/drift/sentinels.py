"""Sentinel vectors: the few known inputs that are read again and again to notice a change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Vectors
from crosscal.core.errors import InputError, wanted
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.vectors import informative_vectors

_CANDIDATES = 16
"""Designs to choose from."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sentinels:
    """Known vectors [V], (S, N), in the order in which they are read."""

    voltage_v: Vectors

    @classmethod
    def design(
        cls,
        programmed: ProgrammedCalibrator,
        count: int,
        *,
        rng: np.random.Generator,
        voltage_range_v: tuple[float, float] | None = None,
    ) -> Sentinels:
        """Choose vectors that together say the most of a change of any cell.

        Balanced vectors are drawn several times; the set that is kept has the largest determinant of
        `Σ_columns S Sᵀ` (D-optimal: no change of cells hides from it behind another vector's).

        Args:
            programmed: calibrator of the matrix that the board holds.
            count: vectors, 2 or more; 8 are enough to tell kinds of change apart.
            rng: draws the candidates.
            voltage_range_v: lowest and highest input; None for those that the calibrator was trained on.

        Raises:
            InputError: less than two vectors, or no range of inputs.
        """
        limits = programmed.voltage_range_v if voltage_range_v is None else voltage_range_v
        if count < 2 or limits is None:
            raise InputError(
                wanted(
                    got=f"{count} sentinel vectors within {limits}",
                    allowed="2 or more vectors, within a known range of inputs",
                    remedy="ask for more, and give voltage_range_v if the calibrator's file does not",
                )
            )
        low_v, high_v = limits
        rows = programmed.shape[0]
        designs = (
            informative_vectors(count, rows, low_v=low_v, high_v=high_v, rng=rng) for _ in range(_CANDIDATES)
        )
        return cls(voltage_v=max(designs, key=lambda voltage_v: _information(programmed, voltage_v)))

    def __len__(self) -> int:
        return len(self.voltage_v)


def _information(programmed: ProgrammedCalibrator, voltage_v: Vectors) -> float:
    weight = (programmed.conductance_s**2).sum(axis=1)
    # A change of cells shows in differences between vectors: what all share is a change of gain.
    about = voltage_v - voltage_v.mean(axis=0)
    gram = (about * weight) @ about.T
    return float(np.linalg.slogdet(gram + 1e-3 * np.trace(gram) / len(gram) * np.eye(len(gram)))[1])
