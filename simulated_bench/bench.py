"""The simulated board's analogue side: cells, wires, front end and noise, as the firmware sees hardware."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.errors import InputError, SettingsError, SolverError, wanted
from crosscal.firmware_models import BoardFacts, ProgrammingStep, Reading
from crosscal.simulated_bench.cells import ZERO_CELSIUS_K, Cells
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.sensitivities import sensitivity
from crosscal.simulated_bench.circuit.direct_current.solver import solve_currents
from crosscal.simulated_bench.circuit.line_faults import LineFault
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.device_factory import build_device, memristor_of
from crosscal.simulated_bench.devices import CellLaw
from crosscal.simulated_bench.floor import Sensed, floor_of_sensed
from crosscal.simulated_bench.front_end.channels import REFERENCE_TEMPERATURE_C, FrontEnd
from crosscal.simulated_bench.front_end.settling import Settling, Timing
from crosscal.simulated_bench.programming.incremental_step_pulse import IncrementalStepPulseWriter
from crosscal.simulated_bench.programming.readback import Readback
from crosscal.simulated_bench.programming.write_verify import WriteVerify
from crosscal.simulated_bench.programming.writers import ShiftWriter, Writer
from crosscal.simulated_bench.randomness import RandomStreams, fixed_error_streams
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.settings.bench_toml import load_settings, profile_names
from crosscal.simulated_bench.settings.board_facts import board_facts
from crosscal.simulated_bench.variability.drawn_line_faults import cut_off, drawn_line_faults
from crosscal.simulated_bench.variability.fluctuating_currents import added_currents, current_covariance
from crosscal.simulated_bench.variability.fluctuation import CellState, Fluctuation, ReadTiming
from crosscal.simulated_bench.variability.random_faults import RandomFaults


class Bench:
    """A crossbar board that exists in the computer only; implements `firmware_models.hardware.Hardware`.

    The same settings and the same commands give the same numbers, however reads are cut into messages. Not
    thread-safe: whoever puts it behind a link holds the lock.

    Args:
        settings: a whole `bench.toml`.
    """

    def __init__(self, settings: BenchSettings) -> None:
        self.settings = settings
        channel_errors, broken_cells, traps, faulty_wires = fixed_error_streams(settings.board.seed)
        self._facts = board_facts(settings)
        self._front_end = FrontEnd(settings.front_end, columns=settings.array.columns, rng=channel_errors)
        self._cells = Cells(settings, rng=broken_cells)
        self._readback = Readback(settings, self._front_end)
        self._streams = RandomStreams.from_seed(settings.seed)
        self._device = build_device(settings.device)
        self._temperature_c = settings.temperature_c
        self._time_s = 0.0
        self._fluctuation = Fluctuation(settings, self._streams, traps=traps)
        self._random_faults = self._start_random_faults()
        self._run: WriteVerify | None = None
        self._settling = Settling(
            self._cells.shape,
            capacitance_f=settings.wires.capacitance_f,
            inductance_h=settings.wires.inductance_h,
        )
        self._line_faults: tuple[LineFault, ...] = ()
        self._set_line_faults(drawn_line_faults(settings.faults, *self._cells.shape, rng=faulty_wires))
        for column in settings.faults.amplifiers:
            self.fault_amplifier(column)

    @staticmethod
    def of(settings: BenchSettings) -> Bench:
        """Build the bench that settings describe: one array, or a `TiledBench` of several."""
        if settings.tiles.count == 1:
            return Bench(settings)
        from crosscal.simulated_bench.tiled_bench import TiledBench

        return TiledBench(settings)

    @classmethod
    def from_toml(cls, path: str | Path, **overrides: Any) -> Bench:
        """Build the bench that a `bench.toml` describes, or a profile that comes with the product.

        Args:
            path: the file, or the profile's name, such as `memsys2025`.
            overrides: top-level keys that replace the file's, such as `seed=3`.

        Raises:
            SettingsError: no such file or profile, or a key that is unknown or has an impossible value.
        """
        return cls.of(load_settings(path, **overrides))

    @classmethod
    def from_profile(cls, name: str, **overrides: Any) -> Bench:
        """Build a board that comes with the product, such as `memsys2025`; otherwise as `from_toml`.

        Raises:
            SettingsError: no such profile, or a key that is unknown or has an impossible value.
        """
        if name not in profile_names():
            allowed = ", ".join(profile_names())
            raise SettingsError(
                wanted(
                    got=f"profile {name!r}", allowed=allowed, remedy="correct it, or use from_toml for a file"
                )
            )
        return cls.of(load_settings(name, **overrides))

    @property
    def facts(self) -> BoardFacts:
        """What never changes while the board is powered."""
        return self._facts

    @property
    def time_s(self) -> float:
        """Bench time since power-on [s]: advances by `advance_time` alone."""
        return self._time_s

    @property
    def device(self) -> CellLaw:
        """Current–voltage law of the cells."""
        return self._device

    def arrays(self) -> list[tuple[slice, slice, Bench]]:
        """Every array of the board: which rows and columns of the matrix it holds, and its own bench."""
        rows, columns = self._cells.shape
        return [(slice(0, rows), slice(0, columns), self)]

    @property
    def cell_faults(self) -> np.ndarray:
        """`OPEN`, `SHORT`, `STUCK`, or nothing for a whole cell, (N, M)."""
        return self._cells.faults

    @property
    def amplifier_faults(self) -> np.ndarray:
        """Whether each column's amplifier is broken, (M,)."""
        return self._front_end.faulty.copy()

    def wires(self, range_index: int) -> Wires:
        """Give the wires that currents meet in a range, faults and the amplifiers' input included."""
        wires = self.settings.wires
        return Wires(
            row_ohm=wires.row_ohm,
            column_ohm=wires.column_ohm,
            source_ohm=wires.source_ohm,
            sense_ohm=wires.sense_ohm + self._front_end.input_ohm(range_index),
            faults=self._line_faults,
        )

    def noise_a(self, *, aperture_s: float, averages: int = 1) -> float:
        """Rms read noise [A] of the mean of `averages` readings, at the present temperature.

        Neither the converter's steps nor the cells' own noise is counted.
        """
        noise = self.settings.noise
        of_array_a = np.hypot(noise.read_relative * self.settings.noise_full_scale_a, noise.read_a)
        single_a = np.hypot(
            of_array_a * np.sqrt(noise.aperture_s / aperture_s), self._front_end.noise_a(aperture_s)
        )
        hot = (self._temperature_c + ZERO_CELSIUS_K) / (REFERENCE_TEMPERATURE_C + ZERO_CELSIUS_K)
        return float(single_a * np.sqrt(hot / averages))

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Voltages that the drivers will really give, none beyond `protection_v` in magnitude."""
        return pack(self._front_end.round_voltage(np.asarray(voltage_v), protection_v))

    def round_aperture(self, aperture_s: float) -> float:
        """Integration time that will really be used."""
        return self._front_end.round_aperture(aperture_s)

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """Drive vectors in turn (count × N) and read all columns of each.

        Array and amplifiers go on from where the last vector left them; what they show after the dwell is
        averaged over the readings' apertures. While cells are read, their own noise goes on.

        Raises:
            ArithmeticError: no solution of the circuit was found, a device left its range, or a part of a
                wire hangs on nothing; the firmware makes -240 of it.
        """
        vectors_v = np.asarray(voltage_v).reshape(-1, self._cells.shape[0])
        settled_a = self.true_current(vectors_v, range_index=range_index)
        window_s = aperture_s * averages
        flowing_a = self._shown_current(
            vectors_v, settled_a, range_index=range_index, dwell_s=dwell_s, window_s=window_s
        )
        if self._fluctuation.active:
            pace = ReadTiming(duration_s=window_s, spacing_s=dwell_s + window_s)
            flowing_a = flowing_a + self._added_current(vectors_v, settled_a, pace, range_index=range_index)
        current_a, status = self._front_end.convert(
            flowing_a,
            range_index=range_index,
            noise_a=self.noise_a(aperture_s=aperture_s),
            averages=averages,
            temperature_c=self._temperature_c,
            rng=self._streams.read,
        )
        return Reading(
            current_a=pack(current_a),
            status=status.tobytes(),
            over_temperature=self._temperature_c > self.settings.front_end.temperature_max_c,
            hardware_error=bool(self._front_end.faulty.any()),
        )

    def true_current(self, voltage_v: Vectors, *, range_index: int) -> Currents:
        """Currents that flow into the amplifiers on average [A], (B, M), before any error of theirs."""
        conductance_s = self._cells.conductance_s(self._temperature_c)
        wires = self.wires(range_index)
        try:
            return solve_currents(conductance_s, voltage_v, wires=wires, device=self._device)
        except (SolverError, InputError) as error:
            raise ArithmeticError(str(error)) from error

    def _shown_current(
        self,
        voltage_v: Vectors,
        settled_a: Currents,
        *,
        range_index: int,
        dwell_s: float,
        window_s: float,
    ) -> Currents:
        """Currents that the amplifiers show on average while they are read [A], (B, M)."""
        timing = Timing(
            dwell_s=dwell_s, window_s=window_s, lag_s=self._front_end.time_constant_s(range_index)
        )
        conductance_s = self._cells.conductance_s(self._temperature_c)
        circuit = Circuit.of(conductance_s, self.wires(range_index), self._device)
        try:
            return self._settling.read(circuit, voltage_v, settled_a, timing)
        except (SolverError, InputError) as error:
            self._settling.discharge()
            raise ArithmeticError(str(error)) from error

    def _added_current(
        self, voltage_v: Vectors, settled_a: Currents, pace: ReadTiming, *, range_index: int
    ) -> Currents:
        """What the cells' own noise adds to the currents [A], (B, M)."""
        circuit: dict[str, Any] = {"wires": self.wires(range_index), "device": self._device}
        try:
            return added_currents(
                self._fluctuation, self._cell_state(), pace, voltage_v, settled_a, **circuit
            )
        except (SolverError, InputError) as error:
            raise ArithmeticError(str(error)) from error

    def _cell_state(self, conductance_s: Matrix | None = None) -> CellState:
        if conductance_s is None:
            conductance_s = self._cells.conductance_s(self._temperature_c)
        return CellState(conductance_s=conductance_s, age_s=self._cells.age_s, time_s=self._time_s)

    def noise_floor(
        self,
        target_s: Matrix,
        true_conductance_s: Matrix,
        voltage_v: Vectors,
        range_a: float,
        *,
        aperture_s: float = 1e-3,
        averages: int = 1,
    ) -> float:
        """NMSE that no calibrator can beat on a matrix, whatever it knows of this board.

        Read noise and the converter's steps leave it, referred to the current by each channel's gain; and
        the cells' own noise at their present age, 1/f and telegraph noise with the variance of all time.

        Args:
            target_s: what the ideal currents refer to [S], (N, M).
            true_conductance_s: what the cells really are [S], (N, M).
            voltage_v: inputs over which to average [V], (B, N); a dozen will do.
            range_a: full scale that the currents were taken in [A].
            aperture_s: integration time [s].
            averages: readings averaged.

        Raises:
            RangeError, ShapeError: the board has no such range, or arrays do not fit it.
        """
        sensed = self.sensed(true_conductance_s, voltage_v, range_a, aperture_s=aperture_s, averages=averages)
        return floor_of_sensed(sensed, target_s).nmse

    def sensed(
        self,
        true_conductance_s: Matrix,
        voltage_v: Vectors,
        range_a: float,
        *,
        aperture_s: float = 1e-3,
        averages: int = 1,
    ) -> Sensed:
        """How the currents answer to the inputs and how much noise is on them; arguments as `noise_floor`."""
        range_index = self._front_end.range_index(range_a)
        steps_a = self._front_end.step_a(range_index) / np.sqrt(12.0 * averages)
        noise_a = np.hypot(self.noise_a(aperture_s=aperture_s, averages=averages), steps_a)
        circuit: dict[str, Any] = {"wires": self.wires(range_index), "device": self._device}
        covariance_a2, vectors_v = None, np.atleast_2d(voltage_v)
        if self._fluctuation.active:
            variance = self._fluctuation.relative_variance(
                self._cell_state(true_conductance_s), duration_s=aperture_s * averages
            )
            covariance_a2 = current_covariance(true_conductance_s, vectors_v, variance, **circuit)
        return Sensed(
            jacobian_s=sensitivity(true_conductance_s, vectors_v, **circuit),
            noise_a=noise_a / self._front_end.gain(range_index, self._temperature_c),
            covariance_a2=covariance_a2,
        )

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Prepare to write a target (N × M)."""
        self._run = WriteVerify(
            self._cells,
            self._writer(),
            residual_error=self.settings.programming.residual_error,
            target_s=np.array(target_s).reshape(self._cells.shape),
            tolerance=tolerance,
            read=self._read_cells,
            rng=self._streams.write,
            relaxation=self._streams.relaxation,
        )

    def programming_iteration(self) -> ProgrammingStep:
        """Write every cell that is off target, once or with a train of pulses, and verify it.

        Raises:
            RuntimeError: no run was begun; the firmware always begins one.
        """
        if self._run is None:
            raise RuntimeError("programming_iteration() before begin_programming()")
        result = self._run.iterate()
        return ProgrammingStep(
            finished=result.finished,
            cells_failed=int(result.failed.sum()),
            rms_relative_error=result.rms_relative_error,
            cell_stuck=bool(result.stuck.any()),
        )

    def read_conductance(self) -> array[float]:
        """Measured nominal conductance of every cell (N × M); NaN in columns with a faulty amplifier."""
        return pack(self._read_cells())

    def temperature_c(self) -> float:
        """The board's thermometer."""
        return self._temperature_c

    def advance_time(self, duration_s: float) -> None:
        """Let bench time pass: cells age, their slow noise moves on, and faults strike."""
        self._settling.wait(duration_s)
        start_s, self._time_s = self._time_s, self._time_s + duration_s
        self._cells.time_s = self._time_s
        for strike in self._random_faults.cells(start_s, self._time_s, whole=~self._cells.unresponsive):
            self._cells.break_cell(strike.row, strike.column, strike.kind, time_s=strike.time_s)
        self._front_end.faulty[self._random_faults.amplifiers(start_s, self._time_s)] = True

    def set_temperature(self, temperature_c: float) -> None:
        """Change the board's temperature: conductances, gains and offsets follow."""
        self._temperature_c = temperature_c

    def reseed(self, seed: int) -> None:
        """Restart noise, programming, drift and faults to come from a seed; the board's fixed errors stay.

        Cells keep the way of drifting that they drew when they were written.
        """
        self._streams = RandomStreams.from_seed(seed)
        self._fluctuation.restart(self._streams, time_s=self._time_s)
        self._random_faults = self._start_random_faults()

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell, counted from 1: `OPEN`, `SHORT`, or `STUCK` where it stands."""
        self._cells.break_cell(row - 1, column - 1, kind)

    def fault_amplifier(self, column: int) -> None:
        """Break a column's amplifier, counted from 1: it gives no reading any more."""
        self._front_end.faulty[column - 1] = True

    def clear_faults(self) -> None:
        """Heal every fault, those of the settings too."""
        self._cells.heal()
        self._set_line_faults(())
        self._front_end.faulty[:] = False

    def true_conductance(self) -> array[float]:
        """The actual nominal conductances (N × M), at the present temperature; 0 where a cell is open."""
        return pack(self._cells.conductance_s(self._temperature_c))

    def _start_random_faults(self) -> RandomFaults:
        return RandomFaults(
            self.settings.faults, self._cells.shape, seed=self._streams.fault, time_s=self._time_s
        )

    def _writer(self) -> Writer:
        """Pulses for a programming run, as the cells' law needs them."""
        memristor = memristor_of(self._device)
        if memristor is None:
            return ShiftWriter(self.settings.programming, self._cells.shape)
        return IncrementalStepPulseWriter(self.settings.programming, memristor, self._cells.shape)

    def _set_line_faults(self, line_faults: tuple[LineFault, ...]) -> None:
        self._line_faults = line_faults
        self._cells.cut_off = cut_off(line_faults, *self._cells.shape)

    def _read_cells(self) -> Matrix:
        self._settling.discharge()  # cells are read one by one, all other lines at 0 V
        conductance_s = self._cells.conductance_s(self._temperature_c)
        conductance_s[self._cells.cut_off] = 0.0
        if self._fluctuation.active:
            aperture_s = self._readback.aperture_s
            pace = ReadTiming(duration_s=aperture_s, spacing_s=aperture_s)
            factors = self._fluctuation.factors(self._cell_state(), pace, 1, rng=self._streams.readback)
            conductance_s = conductance_s * factors[0]
        return self._readback.read(
            conductance_s,
            temperature_c=self._temperature_c,
            rng=self._streams.readback,
        )


def pack(values: np.ndarray) -> array[float]:
    """Turn values into what the firmware takes, row by row."""
    packed = array("d")
    packed.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return packed
