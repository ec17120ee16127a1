"""Variances of the answers to readings, see `crosscal.runtime.inverse.uncertainty`: arrays in, arrays out.

Padding of inputs is left out by a prior that does not let them vary.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.runtime.inverse.posterior_kernel import add_rows, gaussian
from crosscal.runtime.inverse.read_kernel import unpack
from crosscal.runtime.inverse.ridge_kernel import Reading, bent_volts, energy, walk
from crosscal.runtime.inverse.surrogate_kernel import FAST, differentiate, predict


class Rules(NamedTuple):
    """Constants of `uncertainty` and `prior_check` by their names there, and what they come to for one board.

    Attributes:
        usual: twice the energy that a reading has by chance, at most. rank: number of directions that
            readings tell. rows: N without padding.
    """

    rows: int
    rank: int
    rounds: int
    steps: int
    soft: float
    step_of_deviation: float
    least_step: float
    most_step: float
    unlikely: float
    likeliest: float
    usual: float
    doubt: float
    most_common: float
    spread_by_chance: float
    most_spread: float
    unknown_spread: float
    others_least: float
    others_whole: float
    spread_of_squares: float


class Prior(NamedTuple):
    """Knowledge of the inputs of one board.

    Attributes:
        beginning: of the power iteration, (N,). patterns: that inputs may have in common, (K, N).
        input_variance, drive_variance: see `InverseTensors`, (N,).
        bias_in_noise: of predictions, relative to the deviation of their noise, (M,).
    """

    beginning: np.ndarray
    patterns: np.ndarray
    input_variance: np.ndarray
    drive_variance: np.ndarray
    bias_in_noise: np.ndarray


@njit(fastmath=FAST, error_model="numpy", inline="always")
def softest(covariance, beginning, rounds, toward, seen):
    """Find where readings leave most open, by power iteration: `toward` and `seen`, its product, (N,).

    Returns:
        The variance along it.
    """
    toward[:] = beginning
    along = 0.0
    for round_ in range(rounds + 1):
        square, along = 0.0, 0.0
        for n in range(toward.size):
            square += toward[n] * toward[n]
        for n in range(toward.size):
            toward[n] /= np.sqrt(square)
        seen[:] = 0.0
        add_rows(covariance, toward, seen)
        for n in range(toward.size):
            along += toward[n] * seen[n]
        if round_ < rounds:
            toward[:] = seen
    return along


@njit(fastmath=FAST, error_model="numpy", inline="always")
def add_lacking(conductance, rates, lacks, part, volts, raised_a, doubt):
    """Add to `doubt` (M,) squares of what answers lack where inputs lack `lacks` (N,), less `raised_a`."""
    for n in range(rates.size):
        volts[n] = rates[n] * lacks[n]
    for m in range(doubt.size):
        raised_a[m] = -raised_a[m]
    add_rows(conductance, volts, raised_a)
    for m in range(doubt.size):
        doubt[m] += part * part * raised_a[m] * raised_a[m]


@njit(fastmath=FAST, error_model="numpy", forceinline=False)
def compare(reading, prior, rules, given, z, rates, deviation, covariance, along, lowest, doubt):
    """Fill `doubt` (M,) with variances [A²] for inputs that do not look like the trained ones.

    `slope` of the reading holds derivatives relative to the noise, by the prior's deviation.

    Returns:
        The factor of all other variances, at least 1.
    """
    by_row, by_column = np.zeros((2, rates.size)), np.zeros((1, doubt.size))
    seen, volts, raised_a, conductance = by_row[0], by_row[1], by_column[0], reading.conductance
    left, squares, of_patterns, plausible = 0.0, 0.0, 0.0, True
    for n in range(rules.rows):
        left += covariance[n, n]
        squares += z[n] * z[n]
    spread = 2.0 * lowest / given if rules.rows > given else squares / (rules.rows - left)
    doubt[:] = 0.0
    for k in range(len(prior.patterns)):
        wave, told, common = prior.patterns[k], float(rules.rows), 0.0
        seen[:] = 0.0
        add_rows(covariance, wave, seen)
        for n in range(rules.rows):
            told -= wave[n] * seen[n]
            common += wave[n] * z[n]
        significance = common / np.sqrt(told)
        of_patterns += significance * significance
        plausible = plausible and abs(significance) <= rules.most_common
        if abs(significance) > rules.doubt:
            raised_a[:] = 0.0
            add_lacking(conductance, rates, seen, common / told, volts, raised_a, doubt)
    plausible = plausible and spread <= rules.most_spread
    free = max(rules.rank - len(prior.patterns), 1)
    missing = abs(1.0 - max(spread * rules.rank - of_patterns, 0.0) / free)
    if not missing > rules.spread_by_chance:
        missing = 0.0
    if not plausible:
        missing = max(missing, rules.unknown_spread)
    alike = ((left - along) / rules.rows - rules.others_least) / (rules.others_whole - rules.others_least)
    missing = missing * missing
    if alike > 0.0:
        # By chance, too, independent inputs spread otherwise than the prior's mean.
        others = -along * along
        for n in range(rules.rows):
            for k in range(rules.rows):
                others += covariance[n, k] * covariance[n, k]
        missing += min(alike, 1.0) * rules.spread_of_squares * max(others, 0.0) / (left * left)
    if missing > 0.0:
        bent_v = np.zeros(rates.size)
        pulled, lowered = np.zeros(rates.size), np.zeros(rates.size)
        for n in range(rules.rows):
            row = reading.slope[n]
            for m in range(row.size):
                pulled[n] += row[m] * prior.bias_in_noise[m]
            pulled[n] /= deviation[n]
            bent_v[n] = prior.input_variance[n] * bent_volts(reading.expansion, z[n])[2]
        add_rows(covariance, pulled, lowered)
        raised_a[:] = 0.0
        add_rows(conductance, bent_v, raised_a)
        add_lacking(conductance, rates, lowered, np.sqrt(missing), volts, raised_a, doubt)
    return spread if spread > rules.most_spread else 1.0


@njit(fastmath=FAST, error_model="numpy", nogil=True)
def deviate(current_a, modes, given, arrays, steps, prior, rules, variance_a2):
    """Fill `variance_a2` (B, M) with the variances of answers to readings.

    Args:
        current_a: [A], (B, M). modes: likeliest inputs, (B, N). given: M without padding.
        arrays: see `read_kernel`, from `wide` to `rules`. steps: widenings among them.
    """
    wide, bent, matrices, exact, gain, by_column, by_row, together, search = arrays
    surrogate, begin = unpack(wide, bent, matrices, exact, gain, by_column, by_row, together, search, steps)
    rows, columns = exact.shape[1], exact.shape[2]
    at_row, at_column = np.zeros((6, rows)), np.zeros((5, columns))
    single_row, single_column = np.ones((2, rows), np.float32), np.zeros((2, columns), np.float32)
    z, rates, deviation, toward, seen = at_row[0], at_row[1], at_row[2], at_row[3], at_row[4]
    y, variance, squares, doubt, predicted = (
        at_column[0],
        at_column[1],
        at_column[2],
        at_column[3],
        at_column[4],
    )
    tight, pull = single_row[1], single_column[0]
    reading = Reading(
        y,
        begin.variance,
        begin.input_bounds,
        exact[1],
        search[7 + steps :],
        np.zeros((3, rows), np.float32),
        np.zeros(6 * columns, np.float32),
        predicted,
        np.zeros((rows, columns), np.float32),
        pull,
        single_row[0],
    )
    covariance, scale, shift = np.zeros((rows, rows)), by_column[5], by_column[6]
    low, high, penalty = search[0], search[1], search[2]
    for b in range(len(current_a)):
        for n in range(rules.rows):
            z[n] = modes[b, n]
            deviation[n] = 1.0 if low <= z[n] <= high else 1.0 / np.sqrt(1.0 + penalty)
        for n in range(rows):
            rates[n] = bent_volts(reading.expansion, z[n])[1]
            tight[n] = deviation[n]
        for m in range(given):
            y[m] = (current_a[b, m] - shift[m]) * scale[m]
        predict(surrogate, z, reading.powers, reading.carried, predicted)
        lowest, residual_a2 = energy(reading, z), 0.0
        for m in range(given):
            wrong_a = (y[m] - predicted[m]) / scale[m]
            residual_a2 += wrong_a * wrong_a
        for m in range(columns):
            pull[m] = 1.0 / np.sqrt(begin.variance[m])
        differentiate(surrogate, reading.powers, reading.carried, tight, pull, reading.slope)
        gaussian(reading.slope, deviation, rates, reading.conductance, covariance, variance)
        for n in range(rules.rows):
            if prior.drive_variance[n] > 0.0:
                for m in range(columns):
                    variance[m] += prior.drive_variance[n] * (rates[n] * reading.conductance[n, m]) ** 2
        along = softest(covariance, prior.beginning, rules.rounds, toward, seen)
        wider = compare(reading, prior, rules, given, z, rates, deviation, covariance, along, lowest, doubt)
        if along > rules.soft:
            for n in range(rows):
                seen[n] /= along
            walk(
                surrogate,
                reading,
                z,
                covariance,
                toward,
                seen,
                along,
                prior.input_variance,
                lowest,
                rules,
                squares,
            )
            for n in range(rows):
                toward[n] = rates[n] * seen[n]
            predicted[:] = 0.0
            add_rows(reading.conductance, toward, predicted)
            for m in range(columns):
                # Less than the Gaussian says is not believed: other directions may bend as well.
                variance[m] += max(squares[m] - along * predicted[m] * predicted[m], 0.0)
        # Distance of readings from their prediction relative to chance, at least 1.
        factor = max(2.0 * lowest / rules.usual, 1.0)
        # An answer is about as far off as the reading that its inputs fail to explain.
        beyond = (1.0 - 1.0 / factor) * residual_a2 / given
        for m in range(given):
            variance_a2[b, m] = (variance[m] * wider + doubt[m]) * factor + beyond
