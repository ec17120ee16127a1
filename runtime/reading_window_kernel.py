"""Compiled search for a reading that no inputs of the trained window explain: arrays in, index out.

`test` is one float32 array for one matrix: rows N, the largest sum of squares and the number of rounds; then
scale and middle per column, (M,) each; the inverse square of each row of the response, (N,); the estimate of
inputs and the response, (N, M) each; total per column, (M,), and the least and most level. Empty, it lets
every reading pass.

A reading whose level `total · x` is outside those limits is refused. Scaled currents `x` are explained if a
`w` within ±½ leaves few squares of `x − responseᵀ w`. The linear estimate, clipped, nearly always does; any
other reading gets rounds of projected coordinate descent, each input in turn, until it is
explained or the rounds are over.
"""

from __future__ import annotations

import numpy as np
from numba import types

from crosscal.core.kernel_cache import njit
from crosscal.runtime.reading_kernel import READABLE

ROUNDS = 200
"""Of projection before a reading is refused. On `lab-12x16`, `memsys2025` and a 24×10 board, readings inside
the window needed 60 at most."""

NO_TEST = np.empty(0, dtype=np.float32)
"""Stands for `test` where a calibrator has none."""
NO_TEST.flags.writeable = False

TEST = types.Array(types.float32, 1, "C", readonly=True)
"""Numba's type of `test`."""

_FAST = {"contract", "reassoc", "nsz"}
_HEAD = 3  # single numbers at the front of a packed test: rows, most misfit, rounds


@njit(
    [types.int64(readable, types.int64, TEST) for readable in READABLE.values()],
    fastmath=_FAST,
    error_model="numpy",
    nogil=True,
)
def first_unexplained(current_a: np.ndarray, columns: int, test: np.ndarray) -> int:
    """Return the index of the first vector without explanation; -1 if there is none.

    Args:
        current_a: readings one after another [A], (B · columns,), finite. test: see the module.
    """
    if test.size == 0:
        return -1
    rows, most, rounds = int(test[0]), test[1], int(test[2])
    scale, middle = test[_HEAD : _HEAD + columns], test[_HEAD + columns : _HEAD + 2 * columns]
    at = _HEAD + 2 * columns
    inverse, estimate, response = test[at : at + rows], test[at + rows :], test[at + rows + rows * columns :]
    total_of = test[at + rows + 2 * rows * columns :]
    least, most_level = total_of[columns], total_of[columns + 1]
    left, w = np.empty(columns, dtype=np.float32), np.empty(rows, dtype=np.float32)
    half = np.float32(0.5)
    for start in range(0, current_a.size, columns):
        for m in range(columns):
            left[m] = scale[m] * np.float32(current_a[start + m]) - middle[m]
        level = np.float32(0.0)
        for m in range(columns):
            level += total_of[m] * left[m]
        if not least <= level <= most_level:
            return start // columns
        for n in range(rows):
            row, total = estimate[n * columns :], np.float32(0.0)
            for m in range(columns):
                total += row[m] * left[m]
            w[n] = min(max(total, -half), half)
        for n in range(rows):
            row, share = response[n * columns :], w[n]
            for m in range(columns):
                left[m] -= share * row[m]
        squares = np.float32(0.0)
        for m in range(columns):
            squares += left[m] * left[m]
        # Negated, so that what is no number counts as unexplained.
        tries = 0
        while not squares <= most:
            if tries == rounds:
                return start // columns
            tries += 1
            for n in range(rows):
                row, total = response[n * columns :], np.float32(0.0)
                for m in range(columns):
                    total += row[m] * left[m]
                moved = min(max(w[n] + total * inverse[n], -half), half) - w[n]
                w[n] += moved
                for m in range(columns):
                    left[m] -= moved * row[m]
            squares = np.float32(0.0)
            for m in range(columns):
                squares += left[m] * left[m]
    return -1
