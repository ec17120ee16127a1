"""Circuit model of `whitebox`: wires, a smooth cell law, and their currents for a matrix and inputs.

It stands on its own: training never sees the bench, so model and board share nothing but Kirchhoff's laws.

Topology: row `n` is driven at its left end through `source_ohm` and one full segment `row_ohm` before its
first cell; its right end is open. Column `m` is open at its top; after its last cell come one full segment
`column_ohm`, then `sense_ohm`, then the amplifier's virtual ground. Instead of 2NM wire nodes, the unknowns
are the NM cell voltages, with currents `c = G f(u)`:

    u[n,m] = v[n] − Σ_k (source + row·min(m,k)) c[n,k] − Σ_k (sense + column·(N − max(n,k))) c[k,m]

where `m`, `k` count from 1 along a row and from 0 along a column.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors
from crosscal.core.errors import RangeError, ShapeError, TrainingError, wanted
from crosscal.training.calibrators.whitebox.batch_kernels import solve_blocks
from crosscal.training.calibrators.whitebox.kernels import LANES

SOLVE_TOLERANCE_V = 1e-9
"""Kirchhoff residual at which a solve stops: 1e-8 of the inputs, far under any read noise."""

TANGENT_TOLERANCE = 1e-6
"""Relative residual at which a derivative stops; insensitive between 1e-8 and 1e-2 (`python
benchmarks/constants.py TANGENT`)."""

_THREADS_MOST = 16  # a fit at 64×64 has some 50 blocks: more threads would wait for the last


@dataclass(frozen=True, slots=True, kw_only=True)
class WireModel:
    """Resistances [Ω] of a row segment, a column segment, a driver and a sense end; none negative."""

    row_ohm: float
    column_ohm: float
    source_ohm: float
    sense_ohm: float

    def __post_init__(self) -> None:
        values = self.as_array()
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise RangeError(
                wanted(
                    got=f"wires {values} Ω", allowed="finite, 0 or more", remedy="give resistances in ohms"
                )
            )

    def as_array(self) -> Float[np.ndarray, " 4"]:
        """Row, column, source, sense [Ω]."""
        return np.array([self.row_ohm, self.column_ohm, self.source_ohm, self.sense_ohm], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellModel:
    """Current of a cell: `G · s · [Σ_qp a_qp γ^q (u/s)^p + Σ_p k_p min(u/s, 0)^p]`, p from 1, q from 0.

    A polynomial, because any smooth law is one over the volts that a board drives, odd or not; it is linear
    in its unknowns, and it costs no transcendental function. `γ = (G − middle)/half` lets the law's shape
    vary with the conductance. The second sum, absent unless the data ask for it, breaks the slope at u = 0.

    Attributes:
        coefficients: `a`, (degree in γ + 1, degree in u).
        kink: `k`, (degree,); empty for a law smooth at 0.
        scale_v: `s` [V], the largest input.
        low_v, high_v: beyond these cell voltages the law goes on as a straight line [V].
        middle_s, half_s: conductances are scaled by these [S].
    """

    coefficients: Float[np.ndarray, "degrees order"]
    kink: Float[np.ndarray, " bends"]
    scale_v: float
    low_v: float
    high_v: float
    middle_s: float
    half_s: float

    def __post_init__(self) -> None:
        if self.coefficients.ndim != 2 or self.coefficients.size == 0 or self.kink.ndim != 1:
            raise ShapeError(
                wanted(
                    got=f"coefficients {self.coefficients.shape} and kink {self.kink.shape}",
                    allowed="(degrees in G, degrees in u), none empty, and (degrees in u,)",
                    remedy="give at least one coefficient",
                )
            )
        if not (self.scale_v > 0 and self.half_s > 0 and self.low_v < self.high_v):
            raise RangeError(
                wanted(
                    got=f"scales {self.scale_v} V, {self.half_s} S, span {self.low_v}…{self.high_v} V",
                    allowed="positive scales, an ascending span",
                    remedy="derive them from the inputs and targets of the data",
                )
            )

    def per_siemens(self, cell_v: np.ndarray, conductance_s: float) -> np.ndarray:
        """Current per nominal siemens [V] at cell voltages [V], for cells of one nominal conductance [S]."""
        inside = np.clip(cell_v, self.low_v, self.high_v) / self.scale_v
        weights = ((conductance_s - self.middle_s) / self.half_s) ** np.arange(
            len(self.coefficients)
        ) @ self.coefficients
        smooth, bent = np.append(0.0, weights), np.append(0.0, self.kink)
        below = np.minimum(inside, 0.0)
        value = np.polynomial.polynomial.polyval(inside, smooth)
        value = value + np.polynomial.polynomial.polyval(below, bent)
        slope = np.polynomial.polynomial.polyval(inside, np.polynomial.polynomial.polyder(smooth))
        if self.kink.size:
            bent_slope = np.polynomial.polynomial.polyval(below, np.polynomial.polynomial.polyder(bent))
            slope = slope + np.where(inside < 0, bent_slope, 0.0)
        return self.scale_v * value + slope * (cell_v - inside * self.scale_v)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CircuitModel:
    """Wires and a cell law, with their currents for matrices and inputs."""

    wires: WireModel
    law: CellModel

    @property
    def parameters(self) -> Float[np.ndarray, " parameters"]:
        """Row, column, source, sense [Ω]; the law's coefficients in C order; its kink."""
        return np.concatenate([self.wires.as_array(), self.law.coefficients.ravel(), self.law.kink])

    def with_parameters(self, values: Float[np.ndarray, " parameters"]) -> CircuitModel:
        """Return a circuit of the same form with other `parameters`."""
        size = self.law.coefficients.size
        wires = WireModel(
            row_ohm=float(values[0]),
            column_ohm=float(values[1]),
            source_ohm=float(values[2]),
            sense_ohm=float(values[3]),
        )
        law = replace(
            self.law,
            coefficients=values[4 : 4 + size].reshape(self.law.coefficients.shape).copy(),
            kink=values[4 + size :].copy(),
        )
        return CircuitModel(wires=wires, law=law)

    def solve(
        self,
        conductance_s: Float[np.ndarray, "matrices rows columns"],
        matrix: np.ndarray,
        voltage_v: Vectors,
        tolerance_v: float = SOLVE_TOLERANCE_V,
    ) -> Currents:
        """Solve for the column currents [A], (B, M).

        Args:
            conductance_s: nominal conductances [S], (K, N, M).
            matrix: index of each vector's matrix among the K, (B,).
            voltage_v: inputs [V], (B, N).
            tolerance_v: Kirchhoff residual to stop at [V].

        Raises:
            ShapeError: arrays that do not go together.
            TrainingError: Newton's method found no solution: the law does not rise everywhere.
        """
        return self._run(conductance_s, matrix, voltage_v, tolerance_v, parameters=0)[0]

    def differentiate(
        self,
        conductance_s: Float[np.ndarray, "matrices rows columns"],
        matrix: np.ndarray,
        voltage_v: Vectors,
    ) -> tuple[Currents, Float[np.ndarray, "batch columns parameters"]]:
        """Solve, and differentiate the solution by the implicit function theorem.

        Args and errors are those of `solve`.

        Returns:
            Column currents [A], (B, M), and their derivatives by `parameters`, (B, M, P).
        """
        count = self.parameters.size
        return self._run(conductance_s, matrix, voltage_v, SOLVE_TOLERANCE_V, parameters=count)

    def _run(
        self,
        conductance_s: np.ndarray,
        matrix: np.ndarray,
        voltage_v: np.ndarray,
        tolerance_v: float,
        *,
        parameters: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        _check(conductance_s, matrix, voltage_v)
        current = np.empty((len(voltage_v), conductance_s.shape[2]))
        tangent = np.empty((*current.shape, parameters))
        worst = np.empty(-(-len(voltage_v) // LANES))
        inputs = self._inputs(conductance_s, matrix, voltage_v)
        arguments: tuple[Any, ...] = (*inputs, tolerance_v, TANGENT_TOLERANCE, current, tangent, worst)

        def piece(first: int, last: int) -> None:
            solve_blocks(first, last, *arguments)

        threads = min(_THREADS_MOST, os.cpu_count() or 1)
        ends = np.linspace(0, worst.size, threads + 1).astype(int)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(piece, ends[:-1], ends[1:]))
        _require_solved(worst, tolerance_v)
        return current, tangent

    def _inputs(self, conductance_s: np.ndarray, matrix: np.ndarray, voltage_v: np.ndarray) -> tuple:
        law = self.law
        conductance = np.ascontiguousarray(conductance_s, dtype=np.float64)
        return (
            conductance,
            (conductance - law.middle_s) / law.half_s,
            np.ascontiguousarray(matrix, dtype=np.int64),
            np.ascontiguousarray(voltage_v, dtype=np.float64),
            self.wires.as_array(),
            np.ascontiguousarray(law.coefficients, dtype=np.float64),
            np.ascontiguousarray(law.kink, dtype=np.float64),
            np.array([law.scale_v, law.low_v, law.high_v]),
        )


def _check(conductance_s: np.ndarray, matrix: np.ndarray, voltage_v: np.ndarray) -> None:
    shapes = conductance_s.shape, np.shape(matrix), voltage_v.shape
    if conductance_s.ndim != 3 or shapes[1:] != (shapes[2][:1], (shapes[2][0], shapes[0][1])):
        raise ShapeError(
            wanted(
                got=f"conductances {shapes[0]}, matrix index {shapes[1]}, voltages {shapes[2]}",
                allowed="(K, N, M), (B,), (B, N)",
                remedy="rows are inputs",
            )
        )
    if len(matrix) and not (np.min(matrix) >= 0 and np.max(matrix) < len(conductance_s)):
        raise RangeError(
            wanted(
                got=f"matrix indices {np.min(matrix)}…{np.max(matrix)}",
                allowed=f"0…{len(conductance_s) - 1}",
                remedy="index the matrices given",
            )
        )


def _require_solved(worst: np.ndarray, tolerance_v: float) -> None:
    if not (worst <= tolerance_v).all():
        raise TrainingError(
            f"got a believed circuit that cannot be solved (Kirchhoff residual {np.max(worst):.1e} V); "
            f"allowed: {tolerance_v:.0e} V; its cell law does not rise everywhere: use fewer coefficients"
        )
