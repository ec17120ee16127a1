"""Evaluation of a calibrator file with a progress bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crosscal.commands.terminal.progress import progress_bar
from crosscal.core.run_file import Run
from crosscal.front_door import load_calibrator
from crosscal.training import Evaluation, evaluate


def evaluate_with_bar(
    path: Path, run: Run, *, reference_nmse: np.ndarray | None = None, deviations: int | None = 0
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
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
