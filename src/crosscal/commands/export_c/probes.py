"""Readings for a header's self-test, with the answers that they must get."""

from __future__ import annotations

import numpy as np

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.firmware_models.c_calibrator import Probes
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.inverse.fold import InverseCorrection

_PROBES, _TRIALS = 4, 4  # readings, and how many are drawn for each: a few are refused
_ROUNDS = 6  # each leaves some percent of what was missing: 1e-8 after six
_SEED = 15  # of any value: the same calibrator has the same self-test
_MARGIN = 2.0
"""A compiler may order sums as it likes; the promised parity has no room for that."""


def probes_of(programmed: ProgrammedCalibrator, relative_tolerance: float) -> Probes:
    """Find readings that calibrate to currents of random trained inputs, and one that none explain.

    Args:
        programmed: the calibrator.
        relative_tolerance: error that the C may have, in parts of the largest current.

    Raises:
        InputError: a calibrator that refuses all of them.
    """
    rng = np.random.default_rng(_SEED)
    drawn_a = plausible_readings(programmed, _TRIALS * _PROBES, rng).astype(np.float32).astype(np.float64)
    measured_a = np.array([row for row in drawn_a if _accepted(programmed, row)][:_PROBES])
    if not measured_a.size:
        raise InputError(
            wanted(
                got="a calibrator that takes no current of its own inputs for a reading",
                allowed="one that explains what it was trained on",
                remedy="export without --self-test, and evaluate the calibrator (crosscal evaluate)",
            )
        )
    calibrated_a = programmed(measured_a)
    unexplained_a = (-measured_a[0], *np.diag(measured_a[0]))
    return Probes(
        measured_a=measured_a.tolist(),
        calibrated_a=calibrated_a.tolist(),
        tolerance_a=_MARGIN * relative_tolerance * float(np.abs(calibrated_a).max()),
        unexplained_a=next((row.tolist() for row in unexplained_a if not _accepted(programmed, row)), None),
    )


def _accepted(programmed: ProgrammedCalibrator, current_a: np.ndarray) -> bool:
    try:
        programmed(current_a)
    except RangeError:
        return False
    return True


def plausible_readings(programmed: ProgrammedCalibrator, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw readings [A], (count, M), as random inputs of the trained window would cause them."""
    correction = programmed.correction
    if isinstance(correction, InverseCorrection):
        tensors = correction.tensors
        low, high = (float(bound) for bound in tensors.input_bounds[:2])
        inputs = rng.uniform(low, high, (count, programmed.shape[0]))
        scaled = tensors.predicted(inputs) + tensors.prediction_bias
        return scaled / tensors.current_scale + tensors.current_shift
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
