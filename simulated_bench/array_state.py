"""State of one array: its cells, wires and law at the present temperature and time."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.cells import Cells
from crosscal.simulated_bench.circuit.circuit import Circuit, path_resistances_ohm
from crosscal.simulated_bench.circuit.line_faults import LineFault
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.device_factory import build_device
from crosscal.simulated_bench.front_end.channels import FrontEnd
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.variability.drawn_line_faults import cut_off
from crosscal.simulated_bench.variability.fluctuation import CellState


class ArrayState:
    """An array between its drivers and amplifiers, as it is now.

    Args:
        settings: of the board.
        front_end: gives the amplifiers' input resistance.
        cells: of the array.

    Attributes:
        cells: conductances, ages and faults.
        device: current–voltage law of the cells.
        temperature_c: of the board [°C].
    """

    def __init__(self, settings: BenchSettings, front_end: FrontEnd, cells: Cells) -> None:
        self._settings, self._front_end = settings, front_end
        self.cells = cells
        limits_s = settings.array.conductance_min_s, settings.array.conductance_max_s
        self.device = build_device(
            settings.device,
            np.tile(limits_s, (settings.array.rows, 1)),
            least_slope_s=self._least_slope_s(),
        )
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

    @time_s.setter
    def time_s(self, time_s: float) -> None:
        self._time_s = self.cells.time_s = time_s

    def set_line_faults(self, line_faults: tuple[LineFault, ...]) -> None:
        """Replace the faults of the wires, and with them the set of cells that pulses reach."""
        self._line_faults = line_faults
        self.cells.cut_off = cut_off(line_faults, *self.shape)

    def conductance_s(self) -> Matrix:
        """Return the nominal conductance of each cell at the present temperature [S], (N, M)."""
        return self.cells.conductance_s(self.temperature_c)

    def wires(self, range_index: int) -> Wires:
        """Give the wires that currents meet in a range, faults and the amplifiers' input included."""
        wires = self._settings.wires
        return Wires(
            row_ohm=wires.row_ohm,
            column_ohm=wires.column_ohm,
            source_ohm=wires.source_ohm,
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
