"""Evaluation of a calibrator file with a progress bar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from crosscal.commands.terminal.progress import progress_bar
from crosscal.core.run_file import Run
from crosscal.front_door import load_calibrator
from crosscal.training import Evaluation, evaluate, parse_inputs

DEVIATION_READINGS = 2000
"""Enough for a coverage to half a percent; at 64×64 each takes some milliseconds."""


def deviations_of_each(run: Run) -> int:
    """Return how many readings of each matrix and kind of inputs are asked for their deviations."""
    kinds = len(parse_inputs(run.plan.inputs, run.plan.vectors))
    return max(1, DEVIATION_READINGS // (kinds * len(run.target_s)))


def evaluate_with_bar(
    path: Path,
    run: Run,
    *,
    reference_nmse: np.ndarray | None = None,
    deviations: int | None = 0,
    others_a: Mapping[str, np.ndarray] | None = None,
) -> Evaluation:
    """Load a calibrator and evaluate it with a progress bar on standard error; arguments as `evaluate`'s."""
    calibrator = load_calibrator(path)
    with progress_bar() as bar:
        task = bar.add_task("calibrating", total=len(run.target_s), note="")
        return evaluate(
            calibrator,
            run,
            reference_nmse=reference_nmse,
            deviations=deviations,
            others_a=others_a,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
