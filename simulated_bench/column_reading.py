"""Readings of an array's columns: circuit, settling, noise of the cells, amplifiers and converters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from crosscal.core.array_types import Currents, Matrix, StatusBits, Vectors
from crosscal.core.errors import InputError, SolverError
from crosscal.core.physical_constants import ZERO_CELSIUS_K
from crosscal.firmware_models import HardwareFailure
from crosscal.simulated_bench.array_state import ArrayState
from crosscal.simulated_bench.circuit.direct_current.sensitivities import sensitivity
from crosscal.simulated_bench.circuit.direct_current.solver import solve_currents
from crosscal.simulated_bench.front_end.channels import REFERENCE_TEMPERATURE_C, FrontEnd
from crosscal.simulated_bench.front_end.converter_steps import mean_deviation_a
from crosscal.simulated_bench.front_end.settling import Settling, Timing
from crosscal.simulated_bench.linear_gaussian import Sensed
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.variability.fluctuating_currents import added_currents, current_covariance
from crosscal.simulated_bench.variability.fluctuation import Fluctuation, ReadTiming


class ColumnReader:
    """The way from drives to converted currents.

    Args:
        settings: of the board.
        array: the array that is read.
        front_end: drivers, amplifiers and converters.
        fluctuation: noise of the cells.

    Attributes:
        settling: array and amplifiers between one vector and the next.
    """

    def __init__(
        self, settings: BenchSettings, array: ArrayState, front_end: FrontEnd, fluctuation: Fluctuation
    ) -> None:
        self._settings, self._array = settings, array
        self._front_end, self._fluctuation = front_end, fluctuation
        wires = settings.wires
        self.settling = Settling(
            array.shape, capacitance_f=wires.capacitance_f, inductance_h=wires.inductance_h
        )

    def noise_a(self, *, aperture_s: float, averages: int = 1) -> float:
        """Return the rms read noise [A] of the mean of `averages` readings; see `Bench.noise_a`."""
        noise = self._settings.noise
        of_array_a = np.hypot(noise.read_relative * self._settings.noise_full_scale_a, noise.read_a)
        single_a = np.hypot(
            of_array_a * np.sqrt(noise.aperture_s / aperture_s), self._front_end.noise_a(aperture_s)
        )
        hot = (self._array.temperature_c + ZERO_CELSIUS_K) / (REFERENCE_TEMPERATURE_C + ZERO_CELSIUS_K)
        return float(single_a * np.sqrt(hot / averages))

    def read(
        self,
        voltage_v: Vectors,
        *,
        range_index: int,
        aperture_s: float,
        averages: int,
        dwell_s: float,
        rng: np.random.Generator,
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
            rng: noise of the readings.

        Returns:
            Readings [A], (B, M), and their `Status` bits.

        Raises:
            UnsolvedCircuit: as `Bench.measure`.
        """
        settled_a = self.true_current(voltage_v, range_index=range_index)
        window_s = aperture_s * averages
        flowing_a = self._shown_current(
            voltage_v, settled_a, range_index=range_index, dwell_s=dwell_s, window_s=window_s
        )
        if self._fluctuation.active:
            timing = ReadTiming(duration_s=window_s, spacing_s=dwell_s + window_s)
            flowing_a = flowing_a + self._added_current(voltage_v, settled_a, timing, range_index=range_index)
        return self._front_end.convert(
            flowing_a,
            range_index=range_index,
            noise_a=self.noise_a(aperture_s=aperture_s),
            averages=averages,
            temperature_c=self._array.temperature_c,
            rng=rng,
        )

    def true_current(self, voltage_v: Vectors, *, range_index: int) -> Currents:
        """Solve for the currents that flow into the amplifiers on average [A], (B, M)."""
        with _hardware_failures():
            return solve_currents(
                self._array.conductance_s(),
                voltage_v,
                wires=self._array.wires(range_index),
                device=self._array.device,
            )

    def sensed(
        self,
        true_conductance_s: Matrix,
        voltage_v: Vectors,
        range_a: float,
        *,
        aperture_s: float,
        averages: int,
        cell_variance_s2: Matrix | None = None,
    ) -> Sensed:
        """Give the response of the currents to the inputs, and the noise on them."""
        range_index = self._front_end.range_index(range_a)
        single_a = self.noise_a(aperture_s=aperture_s)
        noise_a = mean_deviation_a(self._front_end.step_a(range_index), single_a, averages)
        circuit: dict[str, Any] = {"wires": self._array.wires(range_index), "device": self._array.device}
        covariance_a2, vectors_v = None, np.atleast_2d(voltage_v)
        variance = np.zeros(true_conductance_s.shape)
        if self._fluctuation.active:
            variance += self._fluctuation.relative_variance(
                self._array.cell_state(true_conductance_s), duration_s=aperture_s * averages
            )
        if cell_variance_s2 is not None:
            conducting = true_conductance_s > 0
            variance[conducting] += cell_variance_s2[conducting] / true_conductance_s[conducting] ** 2
        if variance.any():
            covariance_a2 = current_covariance(true_conductance_s, vectors_v, variance, **circuit)
        return Sensed(
            jacobian_s=sensitivity(true_conductance_s, vectors_v, **circuit),
            noise_a=noise_a / self._front_end.gain(range_index, self._array.temperature_c),
            covariance_a2=covariance_a2,
        )

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
        self, voltage_v: Vectors, settled_a: Currents, timing: ReadTiming, *, range_index: int
    ) -> Currents:
        """Solve for the contribution of the cells' own noise to the currents [A], (B, M)."""
        circuit: dict[str, Any] = {"wires": self._array.wires(range_index), "device": self._array.device}
        cells = self._array.cell_state()
        with _hardware_failures():
            return added_currents(self._fluctuation, cells, timing, voltage_v, settled_a, **circuit)


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
