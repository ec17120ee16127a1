"""The read-time half of `structured` and `whitebox`: from measured currents back to inputs, and on to
calibrated currents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.runtime.inverse.elimination_kernel import LANES
from crosscal.runtime.inverse.read_kernel import BENT, BY_COLUMN, BY_ROW, EXACT, MATRICES, WIDE, calibrate
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.inverse.uncertainty import Uncertainty

MOST_MISFIT = 16.0
"""Misfit, mean over columns, beyond which no inputs explain a reading: four standard deviations, all columns
alike. On `lab-12x16` (inputs of 0 V to 0.5 V) ordinary reads reach 1.4, sparse and constant ones 2.7, a board
that aged for a year without recalibration 6; inputs of ±0.4 V begin at 31, 0.55 V on all rows at 20,000.
Insensitive between 8 and 25 (tests/runtime/inverse/test_reading_test.py)."""

DOUBTFUL_MISFIT = 8.0
"""Misfit beyond which a reading may have been taken in a lower current range. Insensitive between 6 and 15:
in a lower range the readings of `lab-12x16` reach 18 with the offsets of the highest, 0.4 without."""

_SURROGATE_ERROR = 0.005
"""Error of a surrogate on patterns unlike those that it was fitted to, relative to the standard deviation of
the currents that inputs cause. Insensitive between 0 and 0.01 where read noise is 1e-4; with less noise it
keeps vectors with all rows alike from being refused."""

_NOT_WANTED = np.empty((0, 0))  # stands for deviations that nobody asked for


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InverseReading:
    """Result of reading a batch.

    Attributes:
        calibrated_a: most likely ideal currents [A], (B, M).
        voltage_v: most likely inputs [V], (B, N).
        mode: the same as the likeliest standardised inputs, (B, N).
        misfit: mean over columns of squared residuals relative to their variance, (B,); an ordinary reading's
            is about 1 or less, one above `MOST_MISFIT` has no explanation.
        deviation_a: standard deviation of `calibrated_a` [A], (B, M); None unless asked for.
    """

    calibrated_a: Currents
    voltage_v: Vectors
    mode: Vectors
    misfit: np.ndarray
    deviation_a: Currents | None


class Inverse:
    """Calibrates the reads of one programmed matrix; holds no state that a read changes, so threads may
    share it.

    Args:
        tensors: of the matrix.
        gain, offset_a: applied to every answer, (M,); 1 and 0 if left out.
    """

    def __init__(
        self, tensors: InverseTensors, gain: np.ndarray | None = None, offset_a: np.ndarray | None = None
    ) -> None:
        rows, columns = tensors.conductance.shape
        self._shape = (rows, columns)
        trim = np.ones(columns) if gain is None else gain
        trim_a = np.zeros(columns) if offset_a is None else offset_a
        rules = (tensors.input_bounds, tensors.step_tolerance * (rows, tensors.variance.mean()))
        self._arguments = (
            _side_by_side(tensors, WIDE),
            _side_by_side(tensors, BENT),
            _packed(_matrices(tensors), MATRICES, np.float32),
            _packed({"first": tensors.polynomial[0], "conductance": tensors.conductance}, EXACT, np.float64),
            np.ascontiguousarray(_padded(tensors.gain).T, dtype=np.float32),
            _packed(_by_column(tensors, trim, trim_a), BY_COLUMN, np.float64),
            _packed(_by_row(tensors), BY_ROW, np.float64),
            _together(tensors),
            np.concatenate([*rules, tensors.damping, tensors.expansion]),
            tensors.damping.size,
        )
        self._uncertainty = Uncertainty(tensors, self._arguments[:-1])

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`."""
        return self._shape

    def read(self, current_a: Currents, *, deviation: bool = False) -> InverseReading:
        """Calibrate measured currents.

        Args:
            current_a: [A], (B, M), finite and contiguous.
            deviation: whether to work out uncertainties too, several times as long.
        """
        current_a = np.ascontiguousarray(current_a, dtype=np.float64)
        rows, columns = self._shape
        calibrated_a, found = np.empty_like(current_a), np.empty((len(current_a), 2 * _padded_size(rows) + 1))
        flat = current_a.reshape(-1), calibrated_a.reshape(-1)
        calibrate(flat[0], columns, np.inf, 0.0, *self._arguments, flat[1], found)
        first = _padded_size(rows)
        mode = found[:, first : first + rows]
        return InverseReading(
            calibrated_a=calibrated_a,
            voltage_v=found[:, :rows],
            mode=mode,
            misfit=found[:, -1],
            deviation_a=self._uncertainty.deviation_a(current_a, mode) if deviation else None,
        )

    def plausible(self, current_a: Currents, mode: Vectors) -> np.ndarray:
        """Tell whether likeliest inputs that `read` found, (B, N), look like those trained on, (B,)."""
        return self._uncertainty.plausible(current_a, mode)

    def correlation(self, mode: Vectors) -> np.ndarray:
        """Correlation of the errors of answers (B, M, M) at likeliest inputs that `read` found, (B, N)."""
        return self._uncertainty.correlation(mode)

    def read_into(
        self,
        current_a: np.ndarray,
        calibrated_a: np.ndarray,
        limit_a: float = np.inf,
        most_misfit: float = np.inf,
    ) -> int:
        """Calibrate contiguous currents [A], (M,) or (B, M), into `calibrated_a`; it may be `current_a`.

        Returns:
            -1; the flat index of the first current that is no number of magnitude at most `limit_a`; or -2
            less the index of the first vector with a larger misfit. If it is not -1, nothing was written.
        """
        if current_a.dtype != np.float64:
            answer = np.empty(current_a.shape)
            refused = self.read_into(current_a.astype(np.float64), answer, limit_a, most_misfit)
            if refused == -1:
                calibrated_a[:] = answer
            return refused
        if current_a.ndim == 2:
            # Contiguous arrays: these are views, one reading after another.
            current_a, calibrated_a = current_a.reshape(-1), calibrated_a.reshape(-1)
        columns = self._shape[1]
        return calibrate(
            current_a, columns, limit_a, most_misfit, *self._arguments, calibrated_a, _NOT_WANTED
        )


def _matrices(tensors: InverseTensors) -> dict[str, np.ndarray]:
    coupling = tensors.coupling
    return {
        "first": tensors.polynomial[0],
        "second": tensors.polynomial[1],
        "third": tensors.polynomial[2],
        "loading": tensors.loading,
        "placed": tensors.loading * _place(tensors)[:, None],
        "link": coupling[0],
        "high_link": coupling[1] if len(coupling) == 2 else np.zeros_like(coupling[0]),
        "quadratic": tensors.quadratic,
        "linear": tensors.linear,
    }


def _by_column(tensors: InverseTensors, gain: np.ndarray, offset_a: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "cubic": tensors.column_terms[0],
        "quartic": tensors.column_terms[1],
        "constant": tensors.constant,
        "variance": tensors.variance,
        "offset": tensors.offset,
        "scale": tensors.current_scale,
        "shift": tensors.current_shift + tensors.prediction_bias / tensors.current_scale,
        "gain": gain,
        "offset_a": offset_a,
        "reading_weight": reading_weight(tensors),
    }


def reading_weight(tensors: InverseTensors) -> np.ndarray:
    """Weigh squared residuals for the misfit, (M,): by their variance and that of the surrogate's error."""
    caused = (tensors.linear**2).sum(axis=0)
    return 1.0 / (tensors.variance + _SURROGATE_ERROR**2 * caused)


def _by_row(tensors: InverseTensors) -> dict[str, np.ndarray]:
    return {
        "place": _place(tensors),
        "half_input_variance": 0.5 * tensors.input_variance,
    }


def _place(tensors: InverseTensors) -> np.ndarray:
    return tensors.moment[1] if len(tensors.moment) == 2 else np.zeros(len(tensors.input_variance))


def _side_by_side(tensors: InverseTensors, order: tuple[str, ...]) -> np.ndarray:
    parts = _matrices(tensors)
    return np.concatenate([_padded(parts[name]) for name in order], axis=1).astype(np.float32)


def _together(tensors: InverseTensors) -> np.ndarray:
    """Leading singular vector of the linear prediction, of the smaller side, float32."""
    left, _, right = np.linalg.svd(tensors.linear, full_matrices=False)
    rows, columns = tensors.linear.shape
    leading = right[0] if _padded_size(columns) < _padded_size(rows) else left[:, 0]
    return np.pad(leading, (0, -leading.size % LANES)).astype(np.float32)


def _packed(parts: dict[str, np.ndarray], order: tuple[str, ...], kind: type) -> np.ndarray:
    """Stack arrays as the kernel counts them, padded."""
    filled = {name: _padded(part, 1.0 if name == "variance" else 0.0) for name, part in parts.items()}
    return np.ascontiguousarray(np.stack([filled[name] for name in order]), dtype=kind)


def _padded(array: np.ndarray, fill: float = 0.0) -> np.ndarray:
    return np.pad(array, [(0, -size % LANES) for size in array.shape], constant_values=fill)


def _padded_size(size: int) -> int:
    return size + -size % LANES
