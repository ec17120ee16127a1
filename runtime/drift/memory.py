"""Memory of a monitor: what it knows of a board's noise, to go on with after a restart."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import Self

import numpy as np

from crosscal.core.array_types import Float, Vectors
from crosscal.core.errors import InputError, ShapeError
from crosscal.runtime.drift.learned_noise import LearnedNoise

_FORMAT = 1  # of the bytes; others are refused
_MOST_DEVIATIONS = 6e4
"""The largest residual that is kept, relative to the stated deviation: float16 holds no larger number."""

Run = tuple[Float[np.ndarray, " readings"], Float[np.ndarray, "readings columns sentinels"]]
"""Times [s] and residuals relative to the stated deviation, NaN where missing, between two recalibrations."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MonitorMemory:
    """Sentinels, learned noise, and the latest residuals that it was learned from.

    Attributes:
        voltage_v: the sentinels [V], (S, N): residuals of others do not compare.
        variance: stated variance of a reading that noise and residuals are relative to, (M,).
        learned: noise of the board.
        readings: number of readings until now.
        learn_at: number of readings at which noise is learned anew.
        runs: the latest runs, oldest first.
    """

    voltage_v: Vectors
    variance: Float[np.ndarray, " columns"]
    learned: LearnedNoise
    readings: int
    learn_at: int
    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        shape = len(self.variance), len(self.voltage_v)
        alike = all(
            residuals.shape == (len(times), *shape) and times.ndim == 1 for times, residuals in self.runs
        )
        if not alike or len(self.learned.white) != shape[0]:
            raise ShapeError(f"got a memory with arrays of different sizes; allowed: {shape} per reading")

    def to_bytes(self) -> bytes:
        """Write it, residuals to half precision."""
        head = {
            "format": _FORMAT,
            "learned": self.learned.to_json(),
            "readings": self.readings,
            "learn_at": self.learn_at,
            "lengths": [len(times) for times, _ in self.runs],
        }
        residuals = [np.clip(each, -_MOST_DEVIATIONS, _MOST_DEVIATIONS) for _, each in self.runs]
        nothing = np.empty((0, len(self.variance), len(self.voltage_v)))
        written = io.BytesIO()
        np.savez(
            written,
            head=np.frombuffer(json.dumps(head).encode(), np.uint8),
            voltage_v=self.voltage_v,
            variance=self.variance,
            times_s=np.concatenate([np.empty(0), *(times for times, _ in self.runs)]),
            residuals=np.concatenate([nothing, *residuals]).astype(np.float16),
        )
        return written.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            InputError: it is something else.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                head = json.loads(arrays["head"].tobytes())
                if head["format"] != _FORMAT:
                    raise ValueError(f"format {head['format']}")
                ends = np.cumsum([int(length) for length in head["lengths"]])
                times = np.split(arrays["times_s"].astype(np.float64), ends[:-1])
                residuals = np.split(arrays["residuals"].astype(np.float32), ends[:-1])
                return cls(
                    voltage_v=arrays["voltage_v"].astype(np.float64),
                    variance=arrays["variance"].astype(np.float64),
                    learned=LearnedNoise.from_json(head["learned"]),
                    readings=int(head["readings"]),
                    learn_at=int(head["learn_at"]),
                    runs=tuple(zip(times, residuals, strict=True)) if len(ends) else (),
                )
        except (KeyError, TypeError, ValueError, EOFError, OSError, ShapeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"got a memory of the board's noise that is none ({error}); allowed: what to_bytes gave"
            ) from error
