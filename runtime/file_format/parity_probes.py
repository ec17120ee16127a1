"""Parity probes: a few inputs with the training framework's own answers, inside every calibrator file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.core.short_repr import ShortRepr
from crosscal.core.validation import require_finite

LOOSEST_TOLERANCE = 1e-3
"""Tolerance beyond which a file is refused: good boards read to a thousandth of the largest current."""

_ARRAYS = ("conductance_s", "current_a", "calibrated_a")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ParityProbes(ShortRepr):
    """Inputs and right answers, float32.

    Attributes:
        conductance_s: matrices [S], (P, N, M).
        current_a: measured currents [A], (P, B, M).
        calibrated_a: answers of the trained model [A], (P, B, M).
        relative_tolerance: largest error allowed, relative to the matrix's largest calibrated current.
    """

    conductance_s: np.ndarray
    current_a: np.ndarray
    calibrated_a: np.ndarray
    relative_tolerance: float = 1e-5

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if array.ndim != 3 or array.size == 0:
                raise ShapeError(
                    wanted(
                        got=f"probes whose {name} has shape {array.shape}",
                        allowed="three dimensions (matrices first), none of them 0",
                        remedy="give at least one matrix and one vector of currents",
                    )
                )
            require_finite(array, f"numbers in the probes' {name}", remedy="export the calibrator again")
            object.__setattr__(self, name, array)
        matrices, _, columns = self.conductance_s.shape
        expected = (matrices, self.current_a.shape[1], columns)
        if self.current_a.shape != expected or self.calibrated_a.shape != expected:
            raise ShapeError(
                f"got probes with currents {self.current_a.shape} and answers {self.calibrated_a.shape} for "
                f"matrices {self.conductance_s.shape}; allowed: (P, B, M) for matrices (P, N, M)"
            )
        if not 0.0 < self.relative_tolerance <= LOOSEST_TOLERANCE:
            raise RangeError(
                wanted(
                    got=f"a probe tolerance of {self.relative_tolerance}",
                    allowed=f"above 0 and at most {LOOSEST_TOLERANCE}",
                    remedy="find out why the exported model differs from the trained one",
                )
            )

    def worst_error(self, calibrate: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
        """Return the largest error of `calibrate(conductance_s, current_a)`, relative to the largest."""
        worst = 0.0
        for conductance_s, current_a, calibrated_a in zip(
            self.conductance_s, self.current_a, self.calibrated_a, strict=True
        ):
            error = np.abs(calibrate(conductance_s, current_a).astype(np.float64) - calibrated_a).max()
            largest = max(float(np.abs(calibrated_a).max()), float(np.finfo(np.float32).tiny))
            # A NaN compares false with everything: it must count as the largest error, not as none.
            worst = max(worst, float(error / largest)) if np.isfinite(error) else np.inf
        return worst

    def to_json(self) -> dict[str, Any]:
        """Return the probes of the file's `probes` entry."""
        encoded = {
            key: base64.b64encode(getattr(self, name).astype("<f4").tobytes()).decode("ascii")
            for key, name in zip(("conductance", "current", "calibrated"), _ARRAYS, strict=True)
        }
        return {
            "matrices": self.conductance_s.shape[0],
            "batch": self.current_a.shape[1],
            "relative_tolerance": self.relative_tolerance,
            **encoded,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, rows: int, columns: int) -> ParityProbes:
        """Read a file's `probes` entry.

        Raises:
            InputError: arrays that are no base64, or of another size than stated.
            KeyError, TypeError, ValueError: an entry is missing or of the wrong type.
        """
        matrices, batch = int(document["matrices"]), int(document["batch"])
        return cls(
            conductance_s=_decode(document["conductance"], (matrices, rows, columns)),
            current_a=_decode(document["current"], (matrices, batch, columns)),
            calibrated_a=_decode(document["calibrated"], (matrices, batch, columns)),
            relative_tolerance=float(document["relative_tolerance"]),
        )


def _decode(text: str, shape: tuple[int, int, int]) -> np.ndarray:
    try:
        flat = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except (binascii.Error, ValueError) as error:
        raise InputError(f"got a probe array that is no base64 of float32 numbers ({error})") from error
    if flat.size != np.prod(shape):
        raise ShapeError(f"got a probe array of {flat.size} numbers; allowed: {shape}")
    return flat.reshape(shape)
