"""Channels of the front end: drivers with finite steps, amplifiers with their errors, converters."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Currents, StatusBits
from crosscal.core.errors import RangeError, wanted
from crosscal.core.readout import Status
from crosscal.simulated_bench.front_end.converter import Converter
from crosscal.simulated_bench.settings.front_end import FrontEndSettings
from crosscal.simulated_bench.temperature import REFERENCE_TEMPERATURE_C

UNDER_RESOLUTION_LSB = 10
"""A reading below this many steps of the converter counts as under resolution."""

SAMPLES_AT_ONCE = 1 << 20
"""Bounds the memory of an averaged batch; the samples are the same whatever it is."""


class FrontEnd:
    """Drives rows and reads columns, with the errors of one specimen.

    Args:
        settings: the front end's table of the `bench.toml`.
        columns: number of amplifiers, M.
        rng: where this specimen's channel errors are drawn from. All are drawn, whatever the limits, so that
            setting one limit to zero leaves the other errors as they were.

    Attributes:
        faulty: amplifiers that give no reading, (M,).
        input_offset_v: voltage that each amplifier holds its column's end at [V], (M,).
    """

    def __init__(self, settings: FrontEndSettings, *, columns: int, rng: np.random.Generator) -> None:
        self._settings = settings
        self._ranges_a = np.array(settings.ranges_a)
        shape = (len(settings.ranges_a), columns)
        self._gain = rng.uniform(-1.0, 1.0, shape) * settings.gain_error
        self._offset_a = rng.uniform(-1.0, 1.0, shape) * settings.offset_error * self._ranges_a[:, None]
        self._gain_drift = rng.uniform(-1.0, 1.0, columns) * settings.gain_drift_per_c
        self._offset_drift = rng.uniform(-1.0, 1.0, columns) * settings.offset_drift_per_c
        self.input_offset_v = rng.uniform(-1.0, 1.0, columns) * settings.input_offset_v
        self._converter = Converter(settings, columns=columns, rng=rng)
        self.faulty = np.zeros(columns, dtype=bool)

    def range_index(self, range_a: float) -> int:
        """Find a range by its full scale [A], counted from 0.

        Raises:
            RangeError: there is no such range.
        """
        near = np.flatnonzero(np.isclose(self._ranges_a, range_a, rtol=1e-6, atol=0.0))
        if not near.size:
            allowed = ", ".join(f"{full_scale_a:g}" for full_scale_a in self._settings.ranges_a)
            raise RangeError(
                wanted(got=f"range {range_a:g} A", allowed=allowed, remedy="give one of the board's ranges")
            )
        return int(near[0])

    def input_ohm(self, range_index: int) -> float:
        """Return the input resistance of the amplifiers in a range [Ω]: their virtual ground is not ideal."""
        return self._settings.input_ohm[range_index]

    def time_constant_s(self, range_index: int) -> float:
        """Return the time constant of the amplifiers in a range [s]; 0 if they follow at once."""
        each_s = self._settings.amplifier_time_constant_s
        return each_s[range_index] if each_s else 0.0

    def step_a(self, range_index: int) -> float:
        """Return the one step of the converter in a range [A]."""
        return 2.0 * float(self._ranges_a[range_index]) / 2**self._settings.adc_bits

    def noise_a(self, aperture_s: float, range_index: int = -1) -> float:
        """Return the amplifiers' rms white noise in one reading in a range, the widest unless told [A]."""
        over_aperture_a = self._settings.noise_of_range_a(range_index)
        return over_aperture_a * float(np.sqrt(self._settings.noise_aperture_s / aperture_s))

    def gain(self, range_index: int, temperature_c: float) -> np.ndarray:
        """Return the gain of each channel, 1 if it were perfect, (M,)."""
        return 1.0 + self._gain[range_index] + self._gain_drift * (temperature_c - REFERENCE_TEMPERATURE_C)

    def offset_a(self, range_index: int, temperature_c: float) -> np.ndarray:
        """Return the offset of each channel [A], (M,)."""
        drift = self._offset_drift * self._ranges_a[range_index] * (temperature_c - REFERENCE_TEMPERATURE_C)
        return self._offset_a[range_index] + drift

    @property
    def voltage_step_v(self) -> float:
        """Step of the drivers' converters [V]."""
        return 2.0 * self._settings.dac_full_scale_v / 2**self._settings.dac_bits

    def round_voltage(self, voltage_v: np.ndarray, protection_v: float) -> np.ndarray:
        """Round voltages to those that the converters really give [V], none beyond `protection_v`."""
        step_v = self.voltage_step_v
        most = min(np.floor(protection_v / step_v), 2 ** (self._settings.dac_bits - 1) - 1)
        return np.clip(np.rint(voltage_v / step_v), -most, most) * step_v

    def round_aperture(self, aperture_s: float) -> float:
        """Round an integration time to a whole number of shortest apertures [s]."""
        shortest = self._settings.aperture_min_s
        return float(min(max(1, round(aperture_s / shortest)) * shortest, self._settings.aperture_max_s))

    def convert(
        self,
        current_a: Currents,
        *,
        range_index: int,
        noise_a: float,
        averages: int,
        temperature_c: float,
        rng: np.random.Generator,
    ) -> tuple[Currents, StatusBits]:
        """Turn the columns' currents into readings.

        Args:
            current_a: true currents [A], (B, M).
            range_index: the range, counted from 0.
            noise_a: rms noise of a single reading [A], of array and amplifier together.
            averages: readings per mean, taken after conversion as a real board does.
            temperature_c: moves gains and offsets [°C].
            rng: consumed vector by vector.

        Returns:
            Readings [A], (B, M), and their `Status` bits. A saturated one is the signed full scale; where an
            amplifier is faulty the reading is NaN.
        """
        analogue_a = current_a * self.gain(range_index, temperature_c)
        analogue_a += self.offset_a(range_index, temperature_c)
        full_scale_a = float(self._ranges_a[range_index])
        step_a = self.step_a(range_index)
        reading_a, over = self._sample(
            analogue_a, noise_a=noise_a, averages=averages, step_a=step_a, full_scale_a=full_scale_a, rng=rng
        )
        reading_a[over] = np.copysign(full_scale_a, reading_a[over])
        status = over * np.uint8(Status.OVER_RANGE)
        under = (np.abs(reading_a) < UNDER_RESOLUTION_LSB * step_a) & ~over
        status |= under * np.uint8(Status.UNDER_RESOLUTION)
        reading_a[:, self.faulty] = np.nan
        status[:, self.faulty] = np.uint8(Status.AMPLIFIER_FAULT)
        return reading_a, status

    def _sample(
        self,
        analogue_a: np.ndarray,
        *,
        noise_a: float,
        averages: int,
        step_a: float,
        full_scale_a: float,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        batch, columns = analogue_a.shape
        top = round(full_scale_a / step_a) - 1
        mean_a = np.empty_like(analogue_a)
        over = np.empty(analogue_a.shape, dtype=bool)
        # Without noise every sample is the same: one stands for all.
        samples = averages if noise_a else 1
        stride = max(1, SAMPLES_AT_ONCE // (samples * columns))
        for start in range(0, batch, stride):
            part = slice(start, start + stride)
            sample_a = analogue_a[part, None, :]
            if noise_a:
                shape = (sample_a.shape[0], samples, columns)
                sample_a = sample_a + noise_a * rng.standard_normal(shape)
            codes = self._converter.codes(sample_a / step_a)
            over[part] = (np.abs(codes) > top).any(axis=1)
            mean_a[part] = codes.mean(axis=1) * step_a
        return mean_a, over
