"""The published laws once more, written down apart from the product: percentiles of what cells become.

Conductances in µS and times in seconds, as the publications have them. Every function gives the value that
the part `share` of many equal cells stays below; cells are held at 0, so what is below 0 says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

NORMAL = NormalDist()
SHARES = (0.05, 0.16, 0.5, 0.84, 0.95)
READ_S = 250e-9

Percentile = Callable[[float, float, float], float]


def wan_1s(g: float) -> float:
    return 0.348 + 16.030 * g - 43.853 * g**2 + 45.393 * g**3 - 16.815 * g**4


def wan_1day(g: float) -> float:
    return 0.701 + 22.086 * g - 50.773 * g**2 + 47.095 * g**3 - 16.458 * g**4


def joshi(g: float) -> float:
    return 0.26348 + 1.965 * g - 1.1731 * g**2


def falcone(us: float) -> float:
    return 0.0112185391 + 0.01129027418 * us


def scattered(deviation: Callable[[float], float]) -> Percentile:
    """A normal error around what was written, at once."""

    def percentile(us: float, _age_s: float, share: float) -> float:
        return us + deviation(us) * NORMAL.inv_cdf(share)

    return percentile


def even(deviation: Callable[[float], float]) -> Percentile:
    """An error anywhere within the window that was accepted, alike."""

    def percentile(us: float, _age_s: float, share: float) -> float:
        return us + deviation(us) * math.sqrt(3) * (2 * share - 1)

    return percentile


def pcm_drift(us: float, age_s: float, share: float) -> float:
    log_g = math.log(us / 25)
    mean = min(max(-0.0155 * log_g + 0.0244, 0.049), 0.1)
    spread = min(max(-0.0125 * log_g - 0.0059, 0.008), 0.045)
    return us * (age_s / 20) ** -max(mean + spread * NORMAL.inv_cdf(1 - share), 0)


def cmo_drift(us: float, age_s: float, share: float) -> float:
    log_t = math.log(age_s)
    return us - 0.089 * log_t + (0.412 + 0.042 * log_t) * NORMAL.inv_cdf(share)


def filament_drift(us: float, age_s: float, share: float) -> float:
    way = math.log(age_s) / math.log(86400)
    return us + math.sqrt((wan_1day(us / 40) ** 2 - wan_1s(us / 40) ** 2) * way) * NORMAL.inv_cdf(share)


def pcm_flicker(us: float, age_s: float, share: float) -> float:
    q = min(0.0088 / (us / 25) ** 0.65, 0.2)
    return us * (1 + q * math.sqrt(math.log((age_s + READ_S) / (2 * READ_S))) * NORMAL.inv_cdf(share))


def cmo_flicker(us: float, age_s: float, share: float) -> float:
    folds = math.log((age_s + READ_S) / (2 * READ_S))
    return us + 0.0277316483 * math.log10(us) * math.sqrt(folds) * NORMAL.inv_cdf(share)


def white(us: float, _age_s: float, share: float) -> float:
    return us * (1 + 0.01 * NORMAL.inv_cdf(share))


@dataclass(frozen=True, kw_only=True)
class Published:
    """A law, and where to look at it.

    Attributes:
        percentile: of conductance [µS] by what was written [µS], age [s] and share of the cells.
        levels_us: conductances written.
        ages_s: ages looked at.
    """

    percentile: Percentile
    levels_us: tuple[float, ...]
    ages_s: tuple[float, ...]

    def distance(self, sample: Callable[[float], np.ndarray]) -> float:
        """How far samples are from the law: the largest of many counts, in standard deviations of a count.

        Args:
            sample: conductances [µS] of cells of an age, (cells, levels).
        """
        largest = 0.0
        for age_s in self.ages_s:
            cells_us = sample(age_s)
            for level_us, column_us in zip(self.levels_us, cells_us.T, strict=True):
                for share in SHARES:
                    bound_us = self.percentile(level_us, age_s, share)
                    if bound_us > 0:
                        below = np.count_nonzero(column_us < bound_us)
                        expected = share * len(column_us)
                        scatter = math.sqrt(expected * (1 - share))
                        largest = max(largest, abs(below - expected) / scatter)
        return largest
