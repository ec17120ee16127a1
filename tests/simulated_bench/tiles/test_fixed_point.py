"""Products in fixed point: as exact as their step, and the same reads as in single precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from layer_of_codes import IDEAL, random_layer

from crosscal.core.network.input_coding import InputCoding
from crosscal.simulated_bench.tiles import tile_row
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.fixed_point import DIGITS_MOST, LARGEST, FixedPointMatrix, has_fixed_point

needs_fixed_point = pytest.mark.skipif(
    not has_fixed_point(), reason="this torch or processor has no products of 8-bit numbers"
)


@needs_fixed_point
@pytest.mark.parametrize("scale", [1e-9, 3.0])
def test_sums_are_off_by_half_a_step_for_each_row_at_most(scale: float) -> None:
    generator = torch.Generator().manual_seed(1)
    matrix = scale * (2 * torch.rand(128, 40, generator=generator) - 1)
    matrix[0, 0], matrix[1, 0] = scale, -scale  # both ends of the range
    digits = torch.randint(0, DIGITS_MOST + 1, (30, 128), generator=generator)
    out = torch.empty(30, 40)
    FixedPointMatrix(matrix).product(digits.to(torch.int8), out)
    exact = digits.double() @ matrix.double()
    bound = digits.sum(dim=1, keepdim=True) * scale / LARGEST / 2
    rounding = 1e-6 * exact.abs().max()  # of single precision, in the step and in the result
    assert ((out - exact).abs() <= bound + rounding).all()
    assert (out - exact).abs().max() > 0.01 * bound.max()  # the bound is not an empty one


@needs_fixed_point
@pytest.mark.parametrize("digit_bits", [1, 4])
def test_reads_are_those_of_single_precision(digit_bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    coding = InputCoding(bits=8, digit_bits=digit_bits)
    layer = random_layer(np.random.default_rng(3), inputs=200, coding=coding, tile=(128, 64))
    numbers = torch.randint(0, 256, (50, 200), generator=torch.Generator().manual_seed(2))
    found = []
    for fixed in (True, False):
        monkeypatch.setattr(tile_row, "has_fixed_point", lambda fixed=fixed: fixed)
        chip = Chip(ChipSettings(cells=IDEAL), seed=1, number=0)
        found.append(chip.program(layer).multiply(numbers))
    assert not torch.equal(*found)  # two ways indeed
    error = (found[0] - found[1]).pow(2).mean().sqrt()
    assert error < 1e-4 * found[1].std()


def test_sums_that_32_bits_cannot_hold_are_left_to_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_row, "has_fixed_point", lambda: True)
    coding = InputCoding(bits=7, digit_bits=7)
    held = {}
    for rows in (518, 520):
        layer = random_layer(np.random.default_rng(3), inputs=rows, coding=coding, tile=(rows, 64))
        programmed = Chip(ChipSettings(cells=IDEAL), seed=1, number=0).program(layer)
        held[rows] = programmed._rows[0].fixed is not None  # pyright: ignore[reportAttributeAccessIssue]
    assert held == {518: True, 520: False}
    assert 518 * DIGITS_MOST * LARGEST < 2**31 <= 520 * DIGITS_MOST * LARGEST
