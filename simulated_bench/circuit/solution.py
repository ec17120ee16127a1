"""Solution of a circuit: column currents, and the voltage of every wire node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.short_repr import ShortRepr


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Solution(ShortRepr):
    """Solution of one vector, or of a batch of B vectors; a transient has T instants in place of B.

    Attributes:
        current_a: out of each column into its amplifier [A], (M,) or (B, M).
        word_v: voltage of the row wire at each cell [V], (N, M) or (B, N, M).
        bit_v: voltage of the column wire at each cell [V], the same shape.
    """

    current_a: np.ndarray
    word_v: np.ndarray
    bit_v: np.ndarray

    @property
    def cell_v(self) -> np.ndarray:
        """Voltage across each cell [V], (N, M) or (B, N, M)."""
        return self.word_v - self.bit_v
