"""Kernel of a converter with uneven steps: thresholds that a hash displaces."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.simulated_bench.variability.renewal_kernels import slot_key, uniform

FURTHEST = 0.49
"""A threshold moves by less than half a step, so that codes rise with the current."""


@njit(nogil=True)
def displacement(key, column, code, deviation):
    """Return how far the threshold below a code is off, in steps."""
    own = slot_key(key, column, code)
    normal = math.sqrt(-2.0 * math.log(uniform(own, 0))) * math.cos(2.0 * math.pi * uniform(own, 1))
    return min(max(deviation * normal, -FURTHEST), FURTHEST)


@njit(nogil=True)
def uneven_codes(steps, deviation, key):
    """Convert currents in steps, (K, M), to codes; thresholds are off by `deviation` (rms) in steps."""
    codes = np.empty_like(steps)
    for k in range(steps.shape[0]):
        for j in range(steps.shape[1]):
            code = math.floor(steps[k, j] + 0.5)
            if steps[k, j] < code - 0.5 + displacement(key, j, code, deviation):
                code -= 1.0
            elif steps[k, j] >= code + 0.5 + displacement(key, j, code + 1.0, deviation):
                code += 1.0
            codes[k, j] = code
    return codes
