"""Measures a board's response to many matrices and records it in a run.h5.

Matrix `k` and its inputs are drawn from `default_rng([seed, k])`, so that a run that was cut off and resumed
asks the board for exactly the same as an uninterrupted one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import DisturbedError, IncompatibleBoardError, InputError, RunFileError, wanted
from crosscal.core.port import CrossbarPort, undisturbed
from crosscal.core.readout import UNUSABLE
from crosscal.core.run.checks import UnrelatedError, require_plausible
from crosscal.core.run.layout import MatrixRecord, RunPlan
from crosscal.core.run.writer import RunWriter
from crosscal.core.run_file import Run, read_run
from crosscal.training.collecting.board_description import BoardDescription
from crosscal.training.collecting.plan import CollectionPlan, CollectionProgress

logger = logging.getLogger(__name__)

_SHAPES_READINGS = (
    "ARR:PROG:TOL",
    "ARR:PROG:ITER",
    "SOUR:SEQ:DWEL",
    "SENS:CURR:RANG",
    "SENS:CURR:RANG:AUTO",
    "SENS:CURR:APER",
    "SENS:AVER:COUN",
)
"""Settings that must not change within a run: a run.h5 describes them once."""


_ATTEMPTS = 3
"""Times that a matrix is measured if other clients interfere: a person who looks once is forgiven, a program
that goes on interfering is not."""

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
                _require_believable(record, index)
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
    with _open(path, _run_plan(board, plan), board.settings, resume=resume) as writer:
        finished = writer.finished
        if finished.any() and not finished.all():
            begun = read_run(path)
            _require_same_draw(path, begun, int(np.flatnonzero(finished)[0]), plan)
            _require_same_settings(path, begun.settings, board.settings)
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


def measure_matrix(port: CrossbarPort, plan: CollectionPlan, index: int) -> MatrixRecord:
    """Program matrix `index` of a plan that was resolved for this board, and read its vectors.

    Raises:
        BoardError: from the board.
    """
    target_s, voltage_v = plan.draw_matrix(port.shape, index)
    report = port.program(target_s)
    told = {}
    if plan.read_back and "READBACK" in port.capabilities:
        told["read_back_s"] = port.read_conductance()
    readout = port.read(voltage_v)
    temperature_c = port.temperature_c
    return MatrixRecord(
        target_s=target_s,
        voltage_v=voltage_v,
        current_a=readout.current_a,
        status=readout.status,
        range_a=readout.range_a,
        temperature_c=np.nan if temperature_c is None else temperature_c,
        time_s=time.time(),
        cells_failed=getattr(report, "cells_failed", -1),
        program_rms_error=getattr(report, "rms_relative_error", np.nan),
        **told,
        **_truth(port),
    )


def measure_undisturbed(
    port: CrossbarPort,
    plan: CollectionPlan,
    index: int,
    board: BoardDescription,
    check: Callable[[], None],
) -> MatrixRecord:
    """Measure a matrix, again if another client changed the board meanwhile.

    Args:
        port: the board, inside `crosscal.core.port.undisturbed`.
        plan: resolved for the board.
        index: matrix of the plan.
        board: the board as the run describes it.
        check: of `undisturbed`.

    Raises:
        DisturbedError: the settings are no longer those of the run, or it happens again and again.
    """
    attempt = 0
    while True:
        attempt += 1
        record = measure_matrix(port, plan, index)
        try:
            check()
        except DisturbedError as error:
            changed = _changed_settings(board.settings, BoardDescription.of(port).settings)
            if changed or attempt == _ATTEMPTS:
                raise
            logger.warning("matrix %d is measured again: %s", index, error)
        else:
            return record


def _require_believable(record: MatrixRecord, index: int) -> None:
    """Refuse readings that cannot be the currents of this matrix: not every board is right about its own.

    Raises:
        IncompatibleBoardError: no numbers without a status that says so, another unit, sign or order.
    """
    missing = ~np.isfinite(record.current_a) & ((record.status & int(UNUSABLE)) == 0)
    if missing.any():
        raise _unbelievable(index, f"{int(missing.sum())} readings that are no numbers, with status 0")
    good_a = np.where((record.status & int(UNUSABLE)) == 0, record.current_a, np.nan)
    try:
        require_plausible(record.target_s[None], record.voltage_v[None], good_a[None])
    except UnrelatedError as error:
        logger.warning("matrix %d: %s", index, str(error).partition("; allowed")[0])
    except InputError as error:
        raise _unbelievable(index, str(error).partition("; allowed")[0].removeprefix("got ")) from error


def _unbelievable(index: int, got: str) -> IncompatibleBoardError:
    return IncompatibleBoardError(
        f"matrix {index}: "
        + wanted(
            got=got,
            allowed="currents out of the columns in amperes, in the board's order, NaN only with its status",
            remedy="run `crosscal check` on this board and correct what it finds",
        )
    )


def _changed_settings(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    # Under automatic ranging the range is a result, and stands with every matrix.
    free = {"SENS:CURR:RANG"} if now.get("SENS:CURR:RANG:AUTO") else set()
    return [h for h in _SHAPES_READINGS if h not in free and then.get(h) != now.get(h)]


def _run_plan(board: BoardDescription, plan: CollectionPlan) -> RunPlan:
    rows, columns = board.shape
    return RunPlan(
        matrices=plan.matrices,
        vectors=plan.vectors,
        rows=rows,
        columns=columns,
        inputs=plan.inputs_text,
        seed=plan.seed,
        identity=board.identity,
        has_truth=board.has_truth,
        has_ages=board.has_ages,
        has_read_backs=plan.read_back and board.has_read_backs,
        draw=plan.draw_text,
        conductance_range_s=plan.conductance_range_s,
        voltage_range_v=plan.voltage_range_v,
    )


def _open(path: Path, run_plan: RunPlan, settings: dict[str, Any], *, resume: bool) -> RunWriter:
    if resume and path.exists():
        return RunWriter.resume(path, run_plan)
    return RunWriter.create(path, run_plan, settings)


def _require_same_settings(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    for header in _changed_settings(then, now):
        raise RunFileError(
            f"{path} cannot be resumed: it was begun with {header} at {then.get(header)}, the board has "
            f"{now.get(header)}; set it back, or give another name with -o"
        )


def _require_same_draw(path: Path, run: Run, index: int, plan: CollectionPlan) -> None:
    target_s, voltage_v = plan.draw_matrix((run.plan.rows, run.plan.columns), index)
    if not (np.array_equal(run.target_s[0], target_s) and np.array_equal(run.voltage_v[0], voltage_v)):
        raise RunFileError(
            f"{path} cannot be resumed: matrix {index} was drawn from other ranges than conductances "
            f"{plan.conductance_range_s} S and inputs {plan.voltage_range_v} V; ask for the ranges of the "
            "run that began it, or give another name with -o"
        )


def _truth(port: Any) -> dict[str, Matrix]:
    """Ask a simulated board for the state of its cells, by the names of `MatrixRecord`."""
    if "SIM" not in port.capabilities:
        return {}
    told = {"true_conductance_s": port.simulation.true_conductance_s()}
    if "AGE" in port.capabilities:
        told |= {"written_s": port.simulation.written_s(), "cell_age_s": port.simulation.cell_age_s()}
    return told


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
