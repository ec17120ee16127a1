"""What a calibrator file remembers of recalibrations: for which matrix, what was learned, and when."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, ShapeError
from crosscal.runtime.recalibration_belief import CELLS, ColumnBelief


def target_digest(conductance_s: Matrix) -> str:
    """Fingerprint of a target matrix [S]: SHA-256 of its shape and its float32 numbers.

    float32, because that is what the graph takes, and what a board may send a target back as.
    """
    single = np.ascontiguousarray(conductance_s, dtype="<f4")
    return hashlib.sha256(repr(single.shape).encode() + single.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecalibrationRecord:
    """The `recalibration` entry of a calibrator file.

    Attributes:
        target_sha256: fingerprint of the matrix that was programmed.
        belief: what is known of its columns and cells; None when every recalibration found nothing changed.
        history: a JSON object for each recalibration, oldest first: when, on which board, how far, how well.
    """

    target_sha256: str
    belief: ColumnBelief | None
    history: tuple[Mapping[str, Any], ...]

    def is_of(self, conductance_s: Matrix) -> bool:
        """Whether this very target was recalibrated."""
        return target_digest(conductance_s) == self.target_sha256

    def to_json(self) -> dict[str, Any]:
        """Return what the file's entry holds."""
        return {
            "target_sha256": self.target_sha256,
            "history": [dict(entry) for entry in self.history],
            "belief": None if self.belief is None else _belief_to_json(self.belief),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, rows: int, columns: int) -> RecalibrationRecord:
        """Read a file's entry.

        Raises:
            InputError: arrays that are no base64, or of another size than the calibrator's.
            KeyError, TypeError, ValueError: something is missing or of the wrong type.
        """
        belief = document["belief"]
        return cls(
            target_sha256=str(document["target_sha256"]),
            belief=None if belief is None else _belief_from_json(belief, rows, columns),
            history=tuple(dict(entry) for entry in document["history"]),
        )


def _belief_to_json(belief: ColumnBelief) -> dict[str, Any]:
    lower = np.tril_indices(belief.mean.shape[1])
    return {
        "unknowns": belief.mean.shape[1],
        "noise": belief.noise,
        "mean": _encode(belief.mean),
        "covariance": _encode(belief.covariance[:, lower[0], lower[1]]),
    }


def _belief_from_json(document: Mapping[str, Any], rows: int, columns: int) -> ColumnBelief:
    unknowns = int(document["unknowns"])
    if unknowns not in (CELLS, rows + CELLS):
        raise ShapeError(f"got a belief of {unknowns} unknowns per column; allowed: {CELLS}, {rows + CELLS}")
    lower = np.tril_indices(unknowns)
    covariance = np.empty((columns, unknowns, unknowns))
    covariance[:, lower[0], lower[1]] = _decode(document["covariance"], (columns, len(lower[0])))
    covariance[:, lower[1], lower[0]] = covariance[:, lower[0], lower[1]]
    return ColumnBelief(
        mean=_decode(document["mean"], (columns, unknowns)),
        covariance=covariance,
        noise=float(document["noise"]),
    )


def _encode(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode("ascii")


def _decode(text: str, shape: tuple[int, int]) -> np.ndarray:
    try:
        flat = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8")
    except (binascii.Error, ValueError) as error:
        raise InputError(f"got a belief that is no base64 of float64 numbers ({error})") from error
    if flat.size != np.prod(shape):
        raise ShapeError(f"got a belief of {flat.size} numbers; allowed: {shape}")
    return flat.reshape(shape).astype(np.float64)
