"""Table `[drivers]` of a `bench.toml`: errors of the rows' drivers."""

from __future__ import annotations

from crosscal.simulated_bench.settings.table import Fraction, NonNegative, Positive, Table


class DriverSettings(Table, frozen=True, kw_only=True):
    """`[drivers]`: errors of the row drivers, on top of the steps of their converters; none by default.

    `gain_error` and `offset_v` bound what each row is off by (uniform within ±); `source_spread` is the
    deviation of the rows' `wires.source_ohm`, relative. Noise is white, over `noise_aperture_s`: `noise_v` of
    each row, and `reference_noise`, relative, that all rows of a reading share, for one reference feeds them.
    """

    gain_error: Fraction = 0.0
    offset_v: NonNegative = 0.0
    source_spread: Fraction = 0.0
    noise_v: NonNegative = 0.0
    reference_noise: Fraction = 0.0
    noise_aperture_s: Positive = 1e-3
