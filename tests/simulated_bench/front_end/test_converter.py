"""Converters with uneven steps."""

from __future__ import annotations

import numpy as np

from crosscal.simulated_bench.front_end.converter import Converter
from crosscal.simulated_bench.settings.bench_toml import load_settings

COLUMNS = 40
LAST = 2**11 - 1


def converter(**keys: float) -> Converter:
    settings = load_settings("memsys2025", front_end={"adc_bits": 12, **keys}).front_end
    return Converter(settings, columns=COLUMNS, rng=np.random.default_rng(4))


def sweep() -> np.ndarray:
    """Every code in ten parts, (K, M)."""
    return np.repeat(np.arange(-LAST, LAST, 0.1)[:, None], COLUMNS, axis=1)


def test_even_steps_are_those_of_rounding() -> None:
    steps = np.random.default_rng(0).uniform(-LAST, LAST, (7, 3, COLUMNS))
    np.testing.assert_array_equal(converter().codes(steps), np.rint(steps))


def test_every_curve_is_off_by_the_integral_nonlinearity_at_most_and_somewhere() -> None:
    steps = sweep()
    off = converter(inl_lsb=3.0).codes(steps) - steps
    np.testing.assert_allclose(np.abs(off).max(axis=0), 3.0, atol=0.51)  # rounding is half a step
    assert np.abs(off[[0, -1]]).max() <= 0.51
    assert np.unique(np.sign(off[len(off) // 2])).size == 2  # to both sides


def test_widths_of_steps_deviate_by_the_differential_nonlinearity_and_no_code_falls() -> None:
    codes = converter(dnl_lsb=0.3).codes(sweep())
    assert (np.diff(codes, axis=0) >= 0).all()
    widths = np.array(
        [
            np.bincount((codes[:, j] + LAST + 1).astype(int), minlength=2 * LAST + 2)[5:-5]
            for j in range(COLUMNS)
        ]
    )
    widths = widths / 10
    assert abs(widths.mean() - 1) < 1e-3
    # A width is counted in tenths of a step: uniform rounding at both ends, 0.1/√6.
    assert abs(np.sqrt(widths.var() - 0.01 / 6) - 0.3) < 0.01
    assert np.abs(np.corrcoef(widths)[0, 1:]).max() < 0.1  # each converter its own
