"""Readings for a header's self-test, with the answers that they must get."""

from __future__ import annotations

import numpy as np

from crosscal.firmware_models.c_calibrator import Probes
from crosscal.runtime import ProgrammedCalibrator

_PROBES = 4
_ROUNDS = 6
_SEED = 15
_MARGIN = 2.0
"""A compiler may order sums as it likes, which the parity that is promised has no room for."""


def probes_of(programmed: ProgrammedCalibrator, relative_tolerance: float) -> Probes:
    """Find readings that calibrate to currents of random inputs from the trained window.

    Args:
        programmed: the calibrator.
        relative_tolerance: error that the C may have, in parts of the largest current.
    """
    measured_a = plausible_readings(programmed, _PROBES, np.random.default_rng(_SEED)).astype(np.float32)
    calibrated_a = programmed(measured_a.astype(np.float64), allow_extrapolation=True)
    return Probes(
        measured_a=measured_a.tolist(),
        calibrated_a=calibrated_a.tolist(),
        tolerance_a=_MARGIN * relative_tolerance * float(np.abs(calibrated_a).max()),
    )


def plausible_readings(programmed: ProgrammedCalibrator, count: int, rng: np.random.Generator) -> np.ndarray:
    """Readings [A], (count, M), whose calibrated currents come close to those of random trained inputs."""
    low_v, high_v = programmed.voltage_range_v or (0.1, 0.5)
    ideal_a = rng.uniform(low_v, high_v, (count, programmed.shape[0])) @ programmed.conductance_s
    measured_a = ideal_a.copy()
    limit_a = programmed.limit_a
    for _ in range(_ROUNDS):
        # Calibrating changes currents by some percent, so that what is missing shrinks with every round.
        measured_a = np.clip(
            measured_a + ideal_a - programmed(measured_a, allow_extrapolation=True), -limit_a, limit_a
        )
    return measured_a
