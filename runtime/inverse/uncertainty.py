"""Uncertainty of the answers of `crosscal.runtime.inverse.inverse`, read by read.

About the likeliest inputs a Gaussian is the posterior's shape in most directions. Along the softest one, the
one that readings determine least, a square crossbar's currents often turn back: two inputs far apart explain
the same reading, and only the prior can tell them apart. So that direction is walked, with all other inputs
following, and the error of the answer at each place is weighted by how likely the place is. A reading with a
second explanation thereby states a large deviation, where a Gaussian about the first would state a small one.

A reading that no likely inputs explain (it saturated, inputs lay outside the trained window, or the board is
no longer as it was) is further from its prediction than its variance allows. Its deviation grows by the
same factor, and contains the residual itself. One whose inputs are explained but look unlike the trained ones
(`prior_check`) states as much more as the prior has filled in wrongly.

Where readings leave several directions open, as of columns that are alike, the others than the softest
count as the Gaussian has them, and by the spread of what they leave open about its mean.

Not seen is a second explanation beyond places that are less than `exp(-15)` as likely.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.runtime.compilation_notice import announce_compilation
from crosscal.runtime.inverse import prior_check
from crosscal.runtime.inverse.derivative import slopes
from crosscal.runtime.inverse.elimination_kernel import LANES
from crosscal.runtime.inverse.prior_check import SPREAD_OF_SQUARES, compare_with_prior
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.inverse.uncertainty_kernel import Prior, Rules, deviate

SOFT = 0.1
"""Deviation of an input, relative to its prior's, from here on a circuit bends within it."""

OTHERS_LEFT = (0.4, 0.6)
"""Share of the prior's variances that is left open beside the softest direction, from which on the spread of
it begins to count, and from which on it counts whole: a random 12×16 matrix leaves less than a tenth, one of
7×4 or of 40×24 a third, one with all columns alike (N − 2)/N: 0.6 of five rows, 0.83 of twelve."""

# Rounds of the search for the softest direction, and steps along it each way. Stated deviations are
# insensitive from 2 rounds and 8 steps on; with 4 steps they are 6 % too small on arrays with more rows than
# columns (`python benchmarks/constants.py uncertainty`).
ROUNDS = 8
STEPS = 16

_CHUNK = 32
"""Readings at a time: their derivatives stay in the cache."""

_BY_CHANCE = 15.0
"""Minus the logarithm of how often, at most, an ordinary reading is taken for one without explanation."""

# Stated deviations are insensitive to the length of a step between 0.25 and 1, to its limits between half and
# twice these and to the unlikelihood that ends a walk between 8 and 30 (`python benchmarks/constants.py
# uncertainty`). `LIKELIEST` keeps the exponential within float64.
STEP_OF_DEVIATION, STEP_LIMITS = 0.5, (0.15, 0.3)
UNLIKELY, LIKELIEST = 15.0, 500.0

Inputs = Float[np.ndarray, "batch rows"]


class Uncertainty:
    """States standard deviations for one programmed matrix; threads may share it.

    Args:
        tensors: of the matrix. arrays: the same as `read_kernel` takes them, from `wide` to `rules`.
    """

    def __init__(self, tensors: InverseTensors, arrays: tuple[np.ndarray, ...]) -> None:
        rows = len(tensors.conductance)
        self._tensors, self._arrays = tensors, arrays
        self._prior = Prior(
            beginning=_padded(power_iteration_start(rows)),
            patterns=np.ascontiguousarray(_padded(prior_check.patterns(rows).T)),
            input_variance=_padded(tensors.input_variance),
            drive_variance=_padded(np.broadcast_to(tensors.drive_variance, rows)),
            bias_in_noise=_padded(tensors.prediction_bias / np.sqrt(tensors.variance)),
        )

    def deviation_a(self, current_a: Currents, z: Inputs) -> Currents:
        """Standard deviations of `calibrated_a` [A], (B, M).

        Args:
            current_a: measured [A], (B, M), contiguous.
            z: likeliest standardised inputs behind them, (B, N), as `Inverse.read` found them.
        """
        columns, variance_a2 = current_a.shape[1], np.empty(current_a.shape)
        given = (current_a, z, columns, self._arrays, self._tensors.damping.size)
        if getattr(deviate, "signatures", True):
            deviate(*given, self._prior, self._rules(), variance_a2)
        else:
            with announce_compilation("deviations", about_s=8):
                deviate(*given, self._prior, self._rules(), variance_a2)
        return float(self._tensors.inflation[0]) * np.sqrt(variance_a2)

    def _rules(self) -> Rules:
        rows, columns = self._tensors.conductance.shape
        rank = min(rows, columns)
        return Rules(
            rows=rows,
            rank=rank,
            rounds=ROUNDS,
            steps=STEPS,
            soft=SOFT**2,
            step_of_deviation=STEP_OF_DEVIATION,
            least_step=STEP_LIMITS[0],
            most_step=STEP_LIMITS[1],
            unlikely=UNLIKELY,
            likeliest=LIKELIEST,
            usual=usual_misfit(columns, float(self._tensors.inflation[0])),
            doubt=prior_check.DOUBT,
            most_common=prior_check.MOST_COMMON,
            spread_by_chance=prior_check.spread_by_chance(rank),
            most_spread=prior_check.most_spread(rank),
            unknown_spread=prior_check.UNKNOWN_SPREAD,
            others_least=OTHERS_LEFT[0],
            others_whole=OTHERS_LEFT[1],
            spread_of_squares=SPREAD_OF_SQUARES,
        )

    def correlation(self, z: Inputs) -> np.ndarray:
        """Correlation of the answers' errors, (B, M, M), of the Gaussian about the likeliest inputs.

        Columns share the inputs, so that their errors go together: where two columns hold nearly the same
        conductances by nearly all of them.

        Args:
            z: likeliest standardised inputs that `Inverse.read` found, (B, N).
        """
        volts = np.polynomial.Polynomial(self._tensors.expansion)
        rates = volts.deriv()(z)[:, :, None] * self._tensors.conductance
        joint = rates.swapaxes(1, 2) @ ((self._covariance(z) + self._tensors.drive_covariance) @ rates)
        deviation = np.sqrt(np.maximum(np.diagonal(joint, axis1=1, axis2=2), np.finfo(float).tiny))
        return joint / (deviation[:, :, None] * deviation[:, None, :])

    def plausible(self, current_a: Currents, z: Inputs) -> np.ndarray:
        """Tell whether inputs that `Inverse.read` found, (B, N), look like those trained on, (B,)."""
        found = np.empty(len(z), dtype=bool)
        for start in range(0, len(z), _CHUNK):
            part = slice(start, start + _CHUNK)
            energy = self._energy(current_a[part], z[part])
            check = compare_with_prior(z[part], self._covariance(z[part]), energy, current_a.shape[1])
            found[part] = check.plausible
        return found

    def _covariance(self, z: Inputs) -> np.ndarray:
        """Covariance of the inputs (B, N, N), of the Gaussian about `z`."""
        slope = slopes(self._tensors, z)
        precision = (slope / self._tensors.variance) @ slope.swapaxes(1, 2)
        rows, (low, high, penalty) = np.arange(z.shape[1]), self._tensors.input_bounds[:3]
        precision[:, rows, rows] += 1.0 + penalty * ((z < low) | (z > high))
        return np.linalg.inv(precision)

    def _energy(self, current_a: Currents, z: Inputs) -> np.ndarray:
        """Minus the logarithm of the posterior density, up to a constant, (B,)."""
        tensors, (low, high, penalty) = self._tensors, self._tensors.input_bounds[:3]
        y = (current_a - tensors.current_shift) * tensors.current_scale - tensors.prediction_bias
        wrong, beyond = y - tensors.predicted(z), z - np.clip(z, low, high)
        misfit = (wrong**2 / tensors.variance).sum(axis=1)
        return 0.5 * (misfit + (z**2).sum(axis=1) + penalty * (beyond**2).sum(axis=1))


def usual_misfit(columns: int, inflation: float) -> float:
    """Return the largest doubled energy that an ordinary reading has by chance.

    It is chi-squared of M; Laurent and Massart bound its tail (Ann. Statist. 28 (2000) 1302, lemma 1). That
    all deviations are too small by the factor `inflation` is known.
    """
    usual = columns + 2.0 * np.sqrt(columns * _BY_CHANCE) + 2.0 * _BY_CHANCE
    return float(usual) * max(inflation, 1.0) ** 2


def power_iteration_start(rows: int) -> np.ndarray:
    """Return a beginning (N,) that no pattern of a crossbar is blind to."""
    n = np.arange(rows)
    return 1.0 + 0.7 * np.sin(2.4 * n * n + n)


def _padded(values: np.ndarray) -> np.ndarray:
    """Fill the last axis up with zeros to whole lanes."""
    fill = -values.shape[-1] % LANES
    return np.pad(values.astype(np.float64), [(0, 0)] * (values.ndim - 1) + [(0, fill)])
