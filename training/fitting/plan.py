"""Plan of a training, and the report of each epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crosscal.core.errors import InputError, wanted
from crosscal.training.calibrators.registry import AUTO, calibrator_class


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """Calibrator, data split and limits of a training; validated on construction.

    Attributes:
        calibrator: name in the registry, or `auto`.
        seed: everything random is drawn from it.
        validation_share: part of the matrices kept for validation where none are handed in.
        options: arguments of the calibrator, plain JSON values.
        max_epochs: cap on the epochs of every stage; None for the calibrator's own.
        threads: threads that torch may use.
    """

    calibrator: str
    seed: int
    validation_share: float = 0.1
    options: dict[str, Any] = field(default_factory=dict)
    max_epochs: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        if self.calibrator != AUTO:
            calibrator_class(self.calibrator)
        for name, value, least in (
            ("seed", self.seed, 0),
            ("threads", self.threads, 1),
            ("max_epochs", 1 if self.max_epochs is None else self.max_epochs, 1),
        ):
            if value < least:
                raise InputError(
                    wanted(got=f"{name} = {value}", allowed=f"{least} or more", remedy=f"correct {name}")
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """One epoch, as told to the progress callback and kept in the history.

    Attributes:
        stage: its name. epoch: from 1. epochs: the most this stage takes.
        loss: mean over the epoch's batches.
        validation_error: on the validation matrices, after the epoch; `best_error`: the smallest so far.
    """

    stage: str
    epoch: int
    epochs: int
    loss: float
    validation_error: float
    best_error: float
