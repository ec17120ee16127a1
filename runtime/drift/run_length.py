"""Run lengths of CUSUM charts in closed form: an integral equation, solved by quadrature.

The chart is Crosier's: a vector `C` of p sums, `C ← (C + z)(1 − k/|C + z|)`, zero where `|C + z|` is at most
k, and an alarm beyond h. For p = 1 it is a two-sided CUSUM. On white noise the length of `C` alone is a
Markov chain, of which the mean time to the alarm solves `L(r) = 1 + L(0) P(0|r) + ∫ L(x) f(x|r) dx`.

Reference: Crosier (1988), Multivariate generalizations of cumulative sum quality-control schemes; Page
(1954), Continuous inspection schemes; for the plain one Montgomery, Introduction to Statistical Quality
Control.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from crosscal.core.errors import InputError, wanted

# Of Gauss–Legendre quadrature. Run lengths are the same to nine digits from 1 node per deviation, and from 12
# nodes on (`python benchmarks/constants.py run_length`).
_NODES_PER_DEVIATION = 3
_FEWEST_NODES = 48

_MANY_DIMENSIONS = 24
"""From which the approximation moves run lengths by less than 1 % (tests/runtime/drift/test_run_length.py);
below, the exact density is as fast."""

_DEVIATIONS_BELOW = 14.0
"""Beyond the spread of a sum's length, which is below 2."""

LEAST_RUN_LENGTH = 2.0
"""An alarm at every other reading: below, there is nothing to test."""

_SECANT_STEPS = 30
"""Seven were taken at most, for run lengths of 2 to 10⁶ and up to 64 dimensions. Insensitive from 5 on
(`python benchmarks/constants.py run_length`)."""

_SAME_LOG_RUN_LENGTH = 1e-3
"""A run length within a thousandth of the wanted one. Thresholds are the same to 1e-3 between 1e-5 and 1e-3,
to 1e-2 with 1e-2 (the same command)."""

_TERMS_BEYOND = 9.0
"""Standard deviations of a Poisson distribution beyond which its terms are left out: 1e-17 of the whole."""


def cusum_run_length(k: float, h: float, *, shift: float = 0.0) -> float:
    """Mean number of readings to the alarm of the plain two-sided CUSUM of Page on white normal noise.

    `1/L = 1/L₊ + 1/L₋` with its two sides (Van Dobben de Bruyn, 1968), each begun at 0.

    Args:
        k: taken off each reading, standard deviations.
        h: threshold.
        shift: of the readings' mean, standard deviations.
    """
    _require_chart(k, h)
    return 1.0 / (1.0 / _one_sided(k, h, shift) + 1.0 / _one_sided(k, h, -shift))


def vector_run_length(k: float, h: float, dimensions: int) -> float:
    """Mean number of readings to a false alarm of Crosier's chart of `dimensions` white sums, begun at 0."""
    _require_chart(k, h)
    # Lengths far below the one that what is taken off holds are passed through in a few readings.
    least = max(0.0, min(held_length(k, dimensions), h) - _DEVIATIONS_BELOW)
    at, weight = _quadrature(least, h)
    starts = np.concatenate([[least], at])
    kernel = np.empty((len(starts), len(starts)))
    kernel[:, 1:] = _noncentral_chi_density(at + k, starts, dimensions) * weight
    kernel[:, 0] = _mass_below(k + least, starts, dimensions)
    return float(np.linalg.solve(np.eye(len(starts)) - kernel, np.ones(len(starts)))[0])


@lru_cache(maxsize=64)
def plain_threshold(k: float, wanted_run_length: float) -> float:
    """Threshold of the plain two-sided CUSUM at which false alarms come as seldom as is wanted.

    Raises:
        InputError: a run length below 2.
    """
    return _solved(lambda h: cusum_run_length(k, h), wanted_run_length, 0.0)


@lru_cache(maxsize=64)
def one_sided_threshold(k: float, wanted_run_length: float) -> float:
    """Threshold of the plain CUSUM that looks upwards alone.

    Raises:
        InputError: a run length below 2.
    """
    return _solved(lambda h: _one_sided(k, h, 0.0), wanted_run_length, 0.0)


@lru_cache(maxsize=256)
def threshold(k: float, wanted_run_length: float, dimensions: int = 1) -> float:
    """Threshold of Crosier's chart at which false alarms come as seldom as is wanted.

    Args:
        k: taken off each reading, standard deviations.
        wanted_run_length: mean number of readings to a false alarm, 2 or more.
        dimensions: sums of the chart.

    Raises:
        InputError: a run length below 2.
    """
    return _solved(
        lambda h: vector_run_length(k, h, dimensions), wanted_run_length, held_length(k, dimensions)
    )


def _solved(length_at: Callable[[float], float], wanted_run_length: float, held: float) -> float:
    """Find the threshold; beyond the length that is held, ln L turns into a straight line."""
    if not wanted_run_length >= LEAST_RUN_LENGTH:
        raise InputError(
            wanted(
                got=f"a run length of {wanted_run_length} readings",
                allowed=f"{LEAST_RUN_LENGTH:g} or more",
                remedy="allow fewer false alarms",
            )
        )
    goal = math.log(wanted_run_length)
    points = [(h, math.log(length_at(h))) for h in (held + 1.0, held + 3.0)]
    for _ in range(_SECANT_STEPS):
        (h, value), (before, value_before) = points[-1], points[-2]
        if abs(value - goal) < _SAME_LOG_RUN_LENGTH:
            break
        h += min(max((goal - value) * (h - before) / (value - value_before), -0.5 * h), 4.0)
        points.append((h, math.log(length_at(h))))
    return points[-1][0]


def _require_chart(k: float, h: float) -> None:
    if not (k > 0.0 and h > 0.0 and math.isfinite(k + h)):
        raise InputError(
            wanted(got=f"a CUSUM of k = {k}, h = {h}", allowed="both above 0", remedy="correct them")
        )


def _one_sided(k: float, h: float, shift: float) -> float:
    at, weight = _quadrature(0.0, h)
    starts = np.concatenate([[0.0], at])
    kernel = np.empty((len(starts), len(starts)))
    kernel[:, 1:] = np.exp(-0.5 * (at + k - shift - starts[:, None]) ** 2) / math.sqrt(2 * math.pi) * weight
    kernel[:, 0] = [0.5 * math.erfc(-(k - shift - start) / math.sqrt(2.0)) for start in starts]
    return float(np.linalg.solve(np.eye(len(starts)) - kernel, np.ones(len(starts)))[0])


def held_length(k: float, dimensions: int) -> float:
    """Length at which what is taken off a reading balances by how much noise lengthens the sums."""
    return max(dimensions / (2.0 * k) - 0.5 * k, 0.0)


def _quadrature(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    at, weight = np.polynomial.legendre.leggauss(
        max(_FEWEST_NODES, math.ceil(_NODES_PER_DEVIATION * (high - low)))
    )
    half = 0.5 * (high - low)
    return low + half * (at + 1.0), half * weight


def _noncentral_chi_density(x: np.ndarray, centre: np.ndarray, dimensions: int) -> np.ndarray:
    """Density at lengths `x` of a white vector about a point at distance `centre`, (centre, x)."""
    if dimensions >= _MANY_DIMENSIONS:
        return _normal_power_density(x, centre[:, None], dimensions)
    return np.stack([_mixture_density(x, float(distance), dimensions) for distance in centre])


def _mixture_density(x: np.ndarray, distance: float, dimensions: int) -> np.ndarray:
    """The exact one, a Poisson mixture of central ones: `Σ_j Pois(j; distance²/2) χ_{p+2j}(x)`."""
    j, weight = _poisson(0.5 * distance**2)
    half = (0.5 * dimensions + j)[:, None]
    log_gamma = np.array([math.lgamma(each) for each in half[:, 0]])[:, None]
    log_density = (2.0 * half - 1.0) * np.log(x) - 0.5 * x**2 - (half - 1.0) * math.log(2.0) - log_gamma
    return weight @ np.exp(log_density)


def _normal_power_density(x: np.ndarray, distance: np.ndarray, dimensions: int) -> np.ndarray:
    """A power of the squared length taken as normal (Sankaran, 1959)."""
    beyond = distance**2
    one, two, three = (dimensions + factor * beyond for factor in (1.0, 2.0, 3.0))
    power = 1.0 - 2.0 * one * three / (3.0 * two**2)
    spread = two / one**2
    bend = (power - 1.0) * (1.0 - 3.0 * power)
    mean = 1.0 + power * spread * (power - 1.0 - 0.5 * (2.0 - power) * bend * spread)
    deviation = power * np.sqrt(2.0 * spread) * (1.0 + 0.5 * bend * spread)
    raised = (x**2 / one) ** power
    normal = np.exp(-0.5 * ((raised - mean) / deviation) ** 2) / math.sqrt(2.0 * math.pi)
    return normal * 2.0 * power * raised / (x * deviation)


def _mass_below(length: float, centre: np.ndarray, dimensions: int) -> np.ndarray:
    """Probability that the length falls to `length` or below, by quadrature of its density."""
    at, weight = _quadrature(max(0.0, length - _DEVIATIONS_BELOW), length)
    return _noncentral_chi_density(at, centre, dimensions) @ weight


def _poisson(mean: float) -> tuple[np.ndarray, np.ndarray]:
    if mean == 0.0:
        return np.zeros(1), np.ones(1)
    reach = _TERMS_BEYOND * (math.sqrt(mean) + 2.0)
    j = np.arange(max(0, math.floor(mean - reach)), math.ceil(mean + reach) + 1, dtype=float)
    log_weight = j * math.log(mean) - mean - np.array([math.lgamma(each + 1.0) for each in j])
    keep = log_weight > -700.0
    return j[keep], np.exp(log_weight[keep])
