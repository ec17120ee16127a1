"""What `structured` and `whitebox` condense a matrix's circuit to.

At program time a calibrator condenses a matrix's circuit to a surrogate that costs a handful of matrix
products. With standardised inputs `z` (zero mean, unit variance over what the board is driven with) and
scaled currents `y`,

    y[m] = constant[m] + Σ_n Σ_p polynomial[p,n,m] z[n]^(p+1)
         + Σ_j (Σ_n pattern[n,m] moment[j,n] z[n]) (Σ_n coupling[j,n,m] z[n])
         + c[m] Σ_n bent[n,m] z[n]² + lift[0,m] c[m]³ + lift[1,m] c[m]⁴,     c[m] = Σ_n pattern[n,m] z[n]

Each input bends its own cells' currents (the polynomials), and what a whole column carries lifts the ground
under its cells (the products). A read (`crosscal.runtime.inverse`) looks for the `z` that is likeliest
given the reading, the noise and the spread of inputs, and answers `conductanceᵀ v(z)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from crosscal.core.array_types import Currents, Float, Matrix
from crosscal.core.errors import RangeError, ShapeError, wanted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InverseTensors:
    """What depends on the matrix alone, as the calibrator's graph computes it; checked on construction.

    Attributes:
        polynomial: (3, N, M). coupling: (J, N, M), J 1 or 2. bent: (N, M). lift: (2, M). pattern: (N, M).
            moment: (J, N). constant: (M,). As above.
        variance: noise plus misfit of the surrogate, (M,), of scaled currents.
        softness: (N,): posterior variance of each input that the linear prediction leaves. The mean of bent
            volts lies above their mode by half the bend times this.
        lean: (M,): the same for predictions: by how much products and squares of uncertain inputs lift what
            is expected of a reading. Both matter where readings are fewer than inputs, or noisy.
        gain, linear, offset: (N, M), (N, M), (M,): the best linear estimate is `gain (y − offset)`,
            belonging to the linear prediction `y = offset + linearᵀ z`.
        walls: (5,): inputs trained on, low and high; how stiffly an estimate beyond them is pulled back
            (the prior's own pull is 1); least and most that `z` may become at all.
        widening: (S,): a Gauss–Newton step for each, at most; this many times what is left unexplained
            (root mean square over columns) counts as further noise.
        settled: (2,): a step that moves the inputs by less than the first, as mean square in parts of their
            posterior variance, while what it adds as noise is less than the second, in parts of the mean
            `variance`, is the last.
        inflation: (1,): what the posterior's standard deviations are multiplied by, learned from validation
            matrices.
        current_scale, current_shift: (M,): `y = (I − shift) · scale` [1/A], [A].
        expansion: (K,): `v = Σ_k expansion[k] z^k` [V].
        conductance: target matrix [S], (N, M).
    """

    polynomial: Float[np.ndarray, "3 rows columns"]
    coupling: Float[np.ndarray, "modes rows columns"]
    bent: Matrix
    lift: Float[np.ndarray, "2 columns"]
    pattern: Matrix
    moment: Float[np.ndarray, "modes rows"]
    constant: Float[np.ndarray, " columns"]
    variance: Float[np.ndarray, " columns"]
    softness: Float[np.ndarray, " rows"]
    lean: Float[np.ndarray, " columns"]
    gain: Matrix
    linear: Matrix
    offset: Float[np.ndarray, " columns"]
    walls: Float[np.ndarray, " 5"]
    widening: Float[np.ndarray, " steps"]
    settled: Float[np.ndarray, " 2"]
    inflation: Float[np.ndarray, " 1"]
    current_scale: Float[np.ndarray, " columns"]
    current_shift: Float[np.ndarray, " columns"]
    expansion: Float[np.ndarray, " orders"]
    conductance: Matrix

    def __post_init__(self) -> None:
        if self.conductance.ndim != 2 or self.coupling.ndim != 3 or self.widening.ndim != 1:
            raise ShapeError(
                wanted(
                    got=f"conductance {self.conductance.shape}, coupling {self.coupling.shape}, "
                    f"widening {self.widening.shape}",
                    allowed="(N, M), (J, N, M), (S,)",
                    remedy="export the calibrator again",
                )
            )
        (rows, columns), modes = self.conductance.shape, len(self.coupling)
        shapes = {
            "polynomial": (3, rows, columns),
            "coupling": (modes, rows, columns),
            "pattern": (rows, columns),
            "bent": (rows, columns),
            "lift": (2, columns),
            "moment": (modes, rows),
            "constant": (columns,),
            "variance": (columns,),
            "softness": (rows,),
            "lean": (columns,),
            "gain": (rows, columns),
            "linear": (rows, columns),
            "offset": (columns,),
            "walls": (5,),
            "settled": (2,),
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
        for field in fields(self):
            if not np.isfinite(getattr(self, field.name)).all():
                raise RangeError(
                    f"got a number in {field.name} that is not finite; allowed: finite numbers; "
                    "is the matrix inside the range that the calibrator was trained on?"
                )
        if modes not in (1, 2) or (self.moment[0] != 1.0).any():
            raise RangeError(
                wanted(
                    got=f"{modes} products", allowed="1 or 2, the first unweighted", remedy="export it again"
                )
            )
        if not (self.variance > 0).all() or self.widening.size < 1:
            raise RangeError(
                wanted(
                    got=f"smallest variance {self.variance.min()}, {self.widening.size} steps",
                    allowed="more than 0, 1 or more",
                    remedy="export the calibrator again",
                )
            )

    def predicted(self, z: Float[np.ndarray, "batch rows"]) -> Currents:
        """Scaled currents that standardised inputs would cause, (B, M)."""
        total = self.constant + np.zeros((len(z), 1))
        for power, weight in enumerate(self.polynomial, start=1):
            total = total + z**power @ weight
        for moment, coupling in zip(self.moment, self.coupling, strict=True):
            total = total + (z @ (self.pattern * moment[:, None])) * (z @ coupling)
        carried = z @ self.pattern
        return total + carried * (z**2 @ self.bent) + carried**3 * (self.lift[0] + carried * self.lift[1])

    @classmethod
    def from_mapping(cls, tensors: Mapping[str, np.ndarray]) -> InverseTensors:
        """Take tensors by name, of any float type."""
        return cls(**{field.name: np.asarray(tensors[field.name], dtype=np.float64) for field in fields(cls)})
