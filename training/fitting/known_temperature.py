"""Scale of stated deviations where the board's temperature is known.

A calibrator learns its deviations over all temperatures of its run, from currents that slopes of the columns
alone refer to one. Matrices calibrated each at its own temperature tell by how much less they err.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.runtime import Inverse, InverseTensors
from crosscal.runtime.recalibration.cell_model import standardised_inputs, with_changes
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET
from crosscal.runtime.reference.temperature_law import KnownTemperature, TemperatureLaw
from crosscal.training.measurements import Measurements

_MATRICES, _VECTORS = 8, 60
"""Errors of a matrix are of one draw: with eight the scale is known to a quarter of their scatter."""

_LEAST = 1e-4
"""Of the variance over all temperatures; noise is at least that."""


def fit_known_temperature(
    tensors_of: Callable[[Matrix], dict[str, np.ndarray]],
    chosen: Sequence[tuple[Measurements, int]],
    law: TemperatureLaw,
) -> TemperatureLaw:
    """Learn the scale of deviations at known temperatures, and return the law with it.

    Args:
        tensors_of: fits the surrogate of a target [S], (N, M).
        chosen: measurements and matrices in them, those never learned from first.
        law: slopes.
    """
    reads = [_Read(tensors_of, data, k, law) for data, k in chosen[:_MATRICES] if _is_told(data, k)]
    if not reads:
        return law
    share = float(np.clip(np.mean([one.residual2() for one in reads]), _LEAST, 1.0))
    ratios = [one.squared_ratio(share) for one in reads]
    return replace(law, known=KnownTemperature(variance=share, inflation=float(np.sqrt(np.mean(ratios)))))


def _is_told(data: Measurements, k: int) -> bool:
    return data.temperature_c is not None and bool(np.isfinite(data.temperature_c[k]))


class _Read:
    """A matrix, read at its own temperature."""

    def __init__(
        self,
        tensors_of: Callable[[Matrix], dict[str, np.ndarray]],
        data: Measurements,
        k: int,
        law: TemperatureLaw,
    ) -> None:
        seen = np.flatnonzero(data.usable[k])[:_VECTORS]
        self._target_s, temperature_c = data.conductance_s[k], data.temperature_c
        self._voltage_v, self._current_a = data.voltage_v[k, seen], data.current_a[k, seen]
        self._tensors = InverseTensors.from_mapping(tensors_of(self._target_s))
        self._change = law.change(self._target_s, 0.0 if temperature_c is None else float(temperature_c[k]))

    def _moved(self, share: float) -> InverseTensors:
        return with_changes(
            self._tensors,
            offset=self._change[:, OFFSET],
            relative=(self._change[:, CELLS:] + self._change[:, GAIN, None]).T,
            variance=share * self._tensors.variance,
            inflation=self._tensors.inflation,
        )

    def residual2(self) -> float:
        """Mean square of readings about the model, relative to their variance over all temperatures."""
        moved = self._moved(1.0)
        scaled = (self._current_a - moved.current_shift) * moved.current_scale
        rest = scaled - moved.predicted(standardised_inputs(moved, self._voltage_v))
        return float(np.mean(rest**2 / moved.variance))

    def squared_ratio(self, share: float) -> float:
        """Mean square of errors relative to their stated deviations, with that share of the variance."""
        reading = Inverse(self._moved(share)).read(np.ascontiguousarray(self._current_a), deviation=True)
        if reading.deviation_a is None:
            return 1.0
        wrong_a, formed = reading.calibrated_a - self._voltage_v @ self._target_s, self._target_s.any(axis=0)
        return float(np.mean((wrong_a[:, formed] / reading.deviation_a[:, formed]) ** 2))
