"""Law of the cells of one array, as it differs from cell to cell and with the temperature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from crosscal.simulated_bench.device_factory import build_device
from crosscal.simulated_bench.devices import CellLaw, OneTransistor
from crosscal.simulated_bench.devices.varied_law import OffsetLaw, VariedLaw
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.temperature import relative_kelvin

LEAST_STRETCH = 0.1
"""A normal law has no end, and a current must rise with its voltage."""


class ArrayLaw:
    """Law between the rows' wires and the amplifiers' inputs.

    Args:
        settings: of the board.
        input_offset_v: of each column's virtual ground [V], (M,).
        least_slope_s: as of `build_device`.
        rng: where the specimen's steepness of each cell is drawn from.

    Attributes:
        nominal: law of the settings, behind its transistor if it has one.
    """

    def __init__(
        self,
        settings: BenchSettings,
        *,
        input_offset_v: np.ndarray,
        least_slope_s: float,
        rng: np.random.Generator,
    ) -> None:
        array, device = settings.array, settings.device
        limits_s = np.tile((array.conductance_min_s, array.conductance_max_s), (array.rows, 1))
        self.nominal = build_device(device, limits_s, least_slope_s=least_slope_s)
        self._power, self._offset_v = device.steepness_temperature_power, input_offset_v
        own = 1.0 + device.steepness_spread * rng.standard_normal((array.rows, array.columns))
        self._varied = None
        if device.steepness_spread:
            stretch = np.maximum(own, LEAST_STRETCH)
            verify_v = settings.front_end.readback_v
            self._varied = _with_cell(
                self.nominal, lambda cell: VariedLaw.agreeing_at(cell, stretch, verify_v)
            )

    def at(self, temperature_c: float) -> CellLaw:
        """Give the law at a temperature [°C]; the nominal one itself where nothing sets it apart."""
        law = self._warm(self._varied or self.nominal, temperature_c)
        return OffsetLaw(law=law, offset_v=self._offset_v) if self._offset_v.any() else law

    def common_at(self, temperature_c: float) -> CellLaw:
        """Give the law that the cells have in common at a temperature [°C], seen from columns at 0 V."""
        return self._warm(self.nominal, temperature_c)

    def _warm(self, law: CellLaw, temperature_c: float) -> CellLaw:
        steeper = relative_kelvin(temperature_c) ** self._power
        return law if steeper == 1.0 else _with_cell(law, lambda cell: _steeper(cell, steeper))


def _with_cell(law: CellLaw, change: Callable[[CellLaw], CellLaw]) -> CellLaw:
    """Change the law of the cell itself, and not that of its transistor."""
    return replace(law, cell=change(law.cell)) if isinstance(law, OneTransistor) else change(law)


def _steeper(law: CellLaw, factor: float) -> VariedLaw:
    return law.steeper(factor) if isinstance(law, VariedLaw) else VariedLaw(law=law, stretch=factor)
