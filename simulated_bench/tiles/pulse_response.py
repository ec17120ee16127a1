"""Response of a cell to pulses: saturating curves, potentiation and depression, with noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LABEL_OF_ONE = 10.1
"""Nonlinearity label of a curve that is off its straight line by the whole range. DNN+NeuroSim's table of
labels, 0.01 to 9, follows this rule (its constants for 1.46, 1.75 and 4.88 are a test here)."""

_STRAIGHT = 0.01
"""Labels below are taken for straight lines: off by a thousandth of the range."""


def curve_constant(label: float) -> float:
    """Find the constant `A` of `x(t) = (1 − exp(−t/A)) / (1 − exp(−1/A))` for a nonlinearity label.

    The label states the largest distance of `x(t)` from `t`, both from 0 to 1.

    Args:
        label: 0 to 9; below 0.01 the curve is a straight line, and the constant infinite.

    Reference:
        Luo, Peng, Hatcliff et al., DNN+NeuroSim V2.1 (2021), `nonlinearityLTP` and `nonlinearityLTD`.
    """
    if abs(label) < _STRAIGHT:
        return math.inf
    wanted = abs(label) / LABEL_OF_ONE
    low, high = 1e-3, 1e3
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _deviation(middle) > wanted else (low, middle)
    return low


def _deviation(constant: float) -> float:
    """Find the largest distance of a curve from its straight line, where its slope is 1."""
    reach = -math.expm1(-1.0 / constant)
    top = -constant * math.log(constant * reach)
    return -math.expm1(-top / constant) / reach - top


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseResponse:
    """Response to pulses of cells between 0 and 1.

    Attributes:
        levels: pulses from one end to the other.
        potentiation, depression: nonlinearity labels; both curves are steepest where they begin.
        cycle: deviation of a written cell from write to write, in parts of the range.
    """

    levels: int
    potentiation: float
    depression: float
    cycle: float

    def moved(self, value: Tensor, pulses: Tensor, rng: torch.Generator) -> Tensor:
        """Return the cells after whole numbers of pulses, above 0 upwards; others stay as they are."""
        step = pulses / self.levels
        up = _along(value, step, curve_constant(self.potentiation))
        # Depression is potentiation seen from the other end.
        down = 1.0 - _along(1.0 - value, -step, curve_constant(self.depression))
        noise = self.cycle * torch.randn(value.shape, generator=rng, device=value.device)
        moved = (torch.where(step > 0, up, down) + noise).clamp_(0.0, 1.0)
        return torch.where(pulses == 0, value, moved)


def _along(value: Tensor, step: Tensor, constant: float) -> Tensor:
    """Go on along a curve from where the cells are."""
    if math.isinf(constant):
        return value + step
    reach = -math.expm1(-1.0 / constant)
    place = -constant * torch.log1p(-value * reach)
    return (1.0 - torch.exp(-(place + step.clamp(min=0.0)).clamp(max=1.0) / constant)) / reach
