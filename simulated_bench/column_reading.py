"""Readings of an array's columns: circuit, settling, noise of the cells, amplifiers and converters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from crosscal.core.array_types import Currents, Matrix, StatusBits, Vectors
from crosscal.core.errors import InputError, SolverError
from crosscal.firmware_models import HardwareFailure
from crosscal.simulated_bench.array_state import ArrayState
from crosscal.simulated_bench.circuit.direct_current.sensitivities import sensitivity
from crosscal.simulated_bench.circuit.direct_current.solver import solve_currents
from crosscal.simulated_bench.front_end.amplifier_noise import AmplifierNoise
from crosscal.simulated_bench.front_end.channels import FrontEnd
from crosscal.simulated_bench.front_end.converter_steps import mean_deviation_a
from crosscal.simulated_bench.front_end.settling import Settling, Timing
from crosscal.simulated_bench.linear_gaussian import Sensed
from crosscal.simulated_bench.randomness import RandomStreams
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.temperature import relative_kelvin
from crosscal.simulated_bench.variability.fluctuating_currents import (
    added_currents,
    cell_sensitivities,
    current_covariance,
    solve_each,
)
from crosscal.simulated_bench.variability.fluctuation import CellState, Fluctuation, ReadTiming
from crosscal.simulated_bench.variability.remaining_noise import Succession, remaining_share


class ColumnReader:
    """The way from drives to converted currents.

    Args:
        settings: of the board.
        array: the array that is read.
        front_end: drivers, amplifiers and converters.
        fluctuation: noise of the cells.
        streams: noise of drivers, amplifiers and readings.

    Attributes:
        settling: array and amplifiers between one vector and the next.
    """

    def __init__(
        self,
        settings: BenchSettings,
        array: ArrayState,
        front_end: FrontEnd,
        fluctuation: Fluctuation,
        streams: RandomStreams,
    ) -> None:
        self._settings, self._array = settings, array
        self._front_end, self._fluctuation = front_end, fluctuation
        wires = settings.wires
        self.settling = Settling(
            array.shape, capacitance_f=wires.capacitance_f, inductance_h=wires.inductance_h
        )
        self.restart(streams)

    def restart(self, streams: RandomStreams) -> None:
        """Restart noise from other streams, now."""
        self._streams, self._epoch_s = streams, self._array.time_s
        self._slow_noise = AmplifierNoise(
            self._settings.front_end, columns=self._array.shape[1], seed=streams.amplifier
        )

    def noise_a(self, *, aperture_s: float, averages: int = 1, range_index: int = -1) -> float:
        """Return the rms white noise [A] of the mean of `averages` readings; see `Bench.noise_a`."""
        noise = self._settings.noise
        of_array_a = np.hypot(noise.read_relative * self._settings.noise_full_scale_a, noise.read_a)
        single_a = np.hypot(
            of_array_a * np.sqrt(noise.aperture_s / aperture_s),
            self._front_end.noise_a(aperture_s, range_index),
        )
        return float(single_a * np.sqrt(relative_kelvin(self._array.temperature_c) / averages))

    def read(
        self,
        voltage_v: Vectors,
        *,
        range_index: int,
        aperture_s: float,
        averages: int,
        dwell_s: float,
    ) -> tuple[Currents, StatusBits]:
        """Drive vectors in turn and read all columns of each.

        Array and amplifiers go on from where the last vector left them; their output after the dwell is
        averaged over the readings' apertures. While cells are read, their own noise goes on.

        Args:
            voltage_v: drives [V], (B, N).
            range_index: range of the amplifiers, counted from 0.
            aperture_s: integration time of each reading [s].
            averages: readings per mean.
            dwell_s: from a drive to its first reading [s].

        Returns:
            Readings [A], (B, M), and their `Status` bits.

        Raises:
            UnsolvedCircuit: as `Bench.measure`.
        """
        window_s = aperture_s * averages
        timing = ReadTiming(duration_s=window_s, spacing_s=dwell_s + window_s)
        driven_v = self._driven_v(voltage_v, window_s)
        with _hardware_failures():
            warm_s = self._array.warm_conductances_s(driven_v, range_index)
        settled_a = self._settled_current(driven_v, warm_s, range_index)
        flowing_a = self._shown_current(
            driven_v, settled_a, range_index=range_index, dwell_s=dwell_s, window_s=window_s
        )
        if self._fluctuation.active:
            flowing_a = flowing_a + self._added_current(driven_v, warm_s, settled_a, timing, range_index)
        if self._slow_noise.active:
            flowing_a = flowing_a + self._hot * self._slow_noise.of_readings_a(
                len(driven_v),
                time_s=self._array.time_s - self._epoch_s,
                spacing_s=timing.spacing_s,
                range_index=range_index,
                window_s=window_s,
            )
        return self._front_end.convert(
            flowing_a,
            range_index=range_index,
            noise_a=self.noise_a(aperture_s=aperture_s, range_index=range_index),
            averages=averages,
            temperature_c=self._array.temperature_c,
            rng=self._streams.read,
        )

    def true_current(self, voltage_v: Vectors, *, range_index: int) -> Currents:
        """Solve for the currents that flow into the amplifiers on average [A], (B, M)."""
        driven_v = self._array.drivers.driven_v(voltage_v)
        with _hardware_failures():
            warm_s = self._array.warm_conductances_s(driven_v, range_index)
        return self._settled_current(driven_v, warm_s, range_index)

    def sensed(
        self,
        true_conductance_s: Matrix,
        voltage_v: Vectors,
        range_a: float,
        *,
        aperture_s: float,
        averages: int,
        among: Succession | None = None,
    ) -> Sensed:
        """Give the response of the currents to the inputs, and the noise on them.

        Cells that their currents warm are taken as warm as each vector makes them, and no warmer for more.
        """
        range_index, window_s = self._front_end.range_index(range_a), aperture_s * averages
        single_a = self.noise_a(aperture_s=aperture_s, range_index=range_index)
        white_a = mean_deviation_a(self._front_end.step_a(range_index), single_a, averages)
        slow_a = self._hot * self._slow_noise.deviation_a(range_index=range_index, window_s=window_s)
        drivers, circuit = self._array.drivers, self._circuit(range_index)
        driven_v = drivers.driven_v(np.atleast_2d(voltage_v))
        alike = self._alike(true_conductance_s, driven_v, range_index)
        jacobian_s = np.concatenate([sensitivity(cells_s, v, **circuit) for cells_s, v in alike])
        # Nobody knows how the voltage that was asked for was rounded either.
        on_rows_v2 = np.eye(driven_v.shape[1]) * self._front_end.voltage_step_v**2 / 12
        if drivers.noisy:
            on_rows_v2 = on_rows_v2 + drivers.noise_covariance_v2(driven_v, window_s=window_s)
        covariance_a2 = jacobian_s @ on_rows_v2 @ jacobian_s.transpose(0, 2, 1)
        gain = self._front_end.gain(range_index, self._array.temperature_c)
        share, still = np.ones(jacobian_s.shape[1]), None
        cells = self._array.cell_state(true_conductance_s)
        if among is not None and (self._fluctuation.slow or slow_a):
            new_a2 = np.square(white_a / gain) + covariance_a2.diagonal(axis1=1, axis2=2).mean(axis=0)
            share = self._remaining_share(cells, range_index, window_s, among, gain=gain, new_a2=new_a2)
        if self._fluctuation.active:
            variance = self._fluctuation.relative_variance(cells, duration_s=window_s)
            still = None if among is None else variance * (1.0 - share)
            covariance_a2 = covariance_a2 + np.concatenate(
                [current_covariance(cells_s, v, variance * share, **circuit) for cells_s, v in alike]
            )
        return Sensed(
            jacobian_s=jacobian_s,
            noise_a=(np.hypot(white_a, slow_a * np.sqrt(share)) if slow_a else white_a) / gain,
            covariance_a2=covariance_a2,
            still_variance=still,
        )

    def _remaining_share(
        self,
        cells: CellState,
        range_index: int,
        window_s: float,
        among: Succession,
        *,
        gain: np.ndarray,
        new_a2: np.ndarray,
    ) -> np.ndarray:
        """Compute the share of each column's slow noise that the run's other readings leave unknown, (M,)."""
        pace = ReadTiming(duration_s=window_s, spacing_s=among.spacing_s)
        rows, columns = self._array.shape
        driven_v = self._array.drivers.driven_v(among.voltage_v)
        change_a = np.empty((len(driven_v), rows, columns))
        alike = self._alike(cells.conductance_s, driven_v, range_index)
        changes = (
            change
            for cells_s, v in alike
            for change in cell_sensitivities(cells_s, v, **self._circuit(range_index))
        )
        for own_a, change in zip(change_a, changes, strict=True):
            own_a[:] = change.reshape(columns, rows, columns).diagonal(axis1=0, axis2=2)
        amplifiers_a2 = self._hot**2 * self._slow_noise.covariance_a2(
            among.lags_s, range_index=range_index, window_s=window_s
        )
        return remaining_share(
            change_a,
            self._fluctuation.relative_covariance(cells, pace, among.lags_s),
            amplifiers_a2[:, None] / np.square(gain),
            new_a2,
        )

    def cell_sensitivities(
        self, true_conductance_s: Matrix, voltage_v: Vectors, range_a: float
    ) -> np.ndarray:
        """See `Bench.cell_sensitivities`."""
        range_index = self._front_end.range_index(range_a)
        driven_v = self._array.drivers.driven_v(np.atleast_2d(voltage_v))
        return np.stack(
            [
                change_a
                for cells_s, v in self._alike(true_conductance_s, driven_v, range_index)
                for change_a in cell_sensitivities(cells_s, v, **self._circuit(range_index))
            ]
        )

    def _alike(
        self, conductance_s: Matrix, driven_v: Vectors, range_index: int
    ) -> list[tuple[Matrix, np.ndarray]]:
        """Pair the vectors with the cells as these warm them; all together where none is warmed."""
        warm_s = self._array.warm_conductances_s(driven_v, range_index, conductance_s)
        if warm_s is None:
            return [(conductance_s, driven_v)]
        return list(zip(warm_s, driven_v[:, None], strict=True))

    @property
    def _hot(self) -> float:
        """Growth of white noise with the temperature."""
        return float(np.sqrt(relative_kelvin(self._array.temperature_c)))

    def _circuit(self, range_index: int) -> dict[str, Any]:
        return {"wires": self._array.wires(range_index), "device": self._array.device}

    def _driven_v(self, voltage_v: Vectors, window_s: float) -> Vectors:
        """Draw what the rows get while each vector is read [V], (B, N)."""
        drivers = self._array.drivers
        driven_v = drivers.driven_v(voltage_v)
        if not drivers.noisy:
            return driven_v
        return driven_v + drivers.noise_v(driven_v, window_s=window_s, rng=self._streams.drive)

    def _settled_current(self, driven_v: Vectors, warm_s: np.ndarray | None, range_index: int) -> Currents:
        """Solve for the currents in the end [A], (B, M), of warm cells (B, N, M) if there are any."""
        with _hardware_failures():
            if warm_s is not None:
                return solve_each(warm_s, driven_v, **self._circuit(range_index))
            return solve_currents(self._array.conductance_s(), driven_v, **self._circuit(range_index))

    def _shown_current(
        self,
        voltage_v: Vectors,
        settled_a: Currents,
        *,
        range_index: int,
        dwell_s: float,
        window_s: float,
    ) -> Currents:
        """Solve for the currents that the amplifiers show on average while they are read [A], (B, M)."""
        timing = Timing(
            dwell_s=dwell_s, window_s=window_s, lag_s=self._front_end.time_constant_s(range_index)
        )
        circuit = self._array.circuit(range_index)
        with _hardware_failures():
            try:
                return self.settling.read(circuit, voltage_v, settled_a, timing)
            except (SolverError, InputError):
                self.settling.discharge()
                raise

    def _added_current(
        self,
        driven_v: Vectors,
        warm_s: np.ndarray | None,
        settled_a: Currents,
        timing: ReadTiming,
        range_index: int,
    ) -> Currents:
        """Solve for the contribution of the cells' own noise to the currents [A], (B, M)."""
        cells = self._array.cell_state()
        with _hardware_failures():
            return added_currents(
                self._fluctuation, cells, timing, driven_v, settled_a, warm_s, **self._circuit(range_index)
            )


class UnsolvedCircuit(HardwareFailure, ArithmeticError):
    """No solution of the circuit, or one outside the range of a device; the text names the cell."""


@contextmanager
def _hardware_failures() -> Iterator[None]:
    """Turn errors of the solvers into the failures that the firmware reports."""
    try:
        yield
    except (SolverError, InputError) as error:
        raise UnsolvedCircuit(_as_instruments_count(str(error))) from error


def _as_instruments_count(text: str) -> str:
    """Count cells and vectors from 1: an instrument's user has no arrays with indices from 0."""
    text = re.sub(
        r"cell \[(\d+), (\d+)\]",
        lambda found: f"row {int(found[1]) + 1}, column {int(found[2]) + 1}",
        text,
    )
    return re.sub(r"vector (\d+)", lambda found: f"vector {int(found[1]) + 1}", text)
