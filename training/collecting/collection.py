"""Measures a board's response to many matrices and records it in a run.h5.

Matrix `k` and its inputs are drawn from `default_rng([seed, k])`, so that a run that was cut off and resumed
asks the board for exactly the same as an uninterrupted one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from crosscal.core.port import CrossbarPort, undisturbed
from crosscal.core.readout import UNUSABLE
from crosscal.core.run.layout import MatrixRecord
from crosscal.core.run_file import read_run
from crosscal.training.collecting.board_description import BoardDescription
from crosscal.training.collecting.matrix_measurement import measure_undisturbed, require_believable
from crosscal.training.collecting.plan import CollectionPlan, CollectionProgress
from crosscal.training.collecting.run_resumption import (
    open_run,
    require_same_draw,
    require_same_settings,
    run_plan_of,
)

logger = logging.getLogger(__name__)

Measure = Callable[[Sequence[int]], Iterable[tuple[int, MatrixRecord]]]
"""Gives the records of the matrices asked for by their indices, in any order."""


def collect(
    port: CrossbarPort,
    path: Path,
    plan: CollectionPlan,
    *,
    resume: bool = False,
    progress: Callable[[CollectionProgress], None] | None = None,
) -> CollectionProgress:
    """Measure every matrix of the plan that the file does not hold yet, on one board, one after the other.

    An interrupt (Ctrl-C) or a board that fails ends the collection with that exception; the file then holds
    every finished matrix and can be resumed.

    Args:
        port: the board.
        path: the run.h5; it must not exist, unless `resume`.
        plan: the matrices and inputs.
        resume: continue a run that was cut off; starts one if there is no file yet.
        progress: called at the start and after each matrix.

    Returns:
        The last progress.

    Raises:
        RunFileError: the file exists, or (resuming) was made with another plan, on another board, or with
            other settings of the board.
        RangeError: the board does not reach the plan's conductances or inputs.
        BoardError: from the board.
    """

    with undisturbed(port) as check:
        board = BoardDescription.of(port)
        plan = plan.resolved(board)

        def measure(indices: Sequence[int]) -> Iterator[tuple[int, MatrixRecord]]:
            for index in indices:
                record = measure_undisturbed(port, plan, index, board, check)
                require_believable(record, index)
                yield index, record

        return collect_with(measure, board, path, plan, resume=resume, progress=progress)


def collect_with(
    measure: Measure,
    board: BoardDescription,
    path: Path,
    plan: CollectionPlan,
    *,
    resume: bool = False,
    progress: Callable[[CollectionProgress], None] | None = None,
) -> CollectionProgress:
    """Record every matrix of the plan that the file does not hold yet, measured by anyone; as `collect`.

    Args:
        measure: measures matrices of the plan, as `measure_matrix` does.
        board: the board that they are measured on.
        path, plan, resume, progress: as for `collect`.
    """
    plan = plan.resolved(board)
    with open_run(path, run_plan_of(board, plan), board.settings, resume=resume) as writer:
        finished = writer.finished
        if finished.any() and not finished.all():
            begun = read_run(path)
            require_same_draw(path, begun, int(np.flatnonzero(finished)[0]), plan)
            require_same_settings(path, begun.settings, board.settings)
        state = CollectionProgress(
            finished=int(finished.sum()), total=plan.matrices, readings=0, unusable=0, cells_failed=0
        )
        _report(state, progress)
        missing = [int(index) for index in np.flatnonzero(~finished)]
        for index, record in measure(missing):
            writer.write(index, record)
            state = _after(state, record)
            _report(state, progress)
    if state.unusable:
        logger.warning(
            "%d of %d readings are saturated or missing: stored with their status, and never used",
            state.unusable,
            state.readings,
        )
    return state


def _after(state: CollectionProgress, record: MatrixRecord) -> CollectionProgress:
    return CollectionProgress(
        finished=state.finished + 1,
        total=state.total,
        readings=state.readings + record.status.size,
        unusable=state.unusable + int(((record.status & int(UNUSABLE)) != 0).sum()),
        cells_failed=state.cells_failed + max(record.cells_failed, 0),
    )


def _report(state: CollectionProgress, progress: Callable[[CollectionProgress], None] | None) -> None:
    if progress is not None:
        progress(state)
