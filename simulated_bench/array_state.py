"""State of one array: its cells, wires and law at the present temperature and time."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix, Vectors
from crosscal.simulated_bench.array_law import ArrayLaw
from crosscal.simulated_bench.cells import Cells
from crosscal.simulated_bench.circuit.circuit import Circuit, path_resistances_ohm
from crosscal.simulated_bench.circuit.line_faults import LineFault
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices import CellLaw
from crosscal.simulated_bench.front_end.channels import FrontEnd
from crosscal.simulated_bench.front_end.drivers import Drivers
from crosscal.simulated_bench.self_heating import SelfHeating
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.temperature import REFERENCE_TEMPERATURE_C
from crosscal.simulated_bench.variability.drawn_line_faults import cut_off
from crosscal.simulated_bench.variability.fluctuation import CellState


class ArrayState:
    """An array between its drivers and amplifiers, as it is now.

    Args:
        settings: of the board.
        drivers: of the rows.
        front_end: gives the amplifiers' inputs.
        cells: of the array.
        rng: where differences between the cells' laws are drawn from.

    Attributes:
        drivers: of the rows.
        cells: conductances, ages and faults.
        temperature_c: of the board [°C].
    """

    def __init__(
        self,
        settings: BenchSettings,
        drivers: Drivers,
        front_end: FrontEnd,
        cells: Cells,
        *,
        rng: np.random.Generator,
    ) -> None:
        self._settings, self._front_end = settings, front_end
        self.drivers, self.cells = drivers, cells
        self._law = ArrayLaw(
            settings,
            input_offset_v=front_end.input_offset_v,
            least_slope_s=self._least_slope_s(),
            rng=rng,
        )
        self._heating = SelfHeating(settings.heating, cells.temperature_law, cells.shape)
        self.temperature_c = settings.temperature_c
        self._time_s = 0.0
        self._line_faults: tuple[LineFault, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`."""
        return self.cells.shape

    @property
    def time_s(self) -> float:
        """Bench time since power-on [s]."""
        return self._time_s

    @property
    def device(self) -> CellLaw:
        """Current–voltage law between rows and amplifiers, at the present temperature."""
        return self._law.at(self.temperature_c)

    @property
    def common_device(self) -> CellLaw:
        """See `Bench.common_device`."""
        return self._law.common_at(self.temperature_c)

    @property
    def nominal_device(self) -> CellLaw:
        """Current–voltage law of the settings, that of no cell in particular."""
        return self._law.nominal

    def advance(self, duration_s: float) -> None:
        """Let bench time pass; cells age at the pace of the present temperature."""
        self._time_s += duration_s
        self.cells.time_s += duration_s * self._pace

    def cells_time_s(self, time_s: float) -> float:
        """Return the cells' own time at a bench time within the last advance [s]."""
        return self.cells.time_s - (self._time_s - time_s) * self._pace

    @property
    def _pace(self) -> float:
        return self._settings.drift.pace(self.temperature_c)

    def set_line_faults(self, line_faults: tuple[LineFault, ...]) -> None:
        """Replace the faults of the wires, and with them the set of cells that pulses reach."""
        self._line_faults = line_faults
        self.cells.cut_off = cut_off(line_faults, *self.shape)

    def conductance_s(self) -> Matrix:
        """Return the nominal conductance of each cell at the present temperature [S], (N, M)."""
        return self.cells.conductance_s(self.temperature_c)

    def warm_conductances_s(
        self, voltage_v: Vectors, range_index: int, conductance_s: Matrix | None = None
    ) -> np.ndarray | None:
        """Find the conductances that the cells' own heat gives each vector [S], (B, N, M); None without any.

        Args:
            voltage_v: on the rows [V], (B, N).
            range_index: of the amplifiers, counted from 0.
            conductance_s: without that heat [S], (N, M); the present ones unless given.

        Raises:
            SolverError: as `SelfHeating.conductances_s`.
        """
        if not self._heating.active:
            return None
        return self._heating.conductances_s(
            self.conductance_s() if conductance_s is None else conductance_s,
            self.cells.written_s,
            voltage_v,
            temperature_c=self.temperature_c,
            wires=self.wires(range_index),
            device=self.device,
        )

    def wires(self, range_index: int) -> Wires:
        """Give the wires that currents meet in a range, faults and the amplifiers' input included."""
        wires = self._settings.wires
        warmer_c = self.temperature_c - REFERENCE_TEMPERATURE_C
        metal = max(1.0 + wires.temperature_coefficient_per_c * warmer_c, 0.0)
        return Wires(
            row_ohm=wires.row_ohm * metal,
            column_ohm=wires.column_ohm * metal,
            source_ohm=self.drivers.source_ohm,
            sense_ohm=wires.sense_ohm + self._front_end.input_ohm(range_index),
            faults=self._line_faults,
        )

    def _least_slope_s(self) -> float:
        """Return the steepest fall of a cell's current with which the array has a single solution [S]."""
        wires = self._settings.wires
        if self._settings.faults.of_lines:
            return 0.0
        rows, columns = self.shape
        _, row_ohm = path_resistances_ohm(columns, wires.row_ohm, np.array([wires.source_ohm]))
        _, column_ohm = path_resistances_ohm(rows, wires.column_ohm, np.array([wires.sense_ohm]))
        longest_ohm = row_ohm + column_ohm
        return -1 / longest_ohm if longest_ohm > 0 else -np.inf

    def circuit(self, range_index: int) -> Circuit:
        """Give the circuit that drives meet in a range."""
        return Circuit.of(self.conductance_s(), self.wires(range_index), self.device)

    def cell_state(self, conductance_s: np.ndarray | None = None) -> CellState:
        """Give conductances, ages and time, for the cells' noise; other conductances (N, M) may be given."""
        if conductance_s is None:
            conductance_s = self.conductance_s()
        cells = self.cells
        return CellState(
            conductance_s=conductance_s, written_s=cells.written_s, age_s=cells.age_s, time_s=self.time_s
        )
