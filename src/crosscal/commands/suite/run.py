"""`crosscal evaluate --suite`: calibrators on simulated boards, through the instrument, resumable."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from threadpoolctl import threadpool_limits

from crosscal.commands.benches.simulated_board import noise_floor
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.commands.suite.boards import SuiteBoard, SuiteSize
from crosscal.commands.suite.folder import RECALIBRATED, BoardFolder, write_or_require_same
from crosscal.commands.suite.table import suite_table
from crosscal.commands.terminal.interrupt import interruptible
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.commands.train import train_and_export
from crosscal.core.run_file import Run, read_run
from crosscal.front_door import load_calibrator
from crosscal.training import (
    BoardResult,
    BoardScorer,
    CollectionPlan,
    Measurements,
    MethodScore,
    ScoredMethods,
    TrainingPlan,
    draw_array_errors,
    draw_suite,
    read_cost,
    suite_remarks,
    write_suite_report,
)

BASELINES = "baselines"
MEASURING = "measuring"
TABLE_WIDTH = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRequest:
    """What is asked of a suite.

    Attributes:
        size: how much is measured on each board.
        calibrators: names, in the order of the tables.
        seed: matrices, vectors and training are drawn from it.
        retry: whether steps that failed earlier are tried again.
    """

    size: SuiteSize
    calibrators: tuple[str, ...]
    seed: int
    retry: bool

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done on a board that was measured; none needs another."""
        return BASELINES, *self.calibrators

    @property
    def training_plan(self) -> CollectionPlan:
        """What calibrators learn from."""
        size = self.size
        return CollectionPlan(matrices=size.training_matrices, vectors=size.training_vectors, seed=self.seed)

    @property
    def test_plan(self) -> CollectionPlan:
        """What all methods are scored on; other matrices than those learned from."""
        size = self.size
        return CollectionPlan(matrices=size.test_matrices, vectors=size.test_vectors, seed=self.seed + 1)


def run_suite(boards: Sequence[SuiteBoard], request: SuiteRequest, folder: Path) -> list[BoardResult]:
    """Measure, train and score whatever the folder does not hold yet; print and write what was found.

    The tables' files are written again after every board, so that a suite that is cut off leaves those of the
    boards it has finished.

    Args:
        boards: in order.
        request: what to do on each.
        folder: a folder for each board is made in it.

    Raises:
        UsageError: the folder holds a suite of other sizes or another seed, or another board of that name.
    """
    prepare_suite_folder(request, folder)
    results: list[BoardResult] = []
    # One thread, for sums are taken in another order by several.
    with interruptible() as check, threadpool_limits(1):
        for index, board in enumerate(boards):
            console.rule(f"{board.name}, board {index + 1} of {len(boards)}", align="left")
            results.append(_board_result(board, request, folder / board.name, check))
            write_suite_report(results, request.calibrators, folder)
    written = [
        *write_suite_report(results, request.calibrators, folder),
        *draw_suite(results, request.calibrators, folder),
    ]
    out = Console()
    if not out.is_terminal:
        # A file or a pipe has no width that a table would have to be cut to.
        out.width = TABLE_WIDTH
    for of_floor in (False, True):
        out.print(suite_table(results, request.calibrators, of_floor=of_floor))
    for remark in suite_remarks(results, request.calibrators):
        console.print(f"[yellow]{remark}", highlight=False, soft_wrap=True)
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True)
    return results


def prepare_suite_folder(request: SuiteRequest, folder: Path) -> None:
    """Make the folder, or find one that was begun with the same counts and seed; calibrators may be added.

    Raises:
        UsageError: the folder holds a suite of other counts or another seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = {name: getattr(request.size, name) for name in request.size.__struct_fields__}
    text = json.dumps({"seed": request.seed, **size}, indent=2) + "\n"
    write_or_require_same(
        folder / "request.json",
        text,
        "says that this suite was begun with other counts or another seed; give the same --quick and --seed "
        "again, or choose another folder with -o",
    )


def discard_calibrators(boards: Sequence[SuiteBoard], request: SuiteRequest, folder: Path) -> None:
    """Drop what was trained and scored of the calibrators asked for; what was measured stays.

    Raises:
        UsageError: the folder holds another board of one of the names.
    """
    places = [BoardFolder(path=folder / board.name, retry=request.retry) for board in boards]
    for place, board in zip(places, boards, strict=True):
        place.prepare(board.to_toml())
    for place in places:
        place.discard(request.calibrators)


def _board_result(
    board: SuiteBoard, request: SuiteRequest, path: Path, check: Callable[[], None]
) -> BoardResult:
    folder = BoardFolder(path=path, retry=request.retry)
    folder.prepare(board.to_toml())
    check()
    measured = folder.attempt(MEASURING, lambda: _measured(folder, request))
    scores: list[MethodScore] = []
    attempted = [MEASURING]
    floor_nmse = None
    if measured is not None:
        training_run, test_run, floor_nmse = measured
        for step, action in _steps(folder, request, training_run, test_run, floor_nmse):
            check()
            scores += folder.attempt(step, action) or ()
            attempted.append(step)
    result = BoardResult(
        board=board.name,
        bench=board.bench,
        matrices=request.size.test_matrices,
        training_matrices=request.size.training_matrices,
        floor_nmse=None if floor_nmse is None else float(np.mean(floor_nmse)),
        scores=tuple(scores),
        failures=folder.failures(attempted),
    )
    errors = folder.weight_errors_percent((BASELINES, *request.calibrators))
    if errors:
        draw_array_errors(result, errors, path / "error_over_array.png")
    return result


def run_step(folder: BoardFolder, request: SuiteRequest, step: str) -> None:
    """Do one step on a board, unless its folder holds it: `MEASURING`, or one of `request.steps`."""
    measured = folder.attempt(MEASURING, lambda: _measured(folder, request))
    if measured is None or step == MEASURING:
        return
    for name, action in _steps(folder, request, *measured):
        if name in (step, f"{step}{RECALIBRATED}"):
            folder.attempt(name, action)


def _measured(folder: BoardFolder, request: SuiteRequest) -> tuple[Run, Run, np.ndarray]:
    training_run = _run(folder, "training", request.training_plan)
    test_run = _run(folder, "test", request.test_plan)
    return training_run, test_run, folder.floor(lambda: noise_floor(str(folder.bench), test_run))


def _run(folder: BoardFolder, name: str, plan: CollectionPlan) -> Run:
    """A run as it was measured, or measured now; the board is not even opened for one that is whole."""
    finished = folder.finished_run(name, plan)
    if finished is not None:
        return finished
    path = folder.path / f"{name}.h5"
    collect_simulated(folder.bench, path, plan, resume=True, what=f"{name} matrices")
    return read_run(path)


Step = tuple[str, Callable[[], tuple[MethodScore, ...]]]


def _steps(
    folder: BoardFolder, request: SuiteRequest, training_run: Run, test_run: Run, floor_nmse: np.ndarray
) -> list[Step]:
    scorer = BoardScorer(test_run, floor_nmse)
    steps: list[Step] = [(BASELINES, lambda: folder.scores(BASELINES, scorer.baselines))]
    for name in request.calibrators:
        calibrator = _CalibratorSteps(folder=folder, request=request, name=name, scorer=scorer)
        steps.append((name, lambda own=calibrator: own.alone(training_run)))
        steps.append((f"{name}{RECALIBRATED}", calibrator.recalibrated))
    return steps


@dataclass(frozen=True, slots=True, kw_only=True)
class _CalibratorSteps:
    """What is done with one calibrator on one board."""

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


def _scored(find: Callable[..., ScoredMethods], path: Path, name: str, what: str) -> ScoredMethods:
    """Score a calibrator's file by one of `BoardScorer`'s ways, with a progress bar."""
    calibrator = load_calibrator(path)
    with progress_bar() as bar:
        task = bar.add_task(f"{what} by {name}", total=None, note="")
        return find(
            calibrator,
            name=name,
            multiply_accumulates=read_cost(path),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
