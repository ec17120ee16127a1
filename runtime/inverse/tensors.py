"""Tensors that a read of `structured` and `whitebox` takes: a surrogate of the matrix's circuit.

At program time a calibrator fits a matrix's circuit with a surrogate that costs a handful of matrix
products. With standardised inputs `z` (zero mean, unit variance over the inputs of the board) and
scaled currents `y`,

    y[m] = constant[m] + Σ_n Σ_p polynomial[p,n,m] z[n]^(p+1)
         + Σ_j (Σ_n loading[n,m] moment[j,n] z[n]) (Σ_n coupling[j,n,m] z[n])
         + c[m] Σ_n quadratic[n,m] z[n]² + column_terms[0,m] c[m]³ + column_terms[1,m] c[m]⁴

    with the column's load c[m] = Σ_n loading[n,m] z[n].

The polynomials are each cell's own nonlinearity; the products are the drop that the load of a whole column
causes under its cells. A read (`crosscal.runtime.inverse.inverse`) looks for the `z` most probable given the
reading, the noise and the spread of inputs, and answers `conductanceᵀ v(z)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

import numpy as np

from crosscal.core.array_types import Currents, Float, Matrix
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.core.validation import require_finite

A = TypeVar("A")
"""An array: numpy's here, one of another library where a calibrator's graph is written."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurrogateTensors(Generic[A]):
    """Tensors that depend on the matrix alone, as the calibrator's graph computes them.

    Attributes:
        polynomial: (3, N, M). coupling: (J, N, M), J 1 or 2. quadratic: (N, M). column_terms: (2, M).
            loading: (N, M). constant: (M,). As above.
        variance: noise plus misfit of the surrogate, (M,), of scaled currents.
        input_variance: (N,): posterior variance of each input that the linear prediction leaves. The mean
            of the volts lies above their mode by half their second derivative times this.
        prediction_bias: (M,): the same for predictions: by how much products and squares of uncertain inputs
            raise the expected reading. Both matter where readings are fewer than inputs, or noisy.
        gain, linear, offset: (N, M), (N, M), (M,): the best linear estimate is `gain (y − offset)`,
            belonging to the linear prediction `y = offset + linearᵀ z`.
    """

    polynomial: A
    coupling: A
    quadratic: A
    column_terms: A
    loading: A
    constant: A
    variance: A
    input_variance: A
    prediction_bias: A
    gain: A
    linear: A
    offset: A


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InverseTensors(SurrogateTensors[np.ndarray]):
    """Tensors of one matrix beside those that all matrices of a board share; checked on construction.

    Attributes:
        moment: (J, N), as above.
        input_bounds: (5,): inputs trained on, low and high; the penalty on the square of an excess beyond
            them, relative to the prior's own; least and most that `z` may become.
        damping: (S,): a Gauss–Newton step for each, at most; this many times the residual (root mean square
            over columns) counts as further noise.
        step_tolerance: (2,): a step that moves the inputs by less than the first, as mean square relative to
            their posterior variance, while it adds less noise than the second, relative to the mean
            `variance`, is the last.
        inflation: (1,): factor of the posterior's standard deviations, learned from validation
            matrices.
        current_scale, current_shift: (M,): `y = (I − shift) · scale` [1/A], [A].
        expansion: (K,): `v = Σ_k expansion[k] z^k` [V].
        conductance: target matrix [S], (N, M).
        drive_variance: (N,) or one: variance of a standardised input as driven about the one asked for,
            beyond what the reading tells: all columns read it. It widens deviations. Not in files: knowledge
            of one matrix.
    """

    moment: Float[np.ndarray, "modes rows"]
    input_bounds: Float[np.ndarray, " 5"]
    damping: Float[np.ndarray, " steps"]
    step_tolerance: Float[np.ndarray, " 2"]
    inflation: Float[np.ndarray, " 1"]
    current_scale: Float[np.ndarray, " columns"]
    current_shift: Float[np.ndarray, " columns"]
    expansion: Float[np.ndarray, " orders"]
    conductance: Matrix
    drive_variance: np.ndarray | float = 0.0

    def __post_init__(self) -> None:
        if self.conductance.ndim != 2 or self.coupling.ndim != 3 or self.damping.ndim != 1:
            raise ShapeError(
                wanted(
                    got=f"conductance {self.conductance.shape}, coupling {self.coupling.shape}, "
                    f"damping {self.damping.shape}",
                    allowed="(N, M), (J, N, M), (S,)",
                    remedy="export the calibrator again",
                )
            )
        (rows, columns), modes = self.conductance.shape, len(self.coupling)
        shapes = {
            "polynomial": (3, rows, columns),
            "coupling": (modes, rows, columns),
            "loading": (rows, columns),
            "quadratic": (rows, columns),
            "column_terms": (2, columns),
            "moment": (modes, rows),
            "constant": (columns,),
            "variance": (columns,),
            "input_variance": (rows,),
            "prediction_bias": (columns,),
            "gain": (rows, columns),
            "linear": (rows, columns),
            "offset": (columns,),
            "input_bounds": (5,),
            "step_tolerance": (2,),
            "inflation": (1,),
            "current_scale": (columns,),
            "current_shift": (columns,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ShapeError(
                    wanted(
                        got=f"{name} of shape {getattr(self, name).shape}",
                        allowed=f"{shape}",
                        remedy="export the calibrator again",
                    )
                )
        if (
            np.shape(self.drive_variance) not in ((), (rows,))
            or np.min(self.drive_variance, initial=0.0) < 0.0
        ):
            raise ShapeError(
                wanted(
                    got=f"drive_variance of shape {np.shape(self.drive_variance)}, "
                    f"smallest {np.min(self.drive_variance, initial=0.0):g}",
                    allowed=f"one or {(rows,)}, 0 or more",
                    remedy="use what a recalibration returned",
                )
            )
        for field in fields(self):
            require_finite(
                np.asarray(getattr(self, field.name)),
                f"numbers in {field.name}",
                remedy="check that the matrix is inside the range that the calibrator was trained on",
            )
        if modes not in (1, 2) or (self.moment[0] != 1.0).any():
            raise RangeError(
                wanted(
                    got=f"{modes} products", allowed="1 or 2, the first unweighted", remedy="export it again"
                )
            )
        if not (self.variance > 0).all() or self.damping.size < 1:
            raise RangeError(
                wanted(
                    got=f"smallest variance {self.variance.min()}, {self.damping.size} steps",
                    allowed="more than 0, 1 or more",
                    remedy="export the calibrator again",
                )
            )

    @property
    def drive_covariance(self) -> Float[np.ndarray, "rows rows"]:
        """Covariance of the inputs by `drive_variance`."""
        return np.eye(len(self.linear)) * self.drive_variance

    def predicted(self, z: Float[np.ndarray, "batch rows"]) -> Currents:
        """Scaled currents that standardised inputs would cause, (B, M)."""
        total = self.constant + np.zeros((len(z), 1))
        for power, weight in enumerate(self.polynomial, start=1):
            total = total + z**power @ weight
        for moment, coupling in zip(self.moment, self.coupling, strict=True):
            total = total + (z @ (self.loading * moment[:, None])) * (z @ coupling)
        carried = z @ self.loading
        return (
            total
            + carried * (z**2 @ self.quadratic)
            + carried**3 * (self.column_terms[0] + carried * self.column_terms[1])
        )

    @classmethod
    def from_mapping(cls, tensors: Mapping[str, np.ndarray]) -> InverseTensors:
        """Take tensors by name, of any float type."""
        given = [field.name for field in fields(cls) if field.name != "drive_variance"]
        return cls(**{name: np.asarray(tensors[name], dtype=np.float64) for name in given})
