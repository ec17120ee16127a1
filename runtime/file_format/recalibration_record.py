"""Record of recalibrations in a calibrator file: the matrix, the changes learned, and the time."""

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
from crosscal.runtime.recalibration.evolution import Evolution
from crosscal.runtime.recalibration.posterior import CELLS, ColumnPosterior, DriveErrors


def target_digest(conductance_s: Matrix) -> str:
    """Fingerprint of a target matrix [S]: SHA-256 of its shape and its float32 numbers.

    float32: the graph takes targets so, and a board may send them back so.
    """
    single = np.ascontiguousarray(conductance_s, dtype="<f4")
    return hashlib.sha256(repr(single.shape).encode() + single.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecalibrationRecord:
    """The `recalibration` entry of a calibrator file.

    Attributes:
        target_sha256: fingerprint of the matrix that was programmed.
        posterior: of its columns and cells; None when every recalibration found nothing changed.
        history: a JSON object for each recalibration, oldest first: time, board, level and success.
    """

    target_sha256: str
    posterior: ColumnPosterior | None
    history: tuple[Mapping[str, Any], ...]

    def is_of(self, conductance_s: Matrix) -> bool:
        """Whether this very target was recalibrated."""
        return target_digest(conductance_s) == self.target_sha256

    def to_json(self) -> dict[str, Any]:
        """Return the posterior and history of the file's entry."""
        return {
            "target_sha256": self.target_sha256,
            "history": [dict(entry) for entry in self.history],
            "posterior": None if self.posterior is None else _posterior_to_json(self.posterior),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, rows: int, columns: int) -> RecalibrationRecord:
        """Read a file's entry.

        Raises:
            InputError: arrays that are no base64, or of another size than the calibrator's.
            KeyError, TypeError, ValueError: something is missing or of the wrong type.
        """
        posterior = document["posterior"]
        return cls(
            target_sha256=str(document["target_sha256"]),
            posterior=None if posterior is None else _posterior_from_json(posterior, rows, columns),
            history=tuple(dict(entry) for entry in document["history"]),
        )


def _posterior_to_json(posterior: ColumnPosterior) -> dict[str, Any]:
    lower = np.tril_indices(posterior.mean.shape[1])
    return {
        "unknowns": posterior.mean.shape[1],
        "noise": posterior.noise,
        "mean": _encode(posterior.mean),
        "covariance": _encode(posterior.covariance[:, lower[0], lower[1]]),
        "evolution": None if posterior.evolution is None else _evolution_to_json(posterior.evolution),
        "drive": None if posterior.drive is None else _drive_to_json(posterior.drive),
        "averages": posterior.averages,
        "learned_s": posterior.learned_s,
    }


def _posterior_from_json(document: Mapping[str, Any], rows: int, columns: int) -> ColumnPosterior:
    unknowns = int(document["unknowns"])
    if unknowns not in (CELLS, rows + CELLS):
        raise ShapeError(
            f"got a posterior of {unknowns} unknowns per column; allowed: {CELLS}, {rows + CELLS}"
        )
    lower = np.tril_indices(unknowns)
    covariance = np.empty((columns, unknowns, unknowns))
    covariance[:, lower[0], lower[1]] = _decode(document["covariance"], (columns, len(lower[0])))
    covariance[:, lower[1], lower[0]] = covariance[:, lower[0], lower[1]]
    return ColumnPosterior(
        mean=_decode(document["mean"], (columns, unknowns)),
        covariance=covariance,
        noise=float(document["noise"]),
        evolution=_evolution_from_json(document.get("evolution")),
        drive=_drive_from_json(document.get("drive"), unknowns - 1),
        averages=float(document.get("averages", 1.0)),
        learned_s=float(document.get("learned_s", 0.0)),
    )


def _drive_to_json(drive: DriveErrors) -> dict[str, Any]:
    return {
        "noise_v": drive.noise_v,
        "taken_v2": _encode(drive.taken_v2),
        "row_v2": drive.row_v2.tolist(),
    }


def _drive_from_json(document: Mapping[str, Any] | None, ways: int) -> DriveErrors | None:
    """None where a file of before has none."""
    if document is None:
        return None
    return DriveErrors(
        noise_v=float(document["noise_v"]),
        taken_v2=_decode(document["taken_v2"], (ways, ways)),
        row_v2=np.array(document["row_v2"], dtype=np.float64),
    )


def _evolution_to_json(evolution: Evolution) -> dict[str, Any]:
    return {
        "inflation": evolution.inflation.tolist(),
        "cell": evolution.cell.tolist(),
        "gain": evolution.gain.tolist(),
        "first_noise": evolution.first_noise,
        "age_s": evolution.age_s,
    }


def _evolution_from_json(document: Mapping[str, Any] | None) -> Evolution | None:
    """None where a file of before has none."""
    if document is None:
        return None
    age_s = document["age_s"]
    return Evolution(
        inflation=np.array(document["inflation"], dtype=np.float64),
        cell=np.array(document["cell"], dtype=np.float64),
        gain=np.array(document["gain"], dtype=np.float64),
        first_noise=float(document["first_noise"]),
        age_s=None if age_s is None else float(age_s),
    )


def _encode(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode("ascii")


def _decode(text: str, shape: tuple[int, int]) -> np.ndarray:
    try:
        flat = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8")
    except (binascii.Error, ValueError) as error:
        raise InputError(f"got a posterior that is no base64 of float64 numbers ({error})") from error
    if flat.size != np.prod(shape):
        raise ShapeError(f"got a posterior of {flat.size} numbers; allowed: {shape}")
    return flat.reshape(shape).astype(np.float64)
