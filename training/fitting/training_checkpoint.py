"""Checkpoint of one training: finished steps of the preparation, then the state after each epoch."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.errors import TrainingError
from crosscal.training.calibrators.preparation import Kept, PreparationSteps
from crosscal.training.fitting.checkpoint import load_checkpoint, save_checkpoint
from crosscal.training.fitting.plan import TrainingPlan
from crosscal.training.measurements import Measurements

WRITTEN_EVERY_S = 1.0
"""Steps of a preparation take milliseconds to seconds, a write some milliseconds: a kill costs this much work
at most, and writing a hundredth of the time."""


class TrainingCheckpoint:
    """File of a training, or none.

    Args:
        path: the file; None keeps nothing.
        fingerprint: digest of all that decides the result.
        clock: [s].
    """

    def __init__(
        self, path: Path | None, fingerprint: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._fingerprint, self._clock = path, fingerprint, clock
        self._steps: dict[str, Kept] = {}
        self._written_s = clock()
        self._unwritten = False

    def resumed(self) -> dict[str, Any] | None:
        """Read what was kept: steps of the preparation for `preparation`; the state after an epoch, if any.

        Raises:
            TrainingError: not a checkpoint, or one of a training with other data, seed or options.
        """
        if self._path is None or not self._path.exists():
            return None
        found = load_checkpoint(self._path)
        if found["fingerprint"] != self._fingerprint:
            raise TrainingError(
                f"{self._path} belongs to a training with other data, seed or options; resume with those it "
                "began with, or start anew without --resume"
            )
        self._steps = found.get("preparation", {})
        return found if "place" in found else None

    @contextmanager
    def preparation(self, on_step: Callable[[], None] | None) -> Iterator[PreparationSteps]:
        """Yield steps that the file keeps: every second, and when the block ends, by an interrupt too.

        Args:
            on_step: called after each step; may raise to stop.
        """

        def kept(steps: dict[str, Kept]) -> None:
            self._steps, self._unwritten = steps, True
            if self._clock() - self._written_s >= WRITTEN_EVERY_S:
                self._write({})
            if on_step is not None:
                on_step()

        try:
            yield PreparationSteps(self._steps, kept)
        finally:
            if self._unwritten:
                self._write({})

    def save(self, state: dict[str, Any]) -> None:
        """Write the state after an epoch, beside the steps of the preparation."""
        self._write(state)

    def _write(self, state: dict[str, Any]) -> None:
        if self._path is None:
            return
        save_checkpoint(self._path, {"fingerprint": self._fingerprint, "preparation": self._steps, **state})
        self._written_s, self._unwritten = self._clock(), False


def fingerprint(plan: TrainingPlan, data: Measurements, validation: Measurements) -> str:
    """Digest of all that decides the result, so that a checkpoint of another training is refused."""
    settings = {name: value for name, value in asdict(plan).items() if name != "threads"}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for part in (data, validation):
        for array in (part.conductance_s, part.voltage_v, part.current_a, part.usable):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
