"""Condition of a calibration, and the hardware that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.daemon.upkeep.compiled import Compiled
from crosscal.firmware_models import Hardware
from crosscal.runtime import ProgrammedCalibrator


class KeptHardware(Hardware, Protocol):
    """Hardware with a matrix that can be asked for, and changes that can be noticed."""

    @property
    def target_s(self) -> Matrix | None:
        """The matrix that the board was told to hold [S]; None if it cannot tell."""
        ...

    def acknowledge(self) -> None:
        """Take the board as it is for known."""
        ...


@dataclass(slots=True)
class Condition:
    """Knowledge of the calibration at this moment.

    Attributes:
        compiled: in use; None if there is none for the matrix that the board holds.
        version: of the store; None before the first commit.
        doubt: evidence against it, for people; empty if there is none.
        usable: whether reads may be calibrated at all.
        verified_at_s: monotonic time of the last verification [s]; None if there was none.
        learned_at_s: monotonic time at which it last learned from known vectors [s]; None if it never did.
        wider: factor of stated deviations, as the latest verification found errors beyond them; 1 if none.
        widening_a: deviation of columns that could not be repaired [A], (M,); None for none.
    """

    compiled: Compiled | None = None
    version: int | None = None
    doubt: str = "not verified yet"
    usable: bool = False
    verified_at_s: float | None = None
    learned_at_s: float | None = None
    wider: float = 1.0
    widening_a: np.ndarray | None = None

    @property
    def programmed(self) -> ProgrammedCalibrator | None:
        """What reads are calibrated with; None if they cannot be."""
        return self.compiled.programmed if self.usable and self.compiled is not None else None
