"""The stated deviations in plain numpy: twin of the kernels behind `crosscal.runtime.inverse.uncertainty`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.runtime.inverse import uncertainty as rules
from crosscal.runtime.inverse.derivative import slopes
from crosscal.runtime.inverse.prior_check import SPREAD_OF_SQUARES, compare_with_prior, patterns
from crosscal.runtime.inverse.tensors import InverseTensors

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


class Twin:
    """States variances for one matrix."""

    def __init__(self, tensors: InverseTensors) -> None:
        self._tensors = tensors
        volts = np.polynomial.Polynomial(tensors.expansion)
        self._volts, self._rate, self._bend = volts, volts.deriv(), volts.deriv(2)
        self._patterns = patterns(tensors.conductance.shape[0])

    def deviation_a(self, current_a: Currents, z: Inputs) -> Currents:
        """Standard deviations of the answers to readings [A], (B, M), behind which inputs `z` were found."""
        return float(self._tensors.inflation[0]) * np.sqrt(self._variance(current_a, z))

    def _scaled(self, current_a: Currents) -> Currents:
        tensors = self._tensors
        return (current_a - tensors.current_shift) * tensors.current_scale - tensors.prediction_bias

    def _variance(self, current_a: Currents, z: Inputs) -> Currents:
        tensors = self._tensors
        y = self._scaled(current_a)
        covariance = self._covariance(z)
        rates = self._rate(z)[:, :, None] * tensors.conductance
        variance = (rates * ((covariance + tensors.drive_covariance) @ rates)).sum(axis=1)
        direction = _softest(covariance)
        soft = np.flatnonzero(direction.variance > rules.SOFT**2)
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
        usual = rules.usual_misfit(y.shape[1], float(tensors.inflation[0]))
        # Distance of readings from their prediction relative to chance, at least 1.
        factor = np.maximum(2.0 * energy / usual, 1.0)
        residual = (y - self._tensors.predicted(z)) / tensors.current_scale
        # An answer is about as far off as the reading that its inputs fail to explain.
        beyond = (1.0 - 1.0 / factor) * (residual**2).mean(axis=1)
        return variance * factor[:, None] + beyond[:, None]

    def _spread_raises(self, z: Inputs, covariance: np.ndarray, rates: np.ndarray) -> Currents:
        """By how much the prior's spread, where readings leave it open, raises the answers [A], (B, M)."""
        tensors = self._tensors
        pull = (slopes(tensors, z) * (tensors.prediction_bias / tensors.variance)).sum(axis=2)
        lowered = (rates * _covered(covariance, pull)[:, :, None]).sum(axis=1)
        return (0.5 * tensors.input_variance * self._bend(z)) @ tensors.conductance - lowered

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
        step = np.clip(rules.STEP_OF_DEVIATION * np.sqrt(direction.variance), *rules.STEP_LIMITS)[:, None]
        least, most = self._tensors.input_bounds[3:]
        # Both ways at once: for one reading, most of the time is that of the calls.
        both = _Direction(*(np.concatenate([each, each]) for each in direction))
        stride = np.concatenate([step, -step]) * both.ridge
        y, here, lowest = np.tile(y, (2, 1)), np.tile(z, (2, 1)), np.tile(lowest, 2)
        onward, going = np.zeros_like(here), np.ones(len(here), dtype=bool)
        for _ in range(rules.STEPS):
            here = np.clip(here + stride + onward, least, most)
            force = self._force(y, here).reshape(2, *z.shape)
            move = np.matmul(covariance, force[..., None])[..., 0].reshape(here.shape)
            move -= both.ridge * (both.toward * move).sum(axis=1, keepdims=True)
            # What the other inputs had to follow by, they will about have to again.
            onward += move
            here = np.clip(here + move, least, most)
            above = self._energy(y, here) - lowest
            going &= above < rules.UNLIKELY
            if not going.any():
                break
            weight = np.where(going, np.exp(-np.clip(above, -rules.LIKELIEST, rules.UNLIKELY)), 0.0)
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
        wrong, beyond = y - self._tensors.predicted(z), z - np.clip(z, low, high)
        misfit = (wrong**2 / self._tensors.variance).sum(axis=1)
        return 0.5 * (misfit + (z**2).sum(axis=1) + penalty * (beyond**2).sum(axis=1))

    def _force(self, y: Currents, z: Inputs) -> Inputs:
        """Downhill gradient of the energy, (B, N)."""
        low, high, penalty = self._tensors.input_bounds[:3]
        pull = (y - self._tensors.predicted(z)) / self._tensors.variance
        return (
            np.einsum("bnm,bm->bn", slopes(self._tensors, z), pull)
            - z
            - penalty * (z - np.clip(z, low, high))
        )


def _softest(covariance: np.ndarray) -> _Direction:
    """Find where readings leave most open, by power iteration."""
    toward = np.broadcast_to(rules.power_iteration_start(covariance.shape[1]), covariance.shape[:2])
    for _ in range(rules.ROUNDS):
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
    least, whole = rules.OTHERS_LEFT
    alike = np.clip(((left - softest) / covariance.shape[1] - least) / (whole - least), 0.0, 1.0)
    return alike * SPREAD_OF_SQUARES * others / left**2


def _covered(covariance: np.ndarray, vector: Inputs) -> Inputs:
    return np.einsum("bnk,bk->bn", covariance, vector)
