"""Readout of one tile, by currents or by charges: what a column gives per driven row, and its noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from crosscal.core.network.cell_profile import MEMCAPACITIVE
from crosscal.simulated_bench.charge.amplifier import ChargeAmplifier
from crosscal.simulated_bench.charge.parasitics import ChargeParasitics
from crosscal.simulated_bench.charge.reading import charge_product
from crosscal.simulated_bench.circuit.direct_current.solver import solve_currents
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.transfer import TransferCache, law_of, nominal_conductance

SETTLED = 40.0
"""Time constants after which a step is over to double precision: exp(−40) = 4e-18."""


class TileReadout(Protocol):
    """Readout of tiles with values (N, M) in their cells."""

    def transfer(self, values: np.ndarray) -> np.ndarray:
        """Return what each column gives per volt on each row, (N, M) [S or F]."""
        ...

    def exact(self, values: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
        """Solve for what the columns give for voltages (B, N): (B, M) [A or C]."""
        ...

    def noise(self, values: np.ndarray) -> np.ndarray:
        """Return the deviation of a column's reading, whatever the inputs, (M,) [A or C]."""
        ...


class CurrentReadout:
    """Currents of memristive cells through wires."""

    def __init__(self, settings: ChipSettings, cache: TransferCache) -> None:
        self._wires, self._cache = settings.wires, cache
        self._law, self._read_v = law_of(settings.cells.law), settings.cells.read_v

    def transfer(self, values: np.ndarray) -> np.ndarray:
        """See `TileReadout`."""
        nominal_s = nominal_conductance(values, self._law, self._read_v)
        return self._cache.transfer(nominal_s, wires=self._wires, law=self._law, read_v=self._read_v)

    def exact(self, values: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
        """See `TileReadout`."""
        nominal_s = nominal_conductance(values, self._law, self._read_v)
        different_v, place = np.unique(voltage_v, axis=0, return_inverse=True)
        current_a = solve_currents(nominal_s, different_v, wires=self._wires, device=self._law)
        return current_a[place.ravel()]

    def noise(self, values: np.ndarray) -> np.ndarray:
        """See `TileReadout`; none beyond that of the cells."""
        return np.zeros(values.shape[1])


class ChargeReading:
    """Charges of memcapacitive cells: settling, stray capacitance, finite gain, kT/C noise."""

    def __init__(self, settings: ChipSettings) -> None:
        self._settings, self._read_v = settings, settings.cells.read_v
        self._most_f = float(settings.cells.levels[-1])

    def transfer(self, values: np.ndarray) -> np.ndarray:
        """See `TileReadout`."""
        return self.exact(values, np.eye(len(values)))

    def exact(self, values: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
        """See `TileReadout`; noise is added with the rest of the readings'."""
        amplifier = replace(self._amplifier(len(values)), temperature_c=None)
        product = charge_product(
            values,
            voltage_v,
            amplifier=amplifier,
            parasitics=ChargeParasitics(
                wires=self._wires_that_count(values), column_line_f=self._settings.charge.column_line_f
            ),
            rng=np.random.default_rng(0),  # nothing is drawn from it that counts
        )
        return product.charge_c

    def noise(self, values: np.ndarray) -> np.ndarray:
        """See `TileReadout`: what the reset switch leaves on the feedback capacitor."""
        amplifier = self._amplifier(len(values))
        return np.full(values.shape[1], amplifier.reset_noise_v * amplifier.feedback_f)

    def _wires_that_count(self, values: np.ndarray) -> Wires:
        """Return no wires where every charge has arrived: without leakage they only slow a step down.

        No time constant of lines of resistors with capacitors between them is longer than twice a line's
        whole resistance times its whole capacitance (largest row sum of the product of both matrices).
        """
        (rows, columns), wires = values.shape, self._settings.wires
        row_ohm = wires.source_of_rows_ohm(rows).max() + columns * wires.row_ohm
        column_ohm = wires.sense_of_columns_ohm(columns).max() + rows * wires.column_ohm
        row_f = values.sum(axis=1, dtype=np.float64).max()
        column_f = values.sum(axis=0, dtype=np.float64).max() + rows * self._settings.charge.column_line_f
        slowest_s = 2.0 * max(row_ohm * row_f, column_ohm * column_f)
        return Wires() if SETTLED * slowest_s <= self._settings.charge.window_s else wires

    def _amplifier(self, rows: int) -> ChargeAmplifier:
        charge = self._settings.charge
        # The output reaches the read voltage when every cell of a column is at its last level and driven.
        return ChargeAmplifier(
            feedback_f=rows * self._most_f,
            window_s=charge.window_s,
            gain=charge.gain,
            temperature_c=charge.temperature_c,
        )


def readout_of(settings: ChipSettings, cache: TransferCache) -> TileReadout:
    """Choose the readout that a chip's cells need."""
    return (
        ChargeReading(settings) if settings.cells.kind == MEMCAPACITIVE else CurrentReadout(settings, cache)
    )
