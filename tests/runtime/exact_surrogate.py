"""A calibrator whose surrogate is exact, ohmic cells and no wires, and the board that it is of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from crosscal.core.errors import InputError
from crosscal.core.readout import Readout, Status
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.programmed import ProgrammedCalibrator

MIDDLE_V, DEVIATION_V = 0.3, 0.4 / np.sqrt(12)
FULL_SCALE_A = 3e-4


def exact_tensors(conductance_s: np.ndarray, noise: float) -> InverseTensors:
    rows, columns = conductance_s.shape
    slopes = conductance_s * DEVIATION_V / FULL_SCALE_A
    polynomial = np.zeros((3, rows, columns))
    polynomial[0] = slopes
    constant = MIDDLE_V * conductance_s.sum(axis=0) / FULL_SCALE_A
    return InverseTensors(
        polynomial=polynomial,
        coupling=np.zeros((1, rows, columns)),
        quadratic=np.zeros((rows, columns)),
        column_terms=np.zeros((2, columns)),
        loading=conductance_s / conductance_s.mean(),
        moment=np.ones((1, rows)),
        constant=constant,
        variance=np.full(columns, noise**2),
        gain=np.linalg.solve(slopes @ slopes.T / noise**2 + np.eye(rows), slopes / noise**2),
        linear=slopes,
        offset=constant,
        input_bounds=np.array([-np.sqrt(3), np.sqrt(3), 0.0, -3.0, 3.0]),
        damping=np.zeros(3),
        step_tolerance=np.array([3.0, 0.0]),
        input_variance=np.zeros(rows),
        prediction_bias=np.zeros(columns),
        inflation=np.ones(1),
        current_scale=np.full(columns, 1 / FULL_SCALE_A),
        current_shift=np.zeros(columns),
        expansion=np.array([MIDDLE_V, DEVIATION_V]),
        conductance=conductance_s,
    )


def exact_calibrator(conductance_s: np.ndarray, noise: float) -> ProgrammedCalibrator:
    columns = conductance_s.shape[1]
    return ProgrammedCalibrator(
        conductance_s=conductance_s,
        kind="structured",
        correction=InverseCorrection(
            exact_tensors(conductance_s, noise),
            AffineCorrection(gain=np.ones(columns), offset_a=np.zeros(columns)),
        ),
        limit_a=1e-2,
        current_range_a=(0.0, FULL_SCALE_A),
        voltage_range_v=(0.1, 0.5),
    )


def measured(real_s: np.ndarray, voltage_v: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Currents of ohmic cells without wires [A], noise relative to full scale."""
    current_a = voltage_v @ real_s
    return current_a + noise * FULL_SCALE_A * rng.standard_normal(current_a.shape)


def scored(
    calibrator: ProgrammedCalibrator, real_s: np.ndarray, noise: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Root mean square error [A], and the same relative to the stated deviations."""
    voltage_v = rng.uniform(0.1, 0.5, (300, len(real_s)))
    found_a, deviation_a = calibrator.with_uncertainty(
        measured(real_s, voltage_v, noise, rng), allow_extrapolation=True
    )
    error_a = found_a - voltage_v @ calibrator.conductance_s
    return float(np.sqrt(np.mean(error_a**2))), float(np.sqrt(np.mean((error_a / deviation_a) ** 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """As a driver's readout brings them along."""

    code: int
    text: str = "complaint"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplainingReadout(Readout):
    conditions: tuple[Complaint, ...] = ()


@dataclass(slots=True, kw_only=True)
class ExactPort:
    """As much of `CrossbarPort` as recalibration asks for, on ohmic cells without wires.

    Attributes:
        real_s: what the cells have become [S]. noise_a: of a reading [A].
        broken, saturated: columns, and vectors of the whole session with column 0 over range.
        complaints: of every acquisition.
    """

    real_s: np.ndarray
    noise_a: float
    rng: np.random.Generator
    broken: tuple[int, ...] = ()
    saturated: tuple[int, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    driven_v: list[np.ndarray] = field(default_factory=list)

    def read(self, voltage_v: np.ndarray) -> Readout:
        if voltage_v.ndim != 2:
            raise InputError("a batch")
        current_a = voltage_v @ self.real_s
        current_a += self.noise_a * self.rng.standard_normal(current_a.shape)
        status = np.zeros(current_a.shape, dtype=np.uint8)
        for column in self.broken:
            current_a[:, column], status[:, column] = np.nan, Status.AMPLIFIER_FAULT
        first = sum(len(batch) for batch in self.driven_v)
        for vector in self.saturated:
            if first <= vector < first + len(voltage_v):
                current_a[vector - first, 0], status[vector - first, 0] = 5e-3, Status.OVER_RANGE
        self.driven_v.append(voltage_v)
        return ComplainingReadout(
            current_a=current_a, status=status, range_a=5e-3, conditions=self.complaints
        )
