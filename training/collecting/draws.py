"""Draws of matrices to program: uniform, log-uniform, of levels, with cells that are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.core.quantities import parse_quantity

DRAWS = "uniform, log-uniform, levels:1uS,100uS (equally likely), off:0.9 (a fraction at LOW), off:0.9@0S"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixDraw:
    """Distribution of each cell's conductance within a range, independent from cell to cell.

    Attributes:
        text: as it was asked for.
        logarithmic: uniform in the logarithm.
        levels_s: levels, equally likely [S]; empty for a continuous draw.
        off: fraction of the cells that are off.
        off_s: conductance of those [S]; the lower end of the range if None.
    """

    text: str
    logarithmic: bool = False
    levels_s: tuple[float, ...] = ()
    off: float = 0.0
    off_s: float | None = None

    @classmethod
    def parse(cls, text: str) -> MatrixDraw:
        """Read a draw as people write it.

        Raises:
            InputError: it is of another form.
        """
        name, _, rest = text.strip().partition(":")
        try:
            if name in ("uniform", "log-uniform") and not rest:
                return cls(text=text, logarithmic=name == "log-uniform")
            if name == "levels":
                levels_s = tuple(sorted({parse_quantity(level, "S") for level in rest.split(",")}))
                if len(levels_s) >= 2 and levels_s[0] >= 0.0:
                    return cls(text=text, levels_s=levels_s)
            if name == "off":
                share, at, level = rest.partition("@")
                off, off_s = float(share), parse_quantity(level, "S") if at else None
                if 0.0 < off < 1.0 and (off_s is None or off_s >= 0.0):
                    return cls(text=text, off=off, off_s=off_s)
        except ValueError:
            pass
        raise InputError(wanted(got=f"draw {text!r}", allowed=DRAWS, remedy="give one with --draw"))

    def within(self, low_s: float, high_s: float) -> tuple[float, float]:
        """Return the smallest and largest conductance that is drawn from a range [S].

        Raises:
            RangeError: levels outside the range, or a logarithm of 0.
        """
        if self.levels_s:
            lowest_s, highest_s = self.levels_s[0], self.levels_s[-1]
            # 0 S is a cell that was never formed: there is nothing to program.
            programmed_s = [level_s for level_s in self.levels_s if level_s > 0.0]
            if programmed_s[0] < low_s or highest_s > high_s:
                raise RangeError(
                    wanted(
                        got=f"levels from {programmed_s[0]:.4g} to {highest_s:.4g} S",
                        allowed=f"{low_s:.4g} to {high_s:.4g} S",
                        remedy="give levels that the board reaches",
                    )
                )
            return lowest_s, highest_s
        if self.logarithmic and low_s <= 0.0:
            raise RangeError(
                wanted(
                    got=f"a log-uniform draw from {low_s:g} S",
                    allowed="a range that begins above 0 S",
                    remedy="give --conductance LOW:HIGH",
                )
            )
        return low_s if self.off_s is None else min(low_s, self.off_s), high_s

    def draw(self, low_s: float, high_s: float, shape: tuple[int, int], rng: np.random.Generator) -> Matrix:
        """Draw a matrix [S], (N, M), from a range that `within` has accepted."""
        if self.levels_s:
            return rng.choice(np.array(self.levels_s), size=shape)
        if self.logarithmic:
            return np.clip(np.exp(rng.uniform(np.log(low_s), np.log(high_s), shape)), low_s, high_s)
        matrix_s = rng.uniform(low_s, high_s, shape)
        if self.off:
            matrix_s[rng.random(shape) < self.off] = low_s if self.off_s is None else self.off_s
        return matrix_s
