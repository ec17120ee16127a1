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
) -> TrainingResult:
    """Train the calibrator of the plan; `auto` is the one that fits the board.

    Args:
        plan, data, validation, checkpoint, resume, progress: as for `train`.

    Returns:
        The result; its plan names the calibrator that was chosen.

    Raises:
        TrainingError: as `train`, of the calibrator chosen last.
    """
    if plan.calibrator != AUTO:
        return train(
            plan, data, validation=validation, checkpoint=checkpoint, resume=resume, progress=progress
        )
    from crosscal.training.calibrators.whitebox.calibrator import Whitebox

    white, general = replace(plan, calibrator="whitebox"), replace(plan, calibrator="structured")
    try:
        result = train(white, data, validation=validation, progress=progress)
    except TrainingError as error:
        logger.info("whitebox cannot be fitted (%s); structured is trained", error)
    else:
        found = result.calibrator
        if isinstance(found, Whitebox) and found.verdict.fits:
            logger.info("whitebox is chosen: %s", found.verdict)
            return result
        logger.info("structured is trained, for %s", found.findings()[0])
    return train(
        general, data, validation=validation, checkpoint=checkpoint, resume=resume, progress=progress
    )
