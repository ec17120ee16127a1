"""Read-back of cells one by one, as a board verifies its writes."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.front_end.channels import FrontEnd
from crosscal.simulated_bench.settings.bench_settings import BenchSettings


class Readback:
    """Measures each cell's nominal conductance through its column's amplifier.

    A selected cell is read at `readback_v` and at 0 V and the difference taken, so that offsets cancel and
    noise counts twice; the drop along wires and the device's law are known to a board's firmware and taken
    out. There remain the channel's gain error, noise, the converter's steps, and `readback_error`.

    Attributes:
        aperture_s: how long a cell is looked at [s].
    """

    def __init__(self, settings: BenchSettings, front_end: FrontEnd) -> None:
        chosen = settings.front_end
        self._front_end = front_end
        self._read_v = chosen.readback_v
        self._error = chosen.readback_error
        largest_a = settings.array.conductance_max_s * chosen.readback_v
        fitting = [i for i, full_a in enumerate(chosen.ranges_a) if full_a > 1.1 * largest_a]
        self._range_index = fitting[0] if fitting else len(chosen.ranges_a) - 1
        self._full_scale_a = chosen.ranges_a[self._range_index]
        # Over the amplifiers' reference aperture, which a board's firmware would choose too.
        self.aperture_s = chosen.noise_aperture_s
        self._noise_a = np.sqrt(2.0) * front_end.noise_a(self.aperture_s, self._range_index)

    def read(self, conductance_s: Matrix, *, temperature_c: float, rng: np.random.Generator) -> Matrix:
        """Measure every cell [S], (N, M); NaN in columns whose amplifier is faulty."""
        current_a = conductance_s * self._read_v * self._front_end.gain(self._range_index, temperature_c)
        current_a *= 1.0 + self._error * rng.standard_normal(conductance_s.shape)
        current_a += self._noise_a * rng.standard_normal(conductance_s.shape)
        step_a = self._front_end.step_a(self._range_index)
        current_a = np.clip(np.rint(current_a / step_a) * step_a, -self._full_scale_a, self._full_scale_a)
        current_a[:, self._front_end.faulty] = np.nan
        return current_a / self._read_v
