"""Posterior of uniform inputs given currents, with the true circuit and noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.errors import RangeError, wanted
from crosscal.simulated_bench.circuit.direct_current.linear_response import transfer_matrix
from crosscal.simulated_bench.circuit.direct_current.sensitivities import sensitivity
from crosscal.simulated_bench.circuit.direct_current.solver import solve_currents
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.devices.ohmic import Ohmic


class Posterior(Protocol):
    """A posterior that can be drawn from: places are points (B, C), each to explain a reading (B, M)."""

    def energy(self, place: np.ndarray, current_a: Currents, /) -> np.ndarray:
        """Compute minus the logarithm of the posterior, but for a constant, (B,); inf out of bounds."""
        ...

    def local_spread(self, place: np.ndarray, inverse_temperature: np.ndarray, /) -> np.ndarray:
        """Linearise: principal axes, each as long as its deviation, in columns, (B, L, C, C)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class InputPosterior:
    """Inputs of one matrix, independent and uniform between two voltages, seen through noisy currents.

    Attributes:
        conductance_s: actual conductance of each cell [S], (N, M).
        wires, device: of the true circuit.
        noise_a: standard deviation of a reading [A], one number or one per column (M,).
        low_v, high_v: bounds of the inputs [V].
    """

    conductance_s: Matrix
    wires: Wires
    device: CellLaw
    noise_a: float | np.ndarray
    low_v: float
    high_v: float

    def __post_init__(self) -> None:
        if not self.low_v < self.high_v:
            raise RangeError(
                wanted(
                    got=f"inputs of {self.low_v:g} V to {self.high_v:g} V",
                    allowed="a range",
                    remedy="give the bounds that inputs are drawn between, the lower one first",
                )
            )
        if not (np.asarray(self.noise_a) > 0).all():
            raise RangeError(
                wanted(got="no noise", allowed="above 0", remedy="give a standard deviation in amperes")
            )

    def energy(self, voltage_v: Vectors, current_a: Currents) -> np.ndarray:
        """Compute half the squared residual of inputs (B, N), in units of the noise, (B,); inf out of bounds.

        Args:
            voltage_v: inputs [V], (B, N).
            current_a: the reading that each is to explain [A], (B, M).
        """
        energy = np.full(len(voltage_v), np.inf)
        inside = ((voltage_v >= self.low_v) & (voltage_v <= self.high_v)).all(axis=1)
        if inside.any():
            wrong = (self.response_a(voltage_v[inside]) - current_a[inside]) / self.noise_a
            energy[inside] = 0.5 * (wrong**2).sum(axis=1)
        return energy

    def response_a(self, voltage_v: Vectors) -> Currents:
        """Solve for the currents without noise [A], (B, M)."""
        if isinstance(self.device, Ohmic):
            return voltage_v @ self._transfer_s.T
        drive_v = np.ascontiguousarray(voltage_v)
        return solve_currents(self.conductance_s, drive_v, wires=self.wires, device=self.device)

    @cached_property
    def _transfer_s(self) -> Matrix:
        """Current of each column per volt on each row of ohmic cells [S], (M, N); samplers ask often."""
        return transfer_matrix(self.conductance_s, wires=self.wires)

    def local_spread(self, voltage_v: Vectors, inverse_temperature: np.ndarray) -> np.ndarray:
        """Linearise around inputs (B, N): principal axes of the posterior, each as long as its deviation [V].

        Returns:
            (B, L, N, N), the axes in columns, for each of L inverse temperatures of the likelihood.
        """
        jacobian = sensitivity(self.conductance_s, voltage_v, wires=self.wires, device=self.device)
        whitened = jacobian / np.broadcast_to(self.noise_a, jacobian.shape[1:2])[:, None]
        information = whitened.transpose(0, 2, 1) @ whitened
        strength, axes = np.linalg.eigh(information)
        prior = 12.0 / (self.high_v - self.low_v) ** 2
        precision = inverse_temperature[:, None] * np.maximum(strength[:, None], 0.0) + prior
        return axes[:, None] / np.sqrt(precision)[:, :, None]
