"""Steps of a suite on one board: measuring, the plain fits, each calibrator alone and recalibrated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosscal.commands.benches.data_sheet import data_sheet_estimates
from crosscal.commands.benches.simulated_board import linear_gaussian_reference
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.commands.jobs.training import train_and_export
from crosscal.commands.suite.folder import RECALIBRATED, BoardFolder
from crosscal.commands.suite.request import BASELINES, DATA_SHEET, MEASURING, SuiteRequest
from crosscal.commands.terminal.progress import progress_bar
from crosscal.core.run_file import Run, read_run
from crosscal.front_door import load_calibrator
from crosscal.training import (
    BoardScorer,
    CollectionPlan,
    Measurements,
    MethodScore,
    ScoredMethods,
    TrainingPlan,
    read_cost,
)


def run_step(folder: BoardFolder, request: SuiteRequest, step: str) -> None:
    """Do one step on a board, unless its folder holds it: `MEASURING`, or one of `request.steps`."""
    measured = folder.attempt(MEASURING, lambda: measure_board(folder, request))
    if measured is None or step == MEASURING:
        return
    for name, action in steps_of(folder, request, *measured):
        if name in (step, f"{step}{RECALIBRATED}"):
            folder.attempt(name, action)


def measure_board(folder: BoardFolder, request: SuiteRequest) -> tuple[Run, Run, np.ndarray]:
    training_run = _run(folder, "training", request.training_plan)
    test_run = _run(folder, "test", request.test_plan)
    return (
        training_run,
        test_run,
        folder.reference(lambda: linear_gaussian_reference(str(folder.bench), test_run)),
    )


def _run(folder: BoardFolder, name: str, plan: CollectionPlan) -> Run:
    """Read a run, or measure it now; the board is not even opened for a run that is whole."""
    finished = folder.finished_run(name, plan)
    if finished is not None:
        return finished
    path = folder.path / f"{name}.h5"
    collect_simulated(folder.bench, path, plan, resume=True, label=f"{name} matrices")
    return read_run(path)


Step = tuple[str, Callable[[], tuple[MethodScore, ...]]]


def steps_of(
    folder: BoardFolder, request: SuiteRequest, training_run: Run, test_run: Run, reference_nmse: np.ndarray
) -> list[Step]:
    scorer = BoardScorer(test_run, reference_nmse)
    steps: list[Step] = [
        (BASELINES, lambda: folder.scores(BASELINES, scorer.baselines)),
        (DATA_SHEET, lambda: folder.scores(DATA_SHEET, lambda: _by_data_sheet(folder, scorer, test_run))),
    ]
    for name in request.calibrators:
        calibrator = _CalibratorSteps(folder=folder, request=request, name=name, scorer=scorer)
        steps.append((name, lambda own=calibrator: own.alone(training_run)))
        steps.append((f"{name}{RECALIBRATED}", calibrator.recalibrated))
    return steps


def _by_data_sheet(folder: BoardFolder, scorer: BoardScorer, test_run: Run) -> ScoredMethods:
    return scorer.data_sheet(data_sheet_estimates(folder.bench, test_run))


@dataclass(frozen=True, slots=True, kw_only=True)
class _CalibratorSteps:
    """Training and scoring of one calibrator on one board."""

    folder: BoardFolder
    request: SuiteRequest
    name: str
    scorer: BoardScorer

    def alone(self, training_run: Run) -> tuple[MethodScore, ...]:
        """Train it, unless it is, and score it."""
        path = self.folder.calibrator(self.name)
        if not path.exists():
            train_and_export(
                TrainingPlan(calibrator=self.name, seed=self.request.seed),
                Measurements.from_run(training_run),
                path,
                resume=True,
                provenance={"suite": self.folder.path.name},
            )
        return self.folder.scores(
            self.name,
            lambda: _scored(self.scorer.calibrator, path, self.name, "calibrating"),
        )

    def recalibrated(self) -> tuple[MethodScore, ...]:
        """Score it after recalibration on known vectors; nothing if there is no calibrator."""
        path = self.folder.calibrator(self.name)
        if not path.exists():
            return ()
        return self.folder.scores(
            f"{self.name}{RECALIBRATED}",
            lambda: _scored(self.scorer.recalibrated, path, self.name, "recalibrating"),
        )


def _scored(find: Callable[..., ScoredMethods], path: Path, name: str, label: str) -> ScoredMethods:
    """Score a calibrator's file by one of `BoardScorer`'s ways, with a progress bar."""
    calibrator = load_calibrator(path)
    with progress_bar() as bar:
        task = bar.add_task(f"{label} by {name}", total=None, note="")
        return find(
            calibrator,
            name=name,
            multiply_accumulates=read_cost(path),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
