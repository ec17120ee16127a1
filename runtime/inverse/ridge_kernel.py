"""The walk along the softest direction of a reading's posterior: arrays in, arrays out.

All other inputs follow, and the error of the answer at each place is weighted by how likely the place is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.runtime.inverse.posterior_kernel import add_rows
from crosscal.runtime.inverse.surrogate_kernel import FAST, differentiate, predict


class Reading(NamedTuple):
    """One reading, and room to look at inputs that may explain it.

    Attributes:
        y: scaled currents, (M,). variance: of their noise, (M,). bounds: see `InverseTensors.input_bounds`.
        conductance: (N, M) [S]. expansion: (K,): volts in powers of `z`.
        powers: (3, N), carried: (6 M,), predicted: (M,): see `predict`. slope: (N, M), float32.
        pull: weight that each column's derivative counts with, (M,). ones: (N,), float32.
    """

    y: np.ndarray
    variance: np.ndarray
    bounds: np.ndarray
    conductance: np.ndarray
    expansion: np.ndarray
    powers: np.ndarray
    carried: np.ndarray
    predicted: np.ndarray
    slope: np.ndarray
    pull: np.ndarray
    ones: np.ndarray


@njit(fastmath=FAST, error_model="numpy", inline="always")
def energy(reading, z):
    """Minus the logarithm of the posterior density at `z`, up to a constant; `predict` was asked for it last.

    Leaves in `pull` what is unexplained relative to the noise's variance.
    """
    y, predicted, variance, pull = reading.y, reading.predicted, reading.variance, reading.pull
    low, high, penalty, twice = reading.bounds[0], reading.bounds[1], reading.bounds[2], 0.0
    for m in range(y.size):
        wrong = y[m] - predicted[m]
        pull[m] = wrong / variance[m]
        twice += wrong * wrong / variance[m]
    for n in range(z.size):
        beyond = z[n] - min(max(z[n], low), high)
        twice += z[n] * z[n] + penalty * beyond * beyond
    return 0.5 * twice


@njit(fastmath=FAST, error_model="numpy", inline="always")
def bent_volts(expansion, z):
    """Volts of a standardised input, their first and half their second derivative."""
    value, rate, half_bend = 0.0, 0.0, 0.0
    for k in range(expansion.size - 1, -1, -1):
        half_bend = half_bend * z + rate
        rate = rate * z + value
        value = value * z + expansion[k]
    return value, rate, half_bend


@njit(fastmath=FAST, error_model="numpy", forceinline=False)
def answer(reading, z, raised, lift, volts, current_a):
    """Fill `current_a` (M,) with the target's currents at `z`; `raised`, as variances `lift` raise them."""
    expansion = reading.expansion
    for n in range(z.size):
        volts[n] = 0.0
    for k in range(expansion.size - 1, -1, -1):
        for n in range(z.size):
            volts[n] = volts[n] * z[n] + expansion[k]
    if raised:
        for n in range(z.size):
            volts[n] += lift[n] * bent_volts(expansion, z[n])[2]
    current_a[:] = 0.0
    add_rows(reading.conductance, volts, current_a)


@njit(fastmath=FAST, error_model="numpy", inline="always")
def follow(reading, here, covariance, toward, ridge, force, move):
    """Fill `move` with the Newton step of all inputs but the one along the ridge."""
    low, high, penalty, slope = reading.bounds[0], reading.bounds[1], reading.bounds[2], reading.slope
    for n in range(here.size):
        row, total = slope[n], slope.dtype.type(0)
        for m in range(row.size):
            total += row[m]
        force[n] = float(total) - here[n] - penalty * (here[n] - min(max(here[n], low), high))
    move[:] = 0.0
    add_rows(covariance, force, move)
    along = 0.0
    for n in range(here.size):
        along += toward[n] * move[n]
    for n in range(here.size):
        move[n] -= ridge[n] * along


@njit(fastmath=FAST, error_model="numpy", forceinline=False)
def walk(surrogate, reading, z, covariance, toward, ridge, variance, input_variance, lowest, rules, squares):
    """Fill `squares` (M,) with mean square errors of the answers along the ridge.

    Args:
        z: likeliest inputs, (N,), of energy `lowest`. covariance: of the inputs, (N, N).
        toward, ridge: inputs are `z + t · ridge`, `t` of this `variance` their part along `toward`, (N,).
        input_variance: see `InverseTensors`, (N,). rules: see `uncertainty_kernel`.
    """
    rows, columns = covariance.shape[0], squares.size
    least, most, weights = reading.bounds[3], reading.bounds[4], 1.0
    by_row, by_column = np.zeros((5, rows)), np.zeros((2, columns))
    here, onward, force, move, volts = by_row[0], by_row[1], by_row[2], by_row[3], by_row[4]
    centre_a, answer_a = by_column[0], by_column[1]
    for n in range(rows):
        onward[n] = min(ridge[n] * ridge[n] * variance, input_variance[n])
    answer(reading, z, True, onward, volts, centre_a)
    answer(reading, z, False, onward, volts, answer_a)
    for m in range(columns):
        squares[m] = (answer_a[m] - centre_a[m]) ** 2
    length = min(max(rules.step_of_deviation * np.sqrt(variance), rules.least_step), rules.most_step)
    for side in range(2):
        step = length if side == 0 else -length
        for n in range(rows):
            here[n], onward[n], move[n] = z[n], 0.0, 0.0
        # One stride in two halves: along the ridge, then with the other inputs after it.
        for half in range(2 * rules.steps):
            for n in range(rows):
                stride = step * ridge[n] + onward[n] if half % 2 == 0 else move[n]
                here[n] = min(max(here[n] + stride, least), most)
            predict(surrogate, here, reading.powers, reading.carried, reading.predicted)
            above = energy(reading, here) - lowest
            if half % 2 == 0:
                differentiate(
                    surrogate, reading.powers, reading.carried, reading.ones, reading.pull, reading.slope
                )
                follow(reading, here, covariance, toward, ridge, force, move)
                for n in range(rows):
                    # What the other inputs had to follow by, they will about have to again.
                    onward[n] += move[n]
                continue
            if not above < rules.unlikely:
                break
            weight = np.exp(-max(above, -rules.likeliest))
            weights += weight
            answer(reading, here, False, onward, volts, answer_a)
            for m in range(columns):
                squares[m] += weight * (answer_a[m] - centre_a[m]) ** 2
    for m in range(columns):
        squares[m] /= weights
