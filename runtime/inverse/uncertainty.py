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

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors
from crosscal.runtime.inverse.derivative import slopes
from crosscal.runtime.inverse.packed_surrogate import PackedSurrogate
from crosscal.runtime.inverse.prior_check import SPREAD_OF_SQUARES, compare_with_prior, patterns
from crosscal.runtime.inverse.tensors import InverseTensors

SOFT = 0.1
"""Deviation of an input, relative to its prior's, from here on a circuit bends within it."""

OTHERS_LEFT = (0.4, 0.6)
"""Share of the prior's variances that is left open beside the softest direction, from which on the spread of
it begins to count, and from which on it counts whole: a random 12×16 matrix leaves less than a tenth, one of
7×4 or of 40×24 a third, one with all columns alike (N − 2)/N: 0.6 of five rows, 0.83 of twelve."""

_CHUNK = 32
"""Readings at a time: their derivatives stay in the cache."""

# Rounds of the search for the softest direction, and steps along it each way. Stated deviations are
# insensitive from 2 rounds and 8 steps on; with 4 steps they are 6 % too small on arrays with more rows than
# columns (`python benchmarks/constants.py uncertainty`).
ROUNDS = 8
STEPS = 16

_BY_CHANCE = 15.0
"""Minus the logarithm of how often, at most, an ordinary reading is taken for one without explanation."""

# Stated deviations are insensitive to the length of a step between 0.25 and 1, to its limits between half and
# twice these, to the unlikelihood that ends a walk between 8 and 30, to the rounds of settling from 3 on and
# to the points of the grid from 501 on (`python benchmarks/constants.py uncertainty`). `LIKELIEST` keeps the
# exponential within float64.
STEP_OF_DEVIATION, STEP_LIMITS = 0.5, (0.15, 0.3)
UNLIKELY, LIKELIEST = 15.0, 500.0
_SETTLING = 6
_GRID = 2001

Inputs = Float[np.ndarray, "batch rows"]


class _Direction(NamedTuple):
    """The softest direction of each reading: inputs are `z + t · ridge`, and `t` their part along `toward`.

    Attributes:
        toward: unit vectors, (B, N). ridge: (B, N). variance: of `t`, (B,).
    """

    toward: Inputs
    ridge: Inputs
    variance: np.ndarray

    def of(self, chosen: np.ndarray) -> _Direction:
        return _Direction(self.toward[chosen], self.ridge[chosen], self.variance[chosen])


class Uncertainty:
    """States standard deviations for one programmed matrix; threads may share it."""

    def __init__(self, tensors: InverseTensors) -> None:
        self._tensors = tensors
        self._surrogate = PackedSurrogate(tensors)
        volts = np.polynomial.Polynomial(tensors.expansion)
        self._volts, self._rate, self._bend = (
            _evaluated(each) for each in (volts, volts.deriv(), volts.deriv(2))
        )
        self._patterns = patterns(tensors.conductance.shape[0])
        self._grid = np.linspace(tensors.input_bounds[3], tensors.input_bounds[4], _GRID)

    def deviation_a(self, current_a: Currents, voltage_v: Vectors) -> Currents:
        """Standard deviations of `calibrated_a` [A], (B, M).

        Args:
            current_a: measured [A], (B, M).
            voltage_v: inputs that `Inverse.read` found for them [V], (B, N).
        """
        found = np.empty(current_a.shape)
        for start in range(0, len(current_a), _CHUNK):
            part = slice(start, start + _CHUNK)
            found[part] = np.sqrt(self._variance(current_a[part], voltage_v[part]))
        return float(self._tensors.inflation[0]) * found

    def correlation(self, voltage_v: Vectors) -> np.ndarray:
        """Correlation of the answers' errors, (B, M, M), of the Gaussian about the likeliest inputs.

        Columns share the inputs, so that their errors go together: where two columns hold nearly the same
        conductances by nearly all of them.

        Args:
            voltage_v: inputs that `Inverse.read` found [V], (B, N).
        """
        z = self._mode(voltage_v)
        rates = self._rate(z)[:, :, None] * self._tensors.conductance
        joint = rates.swapaxes(1, 2) @ ((self._covariance(z) + self._tensors.drive_covariance) @ rates)
        deviation = np.sqrt(np.maximum(np.diagonal(joint, axis1=1, axis2=2), np.finfo(float).tiny))
        return joint / (deviation[:, :, None] * deviation[:, None, :])

    def plausible(self, current_a: Currents, voltage_v: Vectors) -> np.ndarray:
        """Tell whether inputs that `Inverse.read` found [V], (B, N), look like those trained on, (B,)."""
        found = np.empty(len(voltage_v), dtype=bool)
        for start in range(0, len(voltage_v), _CHUNK):
            part = slice(start, start + _CHUNK)
            y, z = self._scaled(current_a[part]), self._mode(voltage_v[part])
            energy = self._energy(y, z)
            found[part] = compare_with_prior(z, self._covariance(z), energy, y.shape[1]).plausible
        return found

    def _scaled(self, current_a: Currents) -> Currents:
        tensors = self._tensors
        return (current_a - tensors.current_shift) * tensors.current_scale - tensors.prediction_bias

    def _variance(self, current_a: Currents, voltage_v: Vectors) -> Currents:
        tensors = self._tensors
        y, z = self._scaled(current_a), self._mode(voltage_v)
        covariance = self._covariance(z)
        rates = self._rate(z)[:, :, None] * tensors.conductance
        variance = (rates * ((covariance + tensors.drive_covariance) @ rates)).sum(axis=1)
        direction = _softest(covariance)
        soft = np.flatnonzero(direction.variance > SOFT**2)
        if soft.size:
            chosen = direction.of(soft)
            along = np.einsum("bnm,bn->bm", rates[soft], chosen.ridge)
            believed = along**2 * chosen.variance[:, None]
            walked = self._walked(y[soft], z[soft], covariance[soft], chosen)
            # Less than the Gaussian says is not believed: other directions may bend as well.
            variance[soft] += np.maximum(walked - believed, 0.0)
        energy = self._energy(y, z)
        check = compare_with_prior(z, covariance, energy, y.shape[1])
        variance *= check.wider[:, None]
        # What readings leave open was filled by the prior: what inputs have in common is missing there.
        missed = (covariance @ self._patterns).swapaxes(1, 2) @ rates
        variance += ((check.doubted_common[:, :, None] * missed) ** 2).sum(axis=1)
        doubted = check.doubted_spread**2 + chance_of_spread(covariance, direction.variance)
        if doubted.any():
            variance += doubted[:, None] * self._spread_raises(z, covariance, rates) ** 2
        usual = usual_misfit(y.shape[1], float(tensors.inflation[0]))
        # Distance of readings from their prediction relative to chance, at least 1.
        factor = np.maximum(2.0 * energy / usual, 1.0)
        residual = (y - self._surrogate.predicted(z)) / tensors.current_scale
        # An answer is about as far off as the reading that its inputs fail to explain.
        beyond = (1.0 - 1.0 / factor) * (residual**2).mean(axis=1)
        return variance * factor[:, None] + beyond[:, None]

    def _spread_raises(self, z: Inputs, covariance: np.ndarray, rates: np.ndarray) -> Currents:
        """By how much the prior's spread, where readings leave it open, raises the answers [A], (B, M)."""
        tensors = self._tensors
        pull = (slopes(tensors, z) * (tensors.prediction_bias / tensors.variance)).sum(axis=2)
        lowered = (rates * _covered(covariance, pull)[:, :, None]).sum(axis=1)
        return (0.5 * tensors.input_variance * self._bend(z)) @ tensors.conductance - lowered

    def _mode(self, voltage_v: Vectors) -> Inputs:
        """Likeliest inputs behind mean volts: those lie above their own by the share of `input_variance`."""
        grid_v, z = self._volts(self._grid), np.interp(voltage_v, self._volts(self._grid), self._grid)
        for _ in range(_SETTLING):
            z = np.interp(voltage_v - 0.5 * self._tensors.input_variance * self._bend(z), grid_v, self._grid)
        return z

    def _covariance(self, z: Inputs) -> np.ndarray:
        """Covariance of the inputs (B, N, N), of the Gaussian about `z`."""
        slope = slopes(self._tensors, z)
        precision = (slope / self._tensors.variance) @ slope.swapaxes(1, 2)
        rows = np.arange(z.shape[1])
        precision[:, rows, rows] += self._stiffness(z)
        return np.linalg.inv(precision)

    def _stiffness(self, z: Inputs) -> Inputs:
        low, high, penalty = self._tensors.input_bounds[:3]
        return 1.0 + penalty * ((z < low) | (z > high))

    def _walked(self, y: Currents, z: Inputs, covariance: np.ndarray, direction: _Direction) -> Currents:
        """Mean square error (B, M) of answers along the softest direction."""
        centre_a, lowest = self._centre_a(z, direction), self._energy(y, z)
        weights, squares = np.ones(len(z)), (self._answer_a(z) - centre_a) ** 2
        step = np.clip(STEP_OF_DEVIATION * np.sqrt(direction.variance), *STEP_LIMITS)[:, None]
        least, most = self._tensors.input_bounds[3:]
        # Both ways at once: for one reading, most of the time is that of the calls.
        both = _Direction(*(np.concatenate([each, each]) for each in direction))
        stride = np.concatenate([step, -step]) * both.ridge
        y, here, lowest = np.tile(y, (2, 1)), np.tile(z, (2, 1)), np.tile(lowest, 2)
        onward, going = np.zeros_like(here), np.ones(len(here), dtype=bool)
        for _ in range(STEPS):
            here = np.clip(here + stride + onward, least, most)
            force = self._force(y, here).reshape(2, *z.shape)
            move = np.matmul(covariance, force[..., None])[..., 0].reshape(here.shape)
            move -= both.ridge * (both.toward * move).sum(axis=1, keepdims=True)
            # What the other inputs had to follow by, they will about have to again.
            onward += move
            here = np.clip(here + move, least, most)
            above = self._energy(y, here) - lowest
            going &= above < UNLIKELY
            if not going.any():
                break
            weight = np.where(going, np.exp(-np.clip(above, -LIKELIEST, UNLIKELY)), 0.0)
            by_side = self._answer_a(here).reshape(2, *centre_a.shape) - centre_a
            weights += weight.reshape(2, -1).sum(axis=0)
            squares += (weight.reshape(2, -1, 1) * by_side**2).sum(axis=0)
        return squares / weights[:, None]

    def _centre_a(self, z: Inputs, direction: _Direction) -> Currents:
        """Origin of the deviations: the answer without the bias that other directions add."""
        own = np.minimum(direction.ridge**2 * direction.variance[:, None], self._tensors.input_variance)
        return (self._volts(z) + 0.5 * own * self._bend(z)) @ self._tensors.conductance

    def _answer_a(self, z: Inputs) -> Currents:
        return self._volts(z) @ self._tensors.conductance

    def _energy(self, y: Currents, z: Inputs) -> np.ndarray:
        """Minus the logarithm of the posterior density, up to a constant, (B,)."""
        low, high, penalty = self._tensors.input_bounds[:3]
        wrong, beyond = y - self._surrogate.predicted(z), z - np.clip(z, low, high)
        misfit = (wrong**2 / self._tensors.variance).sum(axis=1)
        return 0.5 * (misfit + (z**2).sum(axis=1) + penalty * (beyond**2).sum(axis=1))

    def _force(self, y: Currents, z: Inputs) -> Inputs:
        """Downhill gradient of the energy, (B, N)."""
        low, high, penalty = self._tensors.input_bounds[:3]
        pull = (y - self._surrogate.predicted(z)) / self._tensors.variance
        return self._surrogate.pulled(z, pull) - z - penalty * (z - np.clip(z, low, high))


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


def _softest(covariance: np.ndarray) -> _Direction:
    """Find where readings leave most open, by power iteration."""
    toward = np.broadcast_to(power_iteration_start(covariance.shape[1]), covariance.shape[:2])
    for _ in range(ROUNDS):
        toward = _covered(covariance, toward)
        toward = toward / np.linalg.norm(toward, axis=1, keepdims=True)
    seen = _covered(covariance, toward)
    variance = (toward * seen).sum(axis=1)
    return _Direction(toward=toward, ridge=seen / variance[:, None], variance=variance)


def chance_of_spread(covariance: np.ndarray, softest: np.ndarray) -> np.ndarray:
    """Variance, (B,), of the mean square of independent inputs, as far as readings leave it open.

    Where columns are alike, answers do not change with what is open to first order: its spread is all that is
    uncertain there.

    Args:
        covariance: of the inputs, (B, N, N). softest: variance along the direction that is walked, (B,).
    """
    left = np.trace(covariance, axis1=1, axis2=2)
    others = np.maximum((covariance**2).sum(axis=(1, 2)) - softest**2, 0.0)
    least, whole = OTHERS_LEFT
    alike = np.clip(((left - softest) / covariance.shape[1] - least) / (whole - least), 0.0, 1.0)
    return alike * SPREAD_OF_SQUARES * others / left**2


def _evaluated(polynomial: np.polynomial.Polynomial) -> Callable[[np.ndarray], np.ndarray]:
    """Evaluate a polynomial of a few orders; numpy's own takes ten times as long for one reading."""
    last, *lower = (float(each) for each in reversed(polynomial.coef))

    def at(z: np.ndarray) -> np.ndarray:
        total = np.full_like(z, last)
        for each in lower:
            total *= z
            total += each
        return total

    return at


def _covered(covariance: np.ndarray, vector: Inputs) -> Inputs:
    return np.einsum("bnk,bk->bn", covariance, vector)
