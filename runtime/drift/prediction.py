"""Prediction of the readings of known vectors by a programmed calibrator, and how far off it may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.cell_model import cell_sensitivity, standardised_inputs
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET
from crosscal.runtime.validation import known_readings

_NETWORK_ERROR = 5e-3
"""Standard deviation, relative to full scale, of the answers of a kind that states none and was never
recalibrated. It is where the noise that is learned begins: insensitive, as a dozen readings replace it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """Expected readings of K known vectors; lengths relative to full scale.

    Attributes:
        programmed: the calibrator.
        voltage_v: the vectors [V], (K, N).
        expected: readings, (K, M).
        sensitivity: derivative of a reading by a column's offset, its gain error, and the relative error of
            each cell, (M, K, N + 2).
        variance: of a reading, (M,), as stated: noise, that of driven inputs included, and the surrogate's
            error.
        belief: covariance of the expected readings that the calibrator's posterior leaves, (M, K, K).
        slopes: effect of each standardised input on a reading, (M, N): columns share the errors of inputs.
        drive_variance: of each input as driven, (N,); a part of `variance`.
    """

    programmed: ProgrammedCalibrator
    voltage_v: Vectors
    expected: Float[np.ndarray, "vectors columns"]
    sensitivity: Float[np.ndarray, "columns vectors unknowns"]
    variance: Float[np.ndarray, " columns"]
    belief: Float[np.ndarray, "columns vectors vectors"]
    slopes: Float[np.ndarray, "columns rows"]
    drive_variance: Float[np.ndarray, " rows"]

    @classmethod
    def of(cls, programmed: ProgrammedCalibrator, voltage_v: Vectors) -> Prediction:
        """Predict the readings of known vectors.

        Kinds that find the inputs predict the currents themselves. For the others the calibrated currents
        stand in for the readings: they are to be the ideal ones.

        Raises:
            RangeError: inputs outside those that the calibrator was trained on.
        """
        correction = programmed.correction
        posterior = programmed.posterior
        rows, columns = programmed.shape
        slopes, drive_variance = np.zeros((columns, rows)), np.zeros(rows)
        if isinstance(correction, InverseCorrection):
            tensors = correction.tensors
            z = standardised_inputs(tensors, voltage_v)
            expected, sensitivity, variance = (
                tensors.predicted(z),
                cell_sensitivity(tensors, z),
                tensors.variance,
            )
            slopes = tensors.linear.T
            if posterior is not None and posterior.drive is not None:
                drive = posterior.drive
                # Errors that were taken for cells are in the posterior's covariance, as all noise is.
                drive_variance = (drive.noise_v**2 + drive.row_v2) / tensors.expansion[1] ** 2
        else:
            expected, sensitivity, variance = _of_ideal_currents(programmed, voltage_v)
        belief = np.zeros((len(variance), len(voltage_v), len(voltage_v)))
        if posterior is not None:
            covariance = posterior.covariance
            if not isinstance(correction, InverseCorrection):
                # Amperes there, relative to full scale here.
                units = np.array([1.0 / _full_scale_a(programmed, voltage_v), 1.0])
                covariance = covariance * np.outer(units, units)
            known = sensitivity[:, :, : covariance.shape[1]]
            belief = known @ covariance @ known.swapaxes(1, 2)
        return cls(
            programmed=programmed,
            voltage_v=voltage_v,
            expected=expected,
            sensitivity=sensitivity,
            variance=variance + slopes**2 @ drive_variance,
            belief=belief,
            slopes=slopes,
            drive_variance=drive_variance,
        )

    def residual(
        self, current_a: Currents, usable: np.ndarray | None = None
    ) -> tuple[Float[np.ndarray, "vectors columns"], np.ndarray]:
        """Readings less their prediction, and where there is a reading, (K, M) each.

        Args:
            current_a: measured [A], (K, M). usable: False for a reading that is not to be used.

        Raises:
            ShapeError, InputError: arrays that do not go together; not one usable reading.
        """
        programmed = self.programmed
        _, current_a, present = known_readings(self.voltage_v, current_a, usable, programmed.shape)
        present &= np.abs(current_a) <= programmed.limit_a
        correction = programmed.correction
        if isinstance(correction, InverseCorrection):
            tensors = correction.tensors
            scaled = (np.where(present, current_a, 0.0) - tensors.current_shift) * tensors.current_scale
        else:
            calibrated_a = programmed(
                np.where(present, current_a, np.nan), allow_nan=True, allow_extrapolation=True
            )
            present &= np.isfinite(calibrated_a)
            scaled = np.where(present, calibrated_a, 0.0) / _full_scale_a(programmed, self.voltage_v)
        return np.where(present, scaled - self.expected, 0.0), present


def _of_ideal_currents(
    programmed: ProgrammedCalibrator, voltage_v: Vectors
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scale = 1.0 / _full_scale_a(programmed, voltage_v)
    conductance_s = programmed.conductance_s
    expected = voltage_v @ conductance_s * scale
    sensitivity = np.empty((conductance_s.shape[1], len(voltage_v), len(conductance_s) + CELLS))
    sensitivity[:, :, OFFSET] = 1.0
    sensitivity[:, :, GAIN] = expected.T
    sensitivity[:, :, CELLS:] = conductance_s.T[:, None, :] * voltage_v * scale
    posterior = programmed.posterior
    error = _NETWORK_ERROR if posterior is None else posterior.noise * scale
    return expected, sensitivity, np.full(conductance_s.shape[1], error**2)


def _full_scale_a(programmed: ProgrammedCalibrator, voltage_v: Vectors) -> float:
    return float(np.abs(voltage_v @ programmed.conductance_s).max() or 1.0)
