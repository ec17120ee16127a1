"""Normal equations of measured vectors about a circuit, and its parameters as one vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.calibrators.structured.derivatives import circuit_derivatives
from crosscal.training.calibrators.structured.measured_vectors import MeasuredVectors

_CHUNK = 16
"""Vectors relaxed at a time: their cells stay in the cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalEquations:
    """Normal equations of a batch about a point, float64: `hessian x = pull` minimises its squared error."""

    hessian: np.ndarray
    pull: np.ndarray
    squared_error: float
    count: int

    @classmethod
    def at(cls, circuit: Circuit, data: MeasuredVectors, names: Sequence[str]) -> NormalEquations:
        """Linearise in the parameters `names`."""
        size = sum(circuit.free[name].numel() for name in names)
        hessian, gradient, squared, count = np.zeros((size, size)), np.zeros(size), 0.0, 0
        for start in range(0, len(data.current), _CHUNK):
            part = slice(start, start + _CHUNK)
            with torch.no_grad():
                answer, jacobian = circuit_derivatives(
                    circuit, data.conductance_s[part], data.voltage_v[part], names
                )
            wrong = (data.current[part] - answer).double().numpy().ravel()
            jacobian = jacobian.reshape(-1, size)
            hessian += jacobian.T @ jacobian
            gradient += jacobian.T @ wrong
            squared += float(wrong @ wrong)
            count += wrong.size
        pull = gradient + hessian @ packed(circuit, names)
        return cls(hessian=hessian, pull=pull, squared_error=squared, count=count)

    @property
    def error(self) -> float:
        """Root mean square error in `unit_a`."""
        return float(np.sqrt(self.squared_error / self.count))

    def joined(self, other: NormalEquations) -> NormalEquations:
        """Both batches together, where the points they were taken about are near."""
        return NormalEquations(
            hessian=self.hessian + other.hessian,
            pull=self.pull + other.pull,
            squared_error=self.squared_error + other.squared_error,
            count=self.count + other.count,
        )


def packed(circuit: Circuit, names: Sequence[str]) -> np.ndarray:
    """Join parameters to one vector, float64."""
    return np.concatenate([circuit.free[name].double().numpy().ravel() for name in names])


def unpacked(circuit: Circuit, names: Sequence[str], values: np.ndarray) -> Circuit:
    """Return the circuit with the parameters of a vector."""
    ends = np.cumsum([circuit.free[name].numel() for name in names])
    parts = np.split(values, ends[:-1])
    return circuit.changed(
        {
            name: torch.from_numpy(part.reshape(circuit.free[name].shape)).to(circuit.free[name].dtype)
            for name, part in zip(names, parts, strict=True)
        }
    )


def groups(circuit: Circuit, names: Sequence[str]) -> list[slice]:
    """Group parameters of a kind by their common scatter; wires and the law itself keep their wide prior."""
    found, start = [], 0
    for name in names:
        size = circuit.free[name].numel()
        if name == "law":
            row = circuit.free[name].shape[1]
            found += [slice(start + q, start + q + row) for q in range(row, size, row)]
        elif name != "wires" and size:
            found.append(slice(start, start + size))
        start += size
    return found
