"""Prediction of the error of reads from the posterior of the cells, on readings that the surrogate makes up.

Cells are drawn from the posterior, inputs as users have them, and noise; the calibrator reads the currents
that the surrogate gives. So the prediction knows how far readings bend, and how the calibrator weighs them.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Float
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.cell_model import standardised_inputs
from crosscal.runtime.recalibration.linearisation import own_variance
from crosscal.runtime.recalibration.posterior import ColumnPosterior, DriveErrors
from crosscal.runtime.recalibration.vectors import InputWindow

_DRAWS = 16  # of the cells
_READS = 32  # of each: the error is known to some 5 %


def largest_ideal_a(programmed: ProgrammedCalibrator, window: InputWindow) -> float:
    """Largest ideal current that inputs in the window can cause in this matrix [A]."""
    return float(programmed.conductance_s.sum(axis=0).max() * window.largest_v)


def predicted_error_a(
    programmed: ProgrammedCalibrator,
    window: InputWindow,
    *,
    rng: np.random.Generator,
    cells_known: bool = False,
) -> float:
    """Predict the root mean square error of reads [A].

    Args:
        programmed: of a kind that knows single cells.
        window: of the inputs.
        rng: draws cells, inputs and noise.
        cells_known: take the likeliest cells for known: no known vectors lead below that.

    Raises:
        InputError: a kind that does not know single cells.
    """
    about, posterior = programmed.linearised, programmed.served_posterior
    drive = (posterior and posterior.drive) or DriveErrors.untaken(0.0, len(programmed.conductance_s))
    volts = float(about.tensors.expansion[1])
    squares = []
    for unknowns in _drawn(posterior, _DRAWS, rng, certain=cells_known):
        tensors = about.tensors if unknowns is None else about.with_unknowns(unknowns)
        voltage_v = window.ordinary(_READS, len(programmed.conductance_s), rng)
        z = standardised_inputs(tensors, voltage_v)
        scaled = tensors.predicted(z + _drawn_drive(drive, z, rng, certain=cells_known) / volts)
        variance = tensors.variance if posterior is None else posterior.noise**2
        noise = np.sqrt(own_variance(variance, (drive.noise_v / volts) ** 2, tensors))
        scaled += noise * rng.standard_normal(scaled.shape)
        current_a = scaled / tensors.current_scale + tensors.current_shift
        error_a = programmed(current_a, allow_extrapolation=True) - voltage_v @ programmed.conductance_s
        squares.append(np.mean(error_a**2))
    return float(np.sqrt(np.mean(squares)))


def _drawn_drive(
    drive: DriveErrors, z: Float[np.ndarray, "batch rows"], rng: np.random.Generator, *, certain: bool
) -> Float[np.ndarray, "batch rows"]:
    """Draw errors of a batch of inputs as driven, and those that are taken for cells [V]."""
    error_v = drive.noise_v * rng.standard_normal(z.shape)
    if certain or not drive.taken_v2.any():
        return error_v
    values, vectors = np.linalg.eigh(drive.taken_v2)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    taken_v = root @ rng.standard_normal((len(values), z.shape[1]))
    return error_v + taken_v[0] + z @ taken_v[1:]


def _drawn(
    posterior: ColumnPosterior | None, count: int, rng: np.random.Generator, *, certain: bool
) -> list[Float[np.ndarray, "columns unknowns"] | None]:
    """Draw every column's unknowns, `count` times (M, U)."""
    if posterior is None:
        return [None] * count
    if certain:
        return [posterior.mean] * count
    values, vectors = np.linalg.eigh(posterior.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    normal = rng.standard_normal((count, *posterior.mean.shape, 1))
    return list(posterior.mean + (root @ normal)[..., 0])
