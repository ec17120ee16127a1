"""Run of a suite: calibrators on simulated boards, through the instrument, resumable."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from crosscal.commands.files.output import require_output_folder
from crosscal.commands.suite.boards import SuiteBoard
from crosscal.commands.suite.folder import BoardFolder, kept_steps, write_or_require_same
from crosscal.commands.suite.request import MEASURING, SuiteRequest
from crosscal.commands.suite.steps import measure_board, steps_of
from crosscal.commands.suite.table import suite_tables
from crosscal.commands.terminal.interrupt import interruptible, keeping
from crosscal.commands.terminal.progress import console
from crosscal.commands.terminal.table_console import table_console
from crosscal.training import (
    BoardResult,
    MethodScore,
    draw_array_errors,
    draw_suite,
    suite_remarks,
    write_suite_report,
)


def run_suite(boards: Sequence[SuiteBoard], request: SuiteRequest, folder: Path) -> list[BoardResult]:
    """Measure, train and score everything that the folder does not hold yet; print and write the results.

    The tables' files are written again after every board, so that a suite that is cut off leaves those of the
    boards it has finished.

    Args:
        boards: in order.
        request: sizes, calibrators and seed.
        folder: a folder for each board is made in it.

    Raises:
        InputError: the folder holds a suite of other sizes or another seed, or another board of that name.
    """
    prepare_suite_folder(request, folder)
    results: list[BoardResult] = []
    took_s = 0.0
    # One thread, for sums are taken in another order by several.
    with keeping(lambda: kept_steps(folder)), interruptible() as check, threadpool_limits(1):
        for index, board in enumerate(boards):
            console.rule(f"{board.name}, board {index + 1} of {len(boards)}", align="left")
            place = BoardFolder(path=folder / board.name, retry=request.retry)
            place.prepare(board.to_toml())
            results.append(_board_result(board, request, place, check))
            took_s += place.processor_s
            write_suite_report(results, request.calibrators, folder)
    written = [
        *write_suite_report(results, request.calibrators, folder),
        *draw_suite(results, request.calibrators, folder),
    ]
    out = table_console()
    for table in suite_tables(results, request.calibrators):
        out.print(table)
    for remark in suite_remarks(results, request.calibrators):
        console.print(f"[yellow]{remark}", highlight=False, soft_wrap=True)
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True)
    console.print(f"{len(results)} boards took {took_s / 60:.3g} minutes of a processor", highlight=False)
    return results


def prepare_suite_folder(request: SuiteRequest, folder: Path) -> None:
    """Make the folder, or find one that was begun with the same counts and seed; calibrators may be added.

    Raises:
        InputError: the folder holds a suite of other counts or another seed.
    """
    require_output_folder(folder)
    size = {name: getattr(request.size, name) for name in request.size.__struct_fields__}
    text = json.dumps({"seed": request.seed, **size}, indent=2) + "\n"
    write_or_require_same(
        folder / "request.json",
        text,
        "says that this suite was begun with other counts or another seed; give the same --quick and --seed "
        "again, or choose another folder with -o",
    )


def discard_calibrators(boards: Sequence[SuiteBoard], request: SuiteRequest, folder: Path) -> None:
    """Delete the files and scores of the calibrators asked for; measured runs stay.

    Raises:
        InputError: the folder holds another board of one of the names.
    """
    places = [BoardFolder(path=folder / board.name, retry=request.retry) for board in boards]
    for place, board in zip(places, boards, strict=True):
        place.prepare(board.to_toml())
    for place in places:
        place.discard(request.calibrators)


def _board_result(
    board: SuiteBoard, request: SuiteRequest, folder: BoardFolder, check: Callable[[], None]
) -> BoardResult:
    check()
    measured = folder.attempt(MEASURING, lambda: measure_board(folder, request))
    scores: list[MethodScore] = []
    attempted = [MEASURING]
    reference_nmse = None
    if measured is not None:
        training_run, test_run, reference_nmse = measured
        for step, action in steps_of(folder, request, training_run, test_run, reference_nmse):
            check()
            scores += folder.attempt(step, action) or ()
            attempted.append(step)
    result = BoardResult(
        board=board.name,
        bench=board.bench,
        matrices=request.size.test_matrices,
        training_matrices=request.size.training_matrices,
        reference_nmse=None if reference_nmse is None else float(np.mean(reference_nmse)),
        scores=tuple(scores),
        failures=folder.failures(attempted),
    )
    errors = folder.weight_errors_percent(request.steps)
    if errors:
        draw_array_errors(result, errors, folder.path / "error_over_array.png")
    return result
