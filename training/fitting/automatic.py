"""Choice of the calibrator by the data: `whitebox` if its residual test lets it, `structured` otherwise."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from crosscal.core.errors import TrainingError
from crosscal.training.calibrators.registry import AUTO
from crosscal.training.fitting.plan import EpochReport, TrainingPlan
from crosscal.training.fitting.trainer import TrainingResult, train
from crosscal.training.measurements import Measurements

logger = logging.getLogger(__name__)


def train_chosen(
    plan: TrainingPlan,
    data: Measurements,
    *,
    validation: Measurements | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[EpochReport], None] | None = None,
    on_step: Callable[[], None] | None = None,
) -> TrainingResult:
    """Train the calibrator of the plan; `auto` is the one that fits the board.

    Args:
        plan, data, validation, resume, progress, on_step: as for `train`.
        checkpoint: as for `train`; with `auto` the fit of `whitebox` has a file beside it
            (`checkpoint_files`).

    Returns:
        The result; its plan names the calibrator that was chosen.

    Raises:
        TrainingError: as `train`, of the calibrator chosen last.
    """
    if plan.calibrator != AUTO:
        return train(
            plan,
            data,
            validation=validation,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
            on_step=on_step,
        )
    from crosscal.training.calibrators.whitebox.calibrator import Whitebox

    def trained(calibrator: str, kept: Path | None) -> TrainingResult:
        return train(
            replace(plan, calibrator=calibrator),
            data,
            validation=validation,
            checkpoint=kept,
            resume=resume,
            progress=progress,
            on_step=on_step,
        )

    try:
        result = trained("whitebox", None if checkpoint is None else _of_whitebox(checkpoint))
    except TrainingError as error:
        logger.info("whitebox cannot be fitted (%s); structured is trained", error)
    else:
        found = result.calibrator
        if isinstance(found, Whitebox) and found.verdict.fits:
            logger.info("whitebox is chosen: %s", found.verdict)
            return result
        logger.info("structured is trained, for %s", found.findings()[0])
    return trained("structured", checkpoint)


def checkpoint_files(checkpoint: Path) -> tuple[Path, ...]:
    """List the files that `train_chosen` may have left for a checkpoint of this name."""
    return checkpoint, _of_whitebox(checkpoint)


def _of_whitebox(checkpoint: Path) -> Path:
    return checkpoint.with_name(f"{checkpoint.name}.whitebox")
