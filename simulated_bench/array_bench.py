"""Simulated board of one array."""

from __future__ import annotations

from array import array

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.errors import InputError, wanted
from crosscal.firmware_models import ProgrammingStep, Reading
from crosscal.simulated_bench.array_state import ArrayState
from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.cells import Cells
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.column_reading import ColumnReader
from crosscal.simulated_bench.devices import CellLaw
from crosscal.simulated_bench.front_end.channels import FrontEnd
from crosscal.simulated_bench.front_end.drivers import Drivers
from crosscal.simulated_bench.linear_gaussian import Sensed
from crosscal.simulated_bench.packing import pack
from crosscal.simulated_bench.programming.programmer import ArrayProgrammer
from crosscal.simulated_bench.randomness import RandomStreams, fixed_error_streams
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.variability.drawn_line_faults import drawn_line_faults
from crosscal.simulated_bench.variability.fluctuation import Fluctuation
from crosscal.simulated_bench.variability.random_faults import RandomFaults
from crosscal.simulated_bench.variability.remaining_noise import Succession


class ArrayBench(Bench):
    """A board with one array; see `Bench`.

    Args:
        settings: a whole `bench.toml`.

    Raises:
        SettingsError: a device class that cannot be used.
    """

    def __init__(self, settings: BenchSettings) -> None:
        super().__init__(settings)
        channel_errors, broken_cells, traps, faulty_wires, drivers, laws = fixed_error_streams(
            settings.board.seed
        )
        self._front_end = FrontEnd(settings.front_end, columns=settings.array.columns, rng=channel_errors)
        self._cells = Cells(settings, rng=broken_cells)
        rows, source_ohm = settings.array.rows, settings.wires.source_ohm
        row_drivers = Drivers(settings.drivers, rows=rows, source_ohm=source_ohm, rng=drivers)
        self._array = ArrayState(settings, row_drivers, self._front_end, self._cells, rng=laws)
        self._streams = RandomStreams.from_seed(settings.seed)
        self._fluctuation = Fluctuation(settings, self._streams, traps=traps)
        self._random_faults = self._start_random_faults()
        self._reader = ColumnReader(settings, self._array, self._front_end, self._fluctuation, self._streams)
        self._programmer = ArrayProgrammer(
            settings,
            self._array,
            self._front_end,
            fluctuation=self._fluctuation,
            settling=self._reader.settling,
            streams=self._streams,
        )
        self._array.set_line_faults(drawn_line_faults(settings.faults, *self._array.shape, rng=faulty_wires))
        for column in settings.faults.amplifiers:
            self.fault_amplifier(column)

    @property
    def time_s(self) -> float:
        """See `Bench.time_s`."""
        return self._array.time_s

    @property
    def device(self) -> CellLaw:
        """See `Bench.device`."""
        return self._array.device

    @property
    def common_device(self) -> CellLaw:
        """See `Bench.common_device`."""
        return self._array.common_device

    def arrays(self) -> list[tuple[slice, slice, Bench]]:
        """See `Bench.arrays`: this board itself."""
        rows, columns = self._array.shape
        return [(slice(0, rows), slice(0, columns), self)]

    @property
    def cell_faults(self) -> np.ndarray:
        """See `Bench.cell_faults`."""
        return self._cells.faults

    @property
    def amplifier_faults(self) -> np.ndarray:
        """See `Bench.amplifier_faults`."""
        return self._front_end.faulty.copy()

    def wires(self, range_index: int) -> Wires:
        """See `Bench.wires`."""
        return self._array.wires(range_index)

    def noise_a(self, *, aperture_s: float, averages: int = 1, range_index: int = -1) -> float:
        """See `Bench.noise_a`."""
        return self._reader.noise_a(aperture_s=aperture_s, averages=averages, range_index=range_index)

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """See `Bench.round_voltage`."""
        return pack(self._front_end.round_voltage(np.asarray(voltage_v), protection_v))

    def round_aperture(self, aperture_s: float) -> float:
        """See `Bench.round_aperture`."""
        return self._front_end.round_aperture(aperture_s)

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """See `Bench.measure`."""
        current_a, status = self._reader.read(
            np.asarray(voltage_v).reshape(-1, self._array.shape[0]),
            range_index=range_index,
            aperture_s=aperture_s,
            averages=averages,
            dwell_s=dwell_s,
        )
        return Reading(
            current_a=pack(current_a),
            status=status.tobytes(),
            over_temperature=self._array.temperature_c > self.settings.front_end.temperature_max_c,
            hardware_error=bool(self._front_end.faulty.any()),
        )

    def true_current(self, voltage_v: Vectors, *, range_index: int) -> Currents:
        """See `Bench.true_current`."""
        return self._reader.true_current(voltage_v, range_index=range_index)

    def sensed(
        self,
        true_conductance_s: Matrix,
        voltage_v: Vectors,
        range_a: float,
        *,
        aperture_s: float = 1e-3,
        averages: int = 1,
        among: Succession | None = None,
    ) -> Sensed:
        """See `Bench.sensed`."""
        return self._reader.sensed(
            true_conductance_s,
            voltage_v,
            range_a,
            aperture_s=aperture_s,
            averages=averages,
            among=among,
        )

    def cell_sensitivities(
        self, true_conductance_s: Matrix, voltage_v: Vectors, range_a: float
    ) -> np.ndarray:
        """See `Bench.cell_sensitivities`."""
        return self._reader.cell_sensitivities(true_conductance_s, voltage_v, range_a)

    def rest(self) -> None:
        """See `Bench.rest`."""
        self._reader.settling.discharge()

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """See `Bench.begin_programming`."""
        self._programmer.begin(np.array(target_s).reshape(self._array.shape), tolerance)

    def programming_iteration(self) -> ProgrammingStep:
        """See `Bench.programming_iteration`."""
        step = self._programmer.iterate()
        if step.finished and self.settings.programming.rest_s:
            self.advance_time(self.settings.programming.rest_s)
        return step

    def read_conductance(self) -> array[float]:
        """See `Bench.read_conductance`."""
        return pack(self._programmer.read_cells())

    def temperature_c(self) -> float:
        """See `Bench.temperature_c`."""
        return self._array.temperature_c

    def advance_time(self, duration_s: float) -> None:
        """See `Bench.advance_time`."""
        self._reader.settling.wait(duration_s)
        start_s = self._array.time_s
        self._array.advance(duration_s)
        end_s = self._array.time_s
        for failure in self._random_faults.cells(start_s, end_s, whole=~self._cells.unresponsive):
            time_s = self._array.cells_time_s(failure.time_s)
            self._cells.break_cell(failure.row, failure.column, failure.kind, time_s=time_s)
        self._front_end.faulty[self._random_faults.amplifiers(start_s, end_s)] = True

    def set_temperature(self, temperature_c: float) -> None:
        """See `Bench.set_temperature`."""
        self._array.temperature_c = temperature_c

    def reseed(self, seed: int) -> None:
        """See `Bench.reseed`; cells keep the drift that they drew when they were written."""
        self._streams = self._programmer.streams = RandomStreams.from_seed(seed)
        self._fluctuation.restart(self._streams, time_s=self._array.time_s)
        self._reader.restart(self._streams)
        self._random_faults = self._start_random_faults()

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """See `Bench.fault_cell`."""
        self._cells.break_cell(row - 1, column - 1, kind)

    def fault_amplifier(self, column: int) -> None:
        """See `Bench.fault_amplifier`."""
        self._front_end.faulty[column - 1] = True

    def clear_faults(self) -> None:
        """See `Bench.clear_faults`."""
        self._cells.heal()
        self._array.set_line_faults(())
        self._front_end.faulty[:] = False

    def cell_age(self) -> array[float]:
        """See `Bench.cell_age`."""
        return pack(self._cells.age_s)

    def written_conductance(self) -> array[float]:
        """See `Bench.written_conductance`."""
        return pack(self._cells.written_s)

    def recall(self, written_s: Matrix, age_s: Matrix, temperature_c: float) -> None:
        """See `Bench.recall`."""
        self._cells.recall(written_s, age_s)
        self._array.temperature_c = temperature_c

    def take_cells(self, other: Bench, *, written_s: Matrix | None = None) -> None:
        """See `Bench.take_cells`."""
        if not isinstance(other, ArrayBench):
            got, remedy = f"cells of a {type(other).__name__}", "give a board of the same settings"
            raise InputError(wanted(got=got, allowed="those of one array", remedy=remedy))
        self._cells.take(other._cells, written_s=written_s)

    def true_conductance(self) -> array[float]:
        """See `Bench.true_conductance`."""
        return pack(self._array.conductance_s())

    def _start_random_faults(self) -> RandomFaults:
        return RandomFaults(
            self.settings.faults, self._array.shape, seed=self._streams.fault, time_s=self._array.time_s
        )
