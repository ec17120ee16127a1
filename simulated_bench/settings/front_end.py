"""Table `[front_end]` of a `bench.toml`: drivers' and amplifiers' converters, ranges, errors and noise."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from crosscal.simulated_bench.settings.table import Bits, Celsius, Fraction, NonNegative, Positive, Table


class FrontEndSettings(Table, frozen=True, kw_only=True):
    """`[front_end]`, on top of the front end that its `profile` names.

    Errors are drawn uniformly within ± the limit, per channel and range: `gain_error` relative,
    `offset_error` in parts of the range; `…_drift_per_c` is the change per °C away from 25 °C, per channel.
    `input_ohm` has one value per range, and so has `amplifier_time_constant_s`: with it the amplifiers
    follow their currents; without it they follow at once. `noise_a` is the amplifier's rms white noise over
    `noise_aperture_s`, one value or one per range; below `noise_corner_hz` its 1/f noise is stronger.
    The amplifiers' noise grows with the square root of the absolute temperature from 25 °C on.
    `input_offset_v` bounds how far each virtual ground is off 0 V: an offset that grows with the conductance
    of the column. `inl_lsb` is each converter's largest integral nonlinearity, `dnl_lsb` the deviation of its
    steps' widths (rms), both in steps.
    Cells are read back one by one with `readback_v`, to within `readback_error` (relative, rms).
    """

    dac_bits: Bits
    dac_full_scale_v: Positive
    dac_settling_s: Positive
    protection_max_v: Positive
    adc_bits: Bits
    adc_settling_s: Positive
    ranges_a: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    input_ohm: tuple[NonNegative, ...]
    gain_error: Fraction
    offset_error: Fraction
    gain_drift_per_c: Fraction
    offset_drift_per_c: Fraction
    noise_a: NonNegative | tuple[NonNegative, ...]
    noise_aperture_s: Positive
    aperture_min_s: Positive
    aperture_max_s: Positive
    average_max: Annotated[int, Meta(ge=1, le=65536)]
    dwell_max_s: Positive
    sequence_max: Annotated[int, Meta(ge=1, le=1_000_000)]
    temperature_max_c: Celsius
    readback_v: Positive
    readback_error: Fraction
    amplifier_time_constant_s: tuple[NonNegative, ...] = ()
    noise_corner_hz: NonNegative = 0.0
    input_offset_v: NonNegative = 0.0
    inl_lsb: NonNegative = 0.0
    dnl_lsb: NonNegative = 0.0

    def __post_init__(self) -> None:
        if list(self.ranges_a) != sorted(set(self.ranges_a)):
            raise ValueError(f"ranges_a: got {list(self.ranges_a)}; allowed: ascending, none twice")
        self._require_one_per_range("input_ohm", self.input_ohm)
        if self.amplifier_time_constant_s:
            self._require_one_per_range("amplifier_time_constant_s", self.amplifier_time_constant_s)
        if isinstance(self.noise_a, tuple):
            self._require_one_per_range("noise_a", self.noise_a)
        if not self.aperture_min_s <= 1e-3 <= self.aperture_max_s:
            raise ValueError("aperture_min_s and aperture_max_s: allowed: limits around the power-on 1 ms")
        if self.protection_max_v > self.dac_full_scale_v:
            raise ValueError("protection_max_v: allowed: at most dac_full_scale_v")
        if self.dwell_max_s < max(self.dac_settling_s, self.adc_settling_s):
            raise ValueError("dwell_max_s: allowed: at least the longer settling time")

    def noise_of_range_a(self, range_index: int) -> float:
        """Return the amplifiers' white noise in a range [A], counted from 0."""
        return self.noise_a[range_index] if isinstance(self.noise_a, tuple) else self.noise_a

    def _require_one_per_range(self, name: str, values: tuple[float, ...]) -> None:
        if len(values) != len(self.ranges_a):
            got, allowed = f"{len(values)} values", f"one per range, {len(self.ranges_a)}"
            raise ValueError(f"{name}: got {got}; allowed: {allowed}")
