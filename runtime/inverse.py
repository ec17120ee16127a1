"""The read-time half of `structured` and `whitebox`: from measured currents back to inputs, and on to
calibrated currents.

At program time a calibrator condenses a matrix's circuit to a surrogate that costs a handful of matrix
products. With standardised inputs `z` (zero mean, unit variance over what the board is driven with) and
scaled currents `y`,

    y[m] = constant[m] + Σ_n Σ_p polynomial[p,n,m] z[n]^(p+1)
         + Σ_j (Σ_n pattern[n,m] moment[j,n] z[n]) (Σ_n coupling[j,n,m] z[n])
         + c[m] Σ_n bent[n,m] z[n]² + lift[0,m] c[m]³ + lift[1,m] c[m]⁴,     c[m] = Σ_n pattern[n,m] z[n]

Each input bends its own cells' currents (the polynomials), and what a whole column carries lifts the ground
under its cells (the products). A read looks for the `z` that is likeliest given the reading, the noise and
the spread of inputs, and answers `conductanceᵀ v(z)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from crosscal.core.array_types import Currents, Float, Matrix, Vectors
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.runtime.inverse_kernels import calibrate_batch
from crosscal.runtime.inverse_uncertainty import Uncertainty

_BLOCK = 4
_NOTHING = np.empty((0, 0))


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InverseReading:
    """What a batch of readings says.

    Attributes:
        calibrated_a: most likely ideal currents [A], (B, M).
        voltage_v: most likely inputs [V], (B, N).
        deviation_a: standard deviation of `calibrated_a` [A], (B, M); None unless asked for.
    """

    calibrated_a: Currents
    voltage_v: Vectors
    deviation_a: Currents | None


class Inverse:
    """Calibrates the reads of one programmed matrix; holds no state that a read changes, so threads may
    share it.
    """

    def __init__(self, tensors: InverseTensors) -> None:
        rows, columns = tensors.conductance.shape
        self._shape = (rows, columns)
        n, m = (-rows) % _BLOCK, (-columns) % _BLOCK

        def turned(a: np.ndarray) -> np.ndarray:
            """Pad the last two axes and swap them: the kernel walks along the inputs of one column."""
            padded = np.pad(a, [(0, 0)] * (a.ndim - 2) + [(0, n), (0, m)])
            return np.ascontiguousarray(np.swapaxes(padded, -1, -2))

        unused = np.zeros((2 - len(tensors.coupling), rows, columns))
        place = tensors.moment[1] if len(tensors.moment) == 2 else np.zeros(rows)

        def columnwise(a: np.ndarray, fill: float = 0.0) -> np.ndarray:
            return np.ascontiguousarray(np.pad(a, (0, m), constant_values=fill))

        self._uncertainty = Uncertainty(tensors)
        self._arguments = (
            columnwise(tensors.current_scale),
            columnwise(tensors.current_shift + tensors.lean / tensors.current_scale),
            tensors.expansion,
            np.pad(0.5 * tensors.softness, (0, n)),
            turned(tensors.conductance),
            turned(tensors.polynomial),
            turned(np.concatenate([tensors.coupling, unused])),
            turned(tensors.bent),
            np.ascontiguousarray(np.pad(tensors.lift, ((0, 0), (0, m)))),
            turned(tensors.pattern),
            np.pad(place, (0, n)),
            columnwise(tensors.constant),
            columnwise(tensors.variance, 1.0),
            turned(tensors.gain),
            turned(tensors.linear),
            columnwise(tensors.offset),
            tensors.walls,
            tensors.widening,
            tensors.settled * np.array([rows, tensors.variance.mean()]),
            rows + n > columns + m,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`."""
        return self._shape

    def read(self, current_a: Currents, *, deviation: bool = False) -> InverseReading:
        """Calibrate measured currents.

        Args:
            current_a: [A], (B, M), finite and contiguous.
            deviation: whether to work out uncertainties too, which takes a millisecond or more per reading.
        """
        batch, columns = current_a.shape
        calibrated, voltage = np.empty((batch, columns)), np.empty((batch, self._shape[0]))
        calibrate_batch(current_a, *self._arguments, False, calibrated, voltage, _NOTHING)
        return InverseReading(
            calibrated_a=calibrated,
            voltage_v=voltage,
            deviation_a=self._uncertainty.deviation_a(current_a, voltage) if deviation else None,
        )

    def read_into(self, current_a: Currents, calibrated_a: Currents) -> None:
        """Calibrate [A], (B, M), into `calibrated_a`, which may be `current_a` itself."""
        calibrate_batch(current_a, *self._arguments, False, calibrated_a, _NOTHING, _NOTHING)
