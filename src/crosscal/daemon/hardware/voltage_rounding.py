"""Rounding of voltages by a board's drivers, learned from its answers, so that reads need not ask for it."""

from __future__ import annotations

import numpy as np

from crosscal.firmware_models import BoardFacts

_ANSWERS = 8
"""Vectors that a board rounds before it is predicted; insensitive: the first value off the grid tells."""
_ASK_EVERY = 256  # predictions between two that are checked: a check costs 0.3 ms, thus a microsecond a read
_SAME = 1e-9  # of full scale: far below the steps of any converter, far above rounding errors of numbers


class VoltageRounding:
    """Predicts what a board makes of a vector, once it has answered as predicted often enough.

    Args:
        facts: of the board.
    """

    def __init__(self, facts: BoardFacts) -> None:
        self._full_scale_v = facts.dac_full_scale_v
        # Converters give multiples of a step; boards behind a Python API often leave numbers as they are.
        step_v = 2.0 * facts.dac_full_scale_v / 2**facts.dac_bits
        self._steps_v = [0.0] if step_v <= _SAME * facts.dac_full_scale_v else [0.0, step_v]
        self._answers = 0
        self._predictions = 0

    def predicted(self, voltage_v: np.ndarray, protection_v: float) -> np.ndarray | None:
        """Predict the rounded vector [V], (N,); None if the board is to be asked."""
        if self._answers < _ANSWERS or not self._steps_v:
            return None
        self._predictions += 1
        if self._predictions % _ASK_EVERY == 0:
            return None
        first_v = _rounded(voltage_v, self._steps_v[0])
        if len(self._steps_v) > 1 and not self._same(first_v, _rounded(voltage_v, self._steps_v[1])):
            return None
        # A board never rounds beyond its protection, whatever its step.
        return first_v if np.abs(first_v).max() <= protection_v else None

    def learn(self, voltage_v: np.ndarray, rounded_v: np.ndarray) -> None:
        """Take an answer of the board, (N,) [V], for evidence."""
        if not voltage_v.any():
            # Any rule leaves 0 V as it is: no evidence for one.
            return
        self._answers += 1
        self._steps_v = [
            step_v for step_v in self._steps_v if self._same(_rounded(voltage_v, step_v), rounded_v)
        ]

    def _same(self, one_v: np.ndarray, other_v: np.ndarray) -> bool:
        return bool(np.abs(one_v - other_v).max() <= _SAME * self._full_scale_v)


def _rounded(voltage_v: np.ndarray, step_v: float) -> np.ndarray:
    return np.rint(voltage_v / step_v) * step_v if step_v else voltage_v
