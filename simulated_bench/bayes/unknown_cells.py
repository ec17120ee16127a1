"""Posterior of uniform inputs and of cells that are known to a few percent, given currents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.simulated_bench.circuit.direct_current.sensitivities import sensitivity
from crosscal.simulated_bench.circuit.direct_current.solver import solve_currents
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.variability.fluctuating_currents import cell_sensitivities


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointPosterior:
    """Inputs and cells of one matrix, seen through one reading, known vectors and a read-back.

    Its coordinates are the N inputs [V], then for each cell, row by row, the deviation of its conductance
    from the target in units of `spread`, a standard normal number before anything is seen.

    Attributes:
        target_s: what the cells were to become [S], (N, M).
        spread: relative standard deviation of a cell about its target.
        known_v, known_a: inputs [V], (K, N), and readings [A], (K, M), of the known vectors.
        read_back_s: cells as they were read back [S], (N, M); None if they were not.
        read_back_spread: standard deviation of a read-back relative to the target.
        wires, device: of the true circuit.
        noise_a: standard deviation of a reading [A].
        low_v, high_v: bounds of the inputs [V].
    """

    target_s: Matrix
    spread: float
    known_v: Vectors
    known_a: Currents
    read_back_s: Matrix | None = None
    read_back_spread: float = 0.01
    wires: Wires
    device: CellLaw
    noise_a: float
    low_v: float
    high_v: float

    def cells_s(self, place: np.ndarray) -> Matrix:
        """Return the conductances at a place [S], (N, M)."""
        deviation = place[len(self.target_s) :].reshape(self.target_s.shape)
        return self.target_s * (1.0 + self.spread * deviation)

    def energy(self, place: np.ndarray, current_a: Currents) -> np.ndarray:
        """Compute minus the logarithm of the posterior, but for a constant, (B,); inf out of bounds.

        Args:
            place: coordinates, (B, N + N·M).
            current_a: the reading that each is to explain [A], (B, M).
        """
        rows = len(self.target_s)
        inputs_v, deviation = place[:, :rows], place[:, rows:]
        inside = ((inputs_v >= self.low_v) & (inputs_v <= self.high_v)).all(axis=1)
        # A conductance is above 0: the normal law's tail below is cut off.
        inside &= (1.0 + self.spread * deviation > 0.0).all(axis=1)
        energy = np.full(len(place), np.inf)
        for b in np.flatnonzero(inside):
            cells_s = self.cells_s(place[b])
            drive_v = np.concatenate([inputs_v[b : b + 1], self.known_v])
            seen_a = np.concatenate([current_a[b : b + 1], self.known_a])
            wrong = (self._currents_a(cells_s, drive_v) - seen_a) / self.noise_a
            energy[b] = 0.5 * ((wrong**2).sum() + (deviation[b] ** 2).sum())
            if self.read_back_s is not None:
                off = (self.read_back_s - cells_s) / (self.read_back_spread * self.target_s)
                energy[b] += 0.5 * (off**2).sum()
        return energy

    def local_spread(self, place: np.ndarray, inverse_temperature: np.ndarray) -> np.ndarray:
        """Linearise around places (B, C): principal axes of the posterior, each as long as its deviation.

        Returns:
            (B, L, C, C), the axes in columns, for each of L inverse temperatures.
        """
        rows, axes = len(self.target_s), []
        prior = np.zeros(place.shape[1])
        prior[:rows] = 12.0 / (self.high_v - self.low_v) ** 2
        for one in place:
            cells_s = self.cells_s(one)
            drive_v = np.concatenate([one[None, :rows], self.known_v])
            slope = np.zeros((*np.shape(drive_v @ self.target_s), len(one)))
            slope[0, :, :rows] = sensitivity(cells_s, one[:rows], wires=self.wires, device=self.device)
            of_cells = cell_sensitivities(cells_s, drive_v, wires=self.wires, device=self.device)
            relative = self.spread * (self.target_s / cells_s).ravel()
            slope[:, :, rows:] = np.stack(list(of_cells)) * relative
            flat = slope.reshape(-1, len(one)) / self.noise_a
            information = flat.T @ flat
            of_each = 1.0
            if self.read_back_s is not None:
                of_each += (self.spread / self.read_back_spread) ** 2
            information[np.arange(rows, len(one)), np.arange(rows, len(one))] += of_each
            for beta in inverse_temperature:
                strength, directions = np.linalg.eigh(beta * information + np.diag(prior))
                axes.append(directions / np.sqrt(np.maximum(strength, prior[0] * 1e-12)))
        return np.array(axes).reshape(len(place), len(inverse_temperature), *2 * place.shape[1:])

    def _currents_a(self, cells_s: Matrix, drive_v: Vectors) -> Currents:
        return solve_currents(cells_s, drive_v, wires=self.wires, device=self.device)
