"""Finds the inputs that best explain one reading: arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.runtime.inverse.step_kernel import take_step
from crosscal.runtime.inverse.surrogate_kernel import FAST, accumulate, predict


class Start(NamedTuple):
    """The best linear estimate `gain (y − offset)`, and how a read goes on from there.

    Attributes:
        gain: (M, N), linear: (N, M), float32. offset, variance: (M,).
        together: (S,), the smaller side: the direction that nearly all of the largest eigenvalue lies along.
        reading_weight: (M,): of squared residuals in the misfit, see `find_mode`.
        input_bounds: (5,), damping: (W,), step_tolerance: (2,): see
            `InverseTensors`; the last as a sum over inputs and as a variance.
    """

    gain: np.ndarray
    linear: np.ndarray
    offset: np.ndarray
    variance: np.ndarray
    together: np.ndarray
    reading_weight: np.ndarray
    input_bounds: np.ndarray
    damping: np.ndarray
    step_tolerance: np.ndarray


@njit(fastmath=FAST, error_model="numpy", inline="always")
def estimate(begin, scratch, z):
    """Fill `z` with the best linear estimate for `wrong`."""
    stride, least, most = scratch.stride, begin.input_bounds[3], begin.input_bounds[4]
    stride[:] = stride.dtype.type(0)
    accumulate(begin.gain, scratch.wrong, stride)
    for n in range(z.size):
        z[n] = min(max(float(stride[n]), least), most)


@njit(fastmath=FAST, error_model="numpy", inline="always")
def weigh(begin, y, given, damping, z, predicted, scratch):
    """Compare a reading with the one that was predicted for `z`; `predicted` becomes what is not explained.

    Returns:
        The variance that is added for the residual; the sum of weighted squares of residuals, and of inputs'
        excess beyond their bounds.
    """
    low, high, penalty = begin.input_bounds[0], begin.input_bounds[1], begin.input_bounds[2]
    unexplained = misfit = 0.0
    for m in range(y.size):
        predicted[m] = y[m] - predicted[m]
        unexplained += predicted[m] * predicted[m]
        misfit += predicted[m] * predicted[m] * begin.reading_weight[m]
    unexplained *= damping * damping / given
    kind, tight = scratch.weight.dtype.type, 1.0 / np.sqrt(1.0 + penalty)
    for m in range(y.size):
        scratch.weight[m] = kind(1) / np.sqrt(kind(begin.variance[m] + unexplained))
        scratch.wrong[m] = scratch.weight[m] * kind(predicted[m])
    for n in range(z.size):
        beyond = z[n] - min(max(z[n], low), high)
        misfit += penalty * beyond * beyond
        prior_deviation = 1.0 if beyond == 0.0 else tight
        scratch.prior_deviation[n], scratch.pull[n] = (
            prior_deviation,
            prior_deviation * (-z[n] - penalty * beyond),
        )
    return unexplained, misfit


@njit(fastmath=FAST, error_model="numpy", inline="always")
def find_mode(surrogate, begin, y, given, most_misfit, scratch, predicted, z):
    """Fill `z` (N,) with the inputs that best explain one reading `y` (M,), with `given` columns that count.

    First the best linear estimate, then a Gauss–Newton step for every entry of `damping`: so many times the
    is left unexplained counts as noise, so that no step trusts a linearisation further than it reaches. A
    step that moves the inputs by less than `step_tolerance[0]`, as squares relative to their variance, while
    the noise that it adds is below `step_tolerance[1]`, is the last.

    Returns:
        The misfit of `z` as a mean over columns: squared residuals times `reading_weight`, and the penalty on
        inputs beyond their bounds. Before the last step, if it is no more than `most_misfit` there already.
    """
    least, most, wrong = begin.input_bounds[3], begin.input_bounds[4], scratch.wrong
    steps, misfit = begin.damping.size, 0.0
    for m in range(y.size):
        wrong[m] = y[m] - begin.offset[m]
    estimate(begin, scratch, z)
    step = -1
    # One place calls `predict`: for the estimate, every step, and the last answer.
    while True:
        predict(surrogate, z, scratch.powers, scratch.carried, predicted)
        if step < 0:
            for m in range(y.size):
                wrong[m] = y[m] - predicted[m]
            accumulate(begin.linear, scratch.powers[0], wrong)
            estimate(begin, scratch, z)
            step = 0
            continue
        damping = begin.damping[step] if step < steps else 0.0
        unexplained, misfit = weigh(begin, y, given, damping, z, predicted, scratch)
        if step == steps:
            break
        moved = take_step(surrogate, begin.together, scratch)
        for n in range(z.size):
            z[n] = min(max(z[n] + scratch.prior_deviation[n] * scratch.stride[n], least), most)
        step += 1
        if moved < begin.step_tolerance[0] and unexplained < begin.step_tolerance[1]:
            step = steps
        if step == steps and not misfit > most_misfit * given:
            break
    return misfit / given
