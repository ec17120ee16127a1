"""State of a training at one moment, as a checkpoint holds it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from crosscal.core.errors import TrainingError
from crosscal.training.calibrators.calibrator import TrainableCalibrator
from crosscal.training.fitting.plan import EpochReport


class TrainingState:
    """The calibrator, Adam's moments, the best state so far, and the place in the training.

    Attributes:
        calibrator: being trained, in place.
        stage, epoch: the stage under way and its finished epochs.
        waited: epochs since the best one. best_error: the smallest validation error of the stage.
        history: a dictionary per epoch.
    """

    def __init__(self, calibrator: TrainableCalibrator) -> None:
        self.calibrator = calibrator
        self.stage, self.epoch, self.waited = -1, 0, 0
        self.best_error = float("inf")
        self.history: list[dict[str, Any]] = []
        self._optimiser: torch.optim.Adam | None = None
        self._best = _copied(calibrator)

    def begin(self, stage: int, validate: Callable[[], float]) -> None:
        """Enter a stage afresh, its first state the best so far; nothing if a checkpoint is inside it."""
        if stage == self.stage:
            return
        self.stage, self.epoch, self.waited = stage, 0, 0
        self.best_error = validate()
        self._optimiser = _adam(self.calibrator)
        self._best = _copied(self.calibrator)

    @property
    def optimiser(self) -> torch.optim.Adam:
        """Adam with its moments; there is one from the first stage on."""
        if self._optimiser is None:
            raise TrainingError("no stage of training has begun")
        return self._optimiser

    def set_learning_rate(self, learning_rate: float) -> None:
        """Set the step of the next epoch."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate

    def record(self, validation_error: float) -> None:
        """Count a finished epoch, and keep the state if it is the best."""
        self.epoch += 1
        self.waited += 1
        if validation_error < self.best_error:
            self.best_error, self.waited = validation_error, 0
            self._best = _copied(self.calibrator)

    def remember(self, report: EpochReport) -> None:
        """Add an epoch to the history."""
        self.history.append(asdict(report))

    def finish(self) -> None:
        """Leave a stage with its best state."""
        self.calibrator.load_state_dict(self._best)

    def to_checkpoint(self) -> dict[str, Any]:
        """Return everything, as a checkpoint holds it."""
        return {
            "place": [self.stage, self.epoch, self.waited],
            "best_error": self.best_error,
            "history": self.history,
            "calibrator": self.calibrator.state_dict(),
            "best": self._best,
            "optimiser": self.optimiser.state_dict(),
        }

    def take(self, checkpoint: dict[str, Any]) -> None:
        """Take over everything from a checkpoint."""
        self.stage, self.epoch, self.waited = checkpoint["place"]
        self.best_error, self.history = checkpoint["best_error"], checkpoint["history"]
        self.calibrator.load_state_dict(checkpoint["calibrator"])
        self._best = checkpoint["best"]
        self._optimiser = _adam(self.calibrator)
        self._optimiser.load_state_dict(checkpoint["optimiser"])


def _adam(calibrator: TrainableCalibrator) -> torch.optim.Adam:
    # The trainer sets the step before every epoch.
    return torch.optim.Adam(calibrator.parameters(), lr=0.0)


def _copied(calibrator: TrainableCalibrator) -> dict[str, torch.Tensor]:
    return copy.deepcopy(calibrator.state_dict())
