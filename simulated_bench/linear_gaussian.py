"""Error of the best linear estimator under a Gaussian prior: the linear-Gaussian reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.simulated_bench.circuit.checks import checked_array
from crosscal.simulated_bench.circuit.direct_current.sensitivities import sensitivity
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw

PRIOR_SIGMA_V = 0.4 / math.sqrt(12)
"""Standard deviation of inputs that are uniform in 0.1–0.5 V."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearGaussianReference:
    """Error of the best linear estimate of the ideal currents, averaged over columns.

    Attributes:
        mse_a2: mean squared error [A²].
        nmse: the same, in parts of the variance that the inputs cause in the ideal currents.
    """

    mse_a2: float
    nmse: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sensed:
    """What column currents tell of the inputs.

    Attributes:
        jacobian_s: change of each current per volt on each row [S], (B, M, N).
        noise_a: standard deviation of a reading [A], one number or one per column (M,).
        covariance_a2: of further noise that columns may share [A²], (B, M, M); None if there is none.
        still_variance: of the cells' slow noise, relative to their conductance squared, the part that is no
            noise of a reading as the others of its run tell it, (N, M); None if there is none.
    """

    jacobian_s: np.ndarray
    noise_a: float | np.ndarray
    covariance_a2: np.ndarray | None = None
    still_variance: np.ndarray | None = None

    def part(self, vectors: slice) -> Sensed:
        """Return what some of the vectors tell."""
        covariance_a2 = None if self.covariance_a2 is None else self.covariance_a2[vectors]
        return replace(self, jacobian_s=self.jacobian_s[vectors], covariance_a2=covariance_a2)

    def whitened(self, change_a: np.ndarray) -> np.ndarray:
        """Turn and scale changes of the currents [A], (B, M, ·): noise on them is then independent and 1."""
        noise_a = np.broadcast_to(self.noise_a, change_a.shape[1])
        relative = change_a / noise_a[:, None]
        if self.covariance_a2 is None:
            return relative
        # In units of each column's own noise, lest squares of picoamperes meet those of milliamperes.
        total = np.eye(len(noise_a)) + self.covariance_a2 / np.outer(noise_a, noise_a)
        return np.linalg.solve(np.linalg.cholesky(total), relative)

    @classmethod
    def summed(cls, parts: Sequence[tuple[slice, slice, Sensed]], shape: tuple[int, int]) -> Sensed:
        """Add independent parts, each with its rows and columns, to what their sums tell of all (N, M)."""
        rows, columns = shape
        batch = len(parts[0][2].jacobian_s)
        jacobian_s, variance_a2 = np.zeros((batch, columns, rows)), np.zeros(columns)
        shared_a2 = still = None
        for own_rows, own_columns, part in parts:
            jacobian_s[:, own_columns, own_rows] = part.jacobian_s
            variance_a2[own_columns] += np.square(part.noise_a)
            if part.covariance_a2 is not None:
                shared_a2 = np.zeros((batch, columns, columns)) if shared_a2 is None else shared_a2
                shared_a2[:, own_columns, own_columns] += part.covariance_a2
            if part.still_variance is not None:
                still = np.zeros(shape) if still is None else still
                still[own_rows, own_columns] = part.still_variance
        return cls(
            jacobian_s=jacobian_s,
            noise_a=np.sqrt(variance_a2),
            covariance_a2=shared_a2,
            still_variance=still,
        )


def linear_gaussian_reference(
    conductance_s: Matrix,
    voltage_v: np.ndarray,
    *,
    wires: Wires,
    device: CellLaw,
    noise_a: float | np.ndarray,
    covariance_a2: np.ndarray | None = None,
    target_s: np.ndarray | None = None,
    prior_sigma_v: float = PRIOR_SIGMA_V,
) -> LinearGaussianReference:
    """Compute the error of the best linear estimate for a known circuit and noise.

    With `J` the sensitivity of the true circuit, `σ` the noise and `σ_v` the spread of the inputs, the inputs
    can be known from the currents to the covariance `C = (JᵀJ/σ² + 1/σ_v²)⁻¹`, and the ideal currents
    `I = Gᵀv` to `Gᵀ C G`. A nonlinear array has another J at every input: the reference is the mean over
    those given, and a Gaussian prior stands for the uniform one.

    Noise is often given in parts of full scale. Where this project does so, full scale is the largest
    magnitude among the measured column currents of the matrix. With 64×64 cells of `Sinh()`, 16.6–100 µS,
    2 Ω per segment, 50 Ω drivers and 10 Ω amplifiers, a noise of 1e-3 of it has a median reference of 2.0e-3
    over matrices; at 1e-4 and 1e-5 the reference differs tenfold and more from matrix to matrix.

    Args:
        conductance_s: actual conductance of each cell [S], (N, M).
        voltage_v: inputs over which to average [V], (N,) or (B, N).
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.
        noise_a: standard deviation of a reading [A], one number or one per column (M,).
        covariance_a2: of further noise that columns may share, such as that of the cells [A²], (B, M, M).
        target_s: conductances that the ideal currents refer to [S], (N, M); the actual ones if None.
        prior_sigma_v: standard deviation of the inputs [V].

    Returns:
        The reference.

    Raises:
        ShapeError, RangeError, InputError, SolverError: as `solve_dc`; or no noise, or no spread of inputs.
    """
    jacobian_s = sensitivity(conductance_s, voltage_v, wires=wires, device=device)
    columns, rows = jacobian_s.shape[-2:]
    sensed = Sensed(
        jacobian_s=jacobian_s.reshape(-1, columns, rows), noise_a=noise_a, covariance_a2=covariance_a2
    )
    ideal_s = conductance_s if target_s is None else target_s
    return reference_of_sensed(sensed, ideal_s, prior_sigma_v=prior_sigma_v)


def reference_of_sensed(
    sensed: Sensed, target_s: np.ndarray, *, prior_sigma_v: float = PRIOR_SIGMA_V
) -> LinearGaussianReference:
    """Do as `linear_gaussian_reference` where the circuit's answer is known already.

    Raises:
        ShapeError, RangeError: no inputs, arrays that do not fit, no noise, or no spread of inputs.
    """
    jacobian_s = sensed.jacobian_s
    if jacobian_s.size == 0:
        raise ShapeError(
            wanted(got="no input vectors", allowed="one or more", remedy="give inputs to average over")
        )
    columns, rows = jacobian_s.shape[-2:]
    ideal_s = _target(target_s, rows, columns)
    _positive("noise_a", sensed.noise_a, (columns,))
    sigma_v = float(_positive("prior_sigma_v", prior_sigma_v, ())[0])
    _require_covariance(sensed.covariance_a2, (len(jacobian_s), columns, columns))
    whitened = sensed.whitened(jacobian_s)
    # by singular values, for the inverse of JᵀJ would lose what it is asked for when the noise is small
    _, strengths, directions = np.linalg.svd(whitened, full_matrices=True)
    information = np.full((len(whitened), rows), 1 / sigma_v**2)
    information[:, : strengths.shape[1]] += strengths**2
    mse_a2 = ((directions @ ideal_s) ** 2 / information[:, :, None]).sum(axis=1).mean()
    variance_a2 = (ideal_s**2).sum(axis=0).mean() * sigma_v**2
    if variance_a2 == 0:
        raise RangeError(
            wanted(got="a target of zeros", allowed="some conductance", remedy="give the target")
        )
    return LinearGaussianReference(mse_a2=float(mse_a2), nmse=float(mse_a2 / variance_a2))


def _require_covariance(covariance_a2: np.ndarray | None, allowed: tuple[int, int, int]) -> None:
    if covariance_a2 is not None and np.shape(covariance_a2) != allowed:
        got = f"covariance_a2 of shape {np.shape(covariance_a2)}"
        raise ShapeError(wanted(got=got, allowed=str(allowed), remedy="give one matrix per input vector"))


def _target(target_s: np.ndarray, rows: int, columns: int) -> np.ndarray:
    checked_s = checked_array("target_s", target_s, ranks=(2,), axes="rows × columns")
    if checked_s.shape != (rows, columns):
        got, allowed = f"target_s of shape {checked_s.shape}", f"({rows}, {columns})"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy="give the target of the same array"))
    return checked_s


def _positive(name: str, value: float | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    checked = checked_array(
        name, np.asarray(value), ranks=(0, len(shape)), axes="one number, or one per column"
    )
    if checked.size not in (1, math.prod(shape)):
        got = f"{name} of shape {np.shape(value)}"
        raise ShapeError(wanted(got=got, allowed=f"one number, or {shape}", remedy="give one per column"))
    if not (checked > 0).all():
        got = f"{name} = {checked.min():g}"
        raise RangeError(wanted(got=got, allowed="above 0", remedy="give a standard deviation"))
    return np.broadcast_to(checked.ravel(), shape or (1,))
