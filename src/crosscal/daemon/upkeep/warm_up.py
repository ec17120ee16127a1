"""Everything once, before anyone waits: on a new machine kernels compile for some seconds each."""

from __future__ import annotations

import logging

import numpy as np

from crosscal.core.errors import CrosscalError
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.known_vectors import KnownReadings
from crosscal.runtime import Calibrator

logger = logging.getLogger(__name__)

_WARM: set[tuple[str, object]] = set()
"""Kinds and sizes that this process has been through."""
_READINGS = 17
"""Noise is learned anew after 16 readings, by kernels of its own."""


def warm_up(calibrator: Calibrator) -> None:
    """Compile, calibrate, watch and recalibrate a matrix that is thrown away."""
    from crosscal.daemon.upkeep.watch.drift_watch import DriftWatch

    if calibrator.conductance_range_s is None or calibrator.voltage_range_v is None:
        return
    rows, columns = calibrator.shape
    if rows is None or columns is None or (calibrator.kind, calibrator.shape) in _WARM:
        return
    _WARM.add((calibrator.kind, calibrator.shape))
    rng = np.random.default_rng(0)
    target_s = rng.uniform(*calibrator.conductance_range_s, (rows, columns))
    try:
        programmed = calibrator.program(target_s)
        watch = DriftWatch(programmed, Drift(), rng=rng, now_s=0.0, vector_s=1e-3, temperature_c=None)
        current_a = watch.voltage_v @ target_s
        programmed(current_a[0], allow_extrapolation=True)
        for reading in range(_READINGS):
            noisy_a = current_a * (1.0 + 1e-4 * rng.normal(size=current_a.shape))
            known = KnownReadings(
                voltage_v=watch.voltage_v,
                measured_a=noisy_a,
                current_a=noisy_a,
                present_a=noisy_a,
                board_s=0.0,
                over_temperature=False,
            )
            watch.take(known, 60.0 * reading)
        programmed.recalibrated(watch.voltage_v, current_a)
    except CrosscalError as error:
        # The first matrix will say so, with its own numbers.
        logger.debug("warm-up: %s", error)
