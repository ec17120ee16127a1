"""Calibrates readings by way of the inputs that explain them best: arrays in, arrays out.

The tensors of a matrix come as few arrays, because each one that Python hands over costs a tenth of a
microsecond; all are padded with zeros to multiples of `LANES` rows and columns.
"""

from __future__ import annotations

import numpy as np
from numba import types

from crosscal.core.kernel_cache import njit
from crosscal.runtime.inverse.mode_kernel import Start, find_mode
from crosscal.runtime.inverse.step_kernel import new_scratch
from crosscal.runtime.inverse.surrogate_kernel import FAST, Surrogate, accumulate
from crosscal.runtime.reading_kernel import READABLE, WRITABLE, first_unreadable

WIDE = ("loading", "placed", "link", "high_link")
"""(N, 4 M) float32, side by side: of `Surrogate`, all that goes with the inputs themselves."""

BENT = ("quadratic", "second")
"""(N, 2 M) float32, side by side: of `Surrogate`, all that goes with squares of the inputs."""

MATRICES = ("third", "first", "linear")
"""(3, N, M) float32: of `Surrogate` and `Start`."""

EXACT = ("first", "conductance")
"""(2, N, M) float64: of `Surrogate`, and the target [S]."""

BY_COLUMN = (
    "cubic",
    "quartic",
    "constant",
    "variance",
    "offset",
    "scale",
    "shift",
    "gain",
    "offset_a",
    "reading_weight",
)
"""(10, M) float64: of `Surrogate` and `Start`; `y = (I − shift) · scale`; gain and offset of the answer."""

BY_ROW = ("place", "half_input_variance")
"""(2, N) float64: of `Surrogate`; the factor of the bend of volts, see `InverseTensors`."""

RULES = ("low", "high", "penalty", "least", "most", "tolerated_step", "tolerated_variance")
"""How `rules` begins, float64; `steps` widenings follow, then the expansion of volts in powers of `z`."""

_FLOAT32, _FLOAT64 = types.float32, types.float64
_SIGNATURE = types.int64(
    READABLE["float64"],
    types.int64,
    _FLOAT64,
    _FLOAT64,
    types.Array(_FLOAT32, 2, "C"),
    types.Array(_FLOAT32, 2, "C"),
    types.Array(_FLOAT32, 3, "C"),
    types.Array(_FLOAT64, 3, "C"),
    types.Array(_FLOAT32, 2, "C"),
    types.Array(_FLOAT64, 2, "C"),
    types.Array(_FLOAT64, 2, "C"),
    types.Array(_FLOAT32, 1, "C"),
    types.Array(_FLOAT64, 1, "C"),
    types.int64,
    WRITABLE["float64"],
    types.Array(_FLOAT64, 2, "C"),
)


@njit(inline="always")
def unpack(wide, bent, matrices, exact, gain, by_column, by_row, together, rules, steps):
    """Name the parts of the arrays."""
    surrogate = Surrogate(exact[0], wide, bent, matrices[:2], by_row[0], by_column[:3])
    begin = Start(
        gain,
        matrices[2],
        by_column[4],
        by_column[3],
        together,
        by_column[9],
        rules[:5],
        rules[7 : 7 + steps],
        rules[5:7],
    )
    return surrogate, begin


@njit(fastmath=FAST, error_model="numpy", inline="always")
def to_volts(expansion, half_input_variance, z, volts):
    """Mean volts (N,) of likely inputs `z`."""
    for n in range(z.size):
        value, grows, bends = 0.0, 0.0, 0.0
        for k in range(expansion.size - 1, -1, -1):
            bends = bends * z[n] + grows
            grows = grows * z[n] + value
            value = value * z[n] + expansion[k]
        volts[n] = value + half_input_variance[n] * 2.0 * bends


@njit(_SIGNATURE, fastmath=FAST, error_model="numpy", nogil=True)
def calibrate(
    current_a,
    given,
    limit_a,
    most_misfit,
    wide,
    bent,
    matrices,
    exact,
    gain,
    by_column,
    by_row,
    together,
    rules,
    steps,
    calibrated_a,
    found,
):
    """Calibrate readings that lie one after another.

    Args:
        current_a: [A], (B · given,). given: columns that there are; the others are padding.
        limit_a: largest magnitude that counts as a reading [A].
        most_misfit: a reading of a larger one, see `find_mode`, is not explained by any inputs.
        wide, bent, matrices, exact, by_column, by_row, rules, steps: see the module. gain: (M, N).
        together: see `Start`.
        calibrated_a: (B · given,), may be `current_a`. found: (B, 2 · rows + 1): inputs [V] and their modes,
            padded, and the misfit of each reading, whatever it is; or (0, 0), and unexplained readings are
            refused.

    Returns:
        -1; the index of the first current that is no reading; or -2 less the index of the first vector that
        no inputs explain. If it is not -1, nothing was written.
    """
    unreadable = first_unreadable(current_a, limit_a)
    if unreadable >= 0:
        return unreadable
    surrogate, begin = unpack(wide, bent, matrices, exact, gain, by_column, by_row, together, rules, steps)
    rows, columns = exact.shape[1], exact.shape[2]
    scratch, expansion = new_scratch(rows, columns, np.float32), rules[7 + steps :]
    by_m, by_n = np.zeros((3, columns)), np.zeros((2, rows))
    y, predicted, total, z, volts = by_m[0], by_m[1], by_m[2], by_n[0], by_n[1]
    answer = np.empty(current_a.size)
    scale, shift, trim, trim_a = by_column[5], by_column[6], by_column[7], by_column[8]
    for at in range(0, current_a.size, given):
        for m in range(given):
            y[m] = (current_a[at + m] - shift[m]) * scale[m]
        misfit = find_mode(surrogate, begin, y, given, most_misfit, scratch, predicted, z)
        to_volts(expansion, by_row[1], z, volts)
        if found.size > 0:
            for n in range(rows):
                found[at // given, n], found[at // given, rows + n] = volts[n], z[n]
            found[at // given, 2 * rows] = misfit
        elif not misfit <= most_misfit:
            return -2 - at // given
        total[:] = 0.0
        accumulate(exact[1], volts, total)
        for m in range(given):
            answer[at + m] = trim[m] * total[m] + trim_a[m]
    # One by one: for a slice, code that words an error about lengths would be compiled, two seconds of it.
    for at in range(answer.size):
        calibrated_a[at] = answer[at]
    return -1
