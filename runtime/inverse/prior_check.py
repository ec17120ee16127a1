"""Comparison of found inputs with the prior that was trained: independent inputs of the trained spread.

A square or tall array absorbs nearly any inputs, so that nothing is left unexplained where all rows sit low
or go together. But then the inputs found are no likely draw of the prior, and the prior fills wrongly
what readings leave open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float

PATTERNS = 4
"""Smooth patterns along the rows that inputs may have in common: a shift of all, a slope, a bow, …"""

MOST_COMMON = 3.5
"""Standard deviations of a common pattern; one reading in 500 of independent inputs goes beyond in one."""

DOUBT = 2.0
"""Standard deviations of a pattern, or of the spread, from which on it counts in deviations. At 3.5 those of
correlated inputs at 40×24 are 1.9 times too small, at 2 1.1 times."""

UNKNOWN_SPREAD = 0.2
"""By how much less than the prior inputs are taken to spread that do not look like it. At 40×24 with half or
nine tenths of the inputs at their least, errors are 0.8 and 1.3 of what is stated; with 0.3 0.7 and 1.1."""

_BY_CHANCE = 7.0
"""Minus the logarithm of how often independent uniform inputs spread more than `most_spread`."""

SPREAD_OF_SQUARES = 0.8
"""Variance of z² of a uniform input of unit variance."""

Inputs = Float[np.ndarray, "batch rows"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorCheck:
    """Inputs of readings beside the prior.

    Attributes:
        common: size of each pattern that inputs have in common, in deviations of the prior, (B, K).
        significance: `common` relative to that of independent inputs, (B, K).
        spread: sum of squared inputs relative to its expectation, (B,).
        rank: number of directions that readings tell.
    """

    common: np.ndarray
    significance: np.ndarray
    spread: np.ndarray
    rank: int

    @property
    def plausible(self) -> np.ndarray:
        """Whether independent inputs of the trained spread look like this, (B,)."""
        return (np.abs(self.significance) <= MOST_COMMON).all(axis=1) & (
            self.spread <= most_spread(self.rank)
        )

    @property
    def wider(self) -> np.ndarray:
        """Growth of variances, at least 1, as inputs spread more than the prior, (B,)."""
        return np.where(self.spread > most_spread(self.rank), self.spread, 1.0)

    @property
    def doubted_common(self) -> np.ndarray:
        """`common` where it is more than chance, else 0, (B, K)."""
        return np.where(np.abs(self.significance) > DOUBT, self.common, 0.0)

    @property
    def doubted_spread(self) -> np.ndarray:
        """By how much inputs may spread less than the prior's variance, about what is common, (B,)."""
        about = self.spread * self.rank - (self.significance**2).sum(axis=1)
        missing = 1.0 - np.maximum(about, 0.0) / max(self.rank - self.significance.shape[1], 1)
        beyond_chance = np.abs(missing) > spread_by_chance(self.rank)
        least = np.where(self.plausible, 0.0, UNKNOWN_SPREAD)
        return np.maximum(np.where(beyond_chance, np.abs(missing), 0.0), least)


def patterns(rows: int) -> np.ndarray:
    """Return smooth patterns (N, K), cosines of up to `PATTERNS` − 1 half periods, of unit mean square."""
    k = np.arange(min(PATTERNS, rows))
    waves = np.cos(np.pi * k * (np.arange(rows)[:, None] + 0.5) / rows)
    return waves * np.where(k == 0, 1.0, np.sqrt(2.0))


def spread_by_chance(rank: int) -> float:
    """Return by how much `spread` differs from 1 by chance, of Gaussian inputs."""
    return DOUBT * float(np.sqrt(2.0 / rank))


def most_spread(rank: int) -> float:
    """Return the largest `spread` of independent uniform inputs, readings telling `rank` directions."""
    beyond = np.sqrt(2.0 * SPREAD_OF_SQUARES * rank * _BY_CHANCE) + 2.0 * _BY_CHANCE / 3.0
    return 1.0 + float(beyond) / rank


def compare_with_prior(z: Inputs, covariance: np.ndarray, energy: np.ndarray, columns: int) -> PriorCheck:
    """Compare found inputs with the prior, as the linear model about them has it.

    Inputs that are found have the covariance I − P, P the posterior's.

    Args:
        z: likeliest inputs, (B, N), of zero mean and unit variance by the prior.
        covariance: P of them, (B, N, N).
        energy: minus the logarithm of their posterior density, (B,).
        columns: M.
    """
    rows = z.shape[1]
    waves, rank = patterns(rows), min(rows, columns)
    # With fewer readings than inputs, twice the energy is what the readings' own covariance weighs them with.
    told = rows - np.trace(covariance, axis1=1, axis2=2)
    spread = 2.0 * energy / columns if rows > columns else (z**2).sum(axis=1) / told
    seen = rows - ((covariance @ waves) * waves).sum(axis=1)
    return PriorCheck(
        common=z @ waves / seen,
        significance=z @ waves / np.sqrt(seen),
        spread=spread,
        rank=rank,
    )
