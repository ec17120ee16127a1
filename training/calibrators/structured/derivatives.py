"""Currents that a circuit predicts, and their derivatives by its parameters.

The effect of a change of currents is relaxed as the circuit itself was.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from crosscal.training.calibrators.structured.backend import TorchBackend
from crosscal.training.calibrators.structured.circuit import SPREADS, Circuit, legendre_powers
from crosscal.training.calibrators.structured.relaxation import Relaxation


@torch.no_grad()
def predicted(circuit: Circuit, conductance_s: torch.Tensor, voltage_v: torch.Tensor) -> torch.Tensor:
    """Measured currents that the circuit expects, in `unit_a`, (B, M), for a matrix per vector, (B, N, M)."""
    relaxation = Relaxation(TorchBackend(), circuit, conductance_s)
    bare = relaxation.currents(circuit.drive_v(voltage_v))[:, 0]
    return bare * circuit.unknowns.gain + circuit.unknowns.offset


def circuit_derivatives(
    circuit: Circuit, conductance_s: torch.Tensor, voltage_v: torch.Tensor, names: Sequence[str]
) -> tuple[torch.Tensor, np.ndarray]:
    """Predicted currents (B, M), and their derivatives by the parameters `names` (B, M, P), float64."""
    point = _Point(circuit, conductance_s, voltage_v)
    parts = point.by_law() | point.by_wires() | point.by_channel()
    if "driver" in names:
        parts |= point.by_row()
    return point.answer, np.concatenate([parts[name] for name in names], axis=2)


class _Point:
    """Relaxed batch and the derivatives of its currents, by the implicit function theorem."""

    def __init__(self, circuit: Circuit, conductance_s: torch.Tensor, voltage_v: torch.Tensor) -> None:
        self._form, self._unknowns = circuit.form, circuit.unknowns
        self._conductance_s, self._input_v = conductance_s, voltage_v
        self._relaxation = Relaxation(TorchBackend(), circuit, conductance_s)
        self._cell_v = self._relaxation.cell_voltages(circuit.drive_v(voltage_v))
        self._cell_a = self._relaxation.cell_currents(self._cell_v)
        self._slopes_s = self._relaxation.cell_slopes(self._cell_v)
        self._bare = self._cell_a.sum(-2) / circuit.form.unit_a
        self.answer = self._bare * self._unknowns.gain + self._unknowns.offset

    def by_law(self) -> dict[str, np.ndarray]:
        """A law's coefficient adds current in every cell."""
        form, scaled = self._form, self._cell_v / self._form.largest_v
        gamma = (self._conductance_s - form.middle_s) / form.half_s
        law = [
            [
                self._by_current(self._conductance_s * gamma**q * self._cell_v * scaled**p)
                for p in range(form.voltage_degree)
            ]
            for q in range(form.conductance_degree + 1)
        ]
        powers = SPREADS["law"] * legendre_powers(form.voltage_degree).numpy()
        below = self._cell_v.clamp(max=0.0)
        kink = [
            self._by_current(self._conductance_s * below * (SPREADS["kink"] * scaled**p))
            for p in range(form.kink_degree)
        ]
        return {
            "law": np.concatenate([np.stack(row, axis=2) @ powers.T for row in law], axis=2),
            "kink": np.stack(kink, axis=2) if kink else np.zeros((*self.answer.shape, 0)),
        }

    def by_wires(self) -> dict[str, np.ndarray]:
        """A resistance, by its logarithm, costs volts."""
        parts = self._unknowns.losses(self._form, self._cell_a)
        return {"wires": np.stack([self._by_volts(-part) for part in parts], axis=2)}

    def by_row(self) -> dict[str, np.ndarray]:
        """Gain and driver of a row act as its offset does: by its volts, and by minus its driver's loss."""
        rows = []
        for n in range(self._form.rows):
            cause = torch.zeros_like(self._cell_v)
            cause[:, n] = 1.0
            rows.append(self._by_volts(cause))
        volts = np.stack(rows, axis=2)
        loss_v = (self._cell_a.sum(-1) * self._unknowns.driver[:, 0]).double().numpy()
        return {
            "input_offset": SPREADS["input_offset"] * self._form.largest_v * volts,
            "input_gain": volts * (SPREADS["input_gain"] * self._input_v.double().numpy())[:, None, :],
            "driver": volts * (-SPREADS["driver"] * loss_v)[:, None, :],
        }

    def by_channel(self) -> dict[str, np.ndarray]:
        """Gain and offset of a column act on it alone."""
        unit = np.eye(self._form.columns)
        gain = SPREADS["gain"] * self._bare.double().numpy()[:, :, None] * unit
        return {"gain": gain, "offset": np.broadcast_to(SPREADS["offset"] * unit, gain.shape)}

    def _by_current(self, cause_a: torch.Tensor) -> np.ndarray:
        return self._by_volts(-self._relaxation.lost(cause_a), cause_a)

    def _by_volts(self, cause_v: torch.Tensor, cause_a: torch.Tensor | float = 0.0) -> np.ndarray:
        change = self._relaxation.changes(self._slopes_s, cause_v) * self._slopes_s + cause_a
        return (change.sum(-2) * (self._unknowns.gain / self._form.unit_a)).double().numpy()
