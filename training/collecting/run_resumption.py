"""Run files that are begun, or gone on with: the same plan, draw, board and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.errors import RunFileError
from crosscal.core.run.layout import RunPlan
from crosscal.core.run.writer import RunWriter
from crosscal.core.run_file import Run
from crosscal.training.collecting.board_description import BoardDescription
from crosscal.training.collecting.plan import CollectionPlan

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


def run_plan_of(board: BoardDescription, plan: CollectionPlan) -> RunPlan:
    """Describe a plan on a board as its run does."""
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
        repeats=plan.repeats,
    )


def open_run(path: Path, run_plan: RunPlan, settings: dict[str, Any], *, resume: bool) -> RunWriter:
    """Begin a run file, or go on with one that is there."""
    if resume and path.exists():
        return RunWriter.resume(path, run_plan)
    return RunWriter.create(path, run_plan, settings)


def require_same_settings(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to resume a run with other settings of the board.

    Raises:
        RunFileError: one differs.
    """
    for header in changed_settings(then, now):
        raise RunFileError(
            f"{path} cannot be resumed: it was begun with {header} at {then.get(header)}, the board has "
            f"{now.get(header)}; set it back, or give another name with -o"
        )


def require_same_draw(path: Path, run: Run, index: int, plan: CollectionPlan) -> None:
    """Refuse to resume a run that was drawn from other ranges.

    Raises:
        RunFileError: its first matrix is not the one that the plan draws, of this index.
    """
    target_s, voltage_v = plan.draw_matrix((run.plan.rows, run.plan.columns), index)
    if not (np.array_equal(run.target_s[0], target_s) and np.array_equal(run.voltage_v[0], voltage_v)):
        raise RunFileError(
            f"{path} cannot be resumed: matrix {index} was drawn from other ranges than conductances "
            f"{plan.conductance_range_s} S and inputs {plan.voltage_range_v} V; ask for the ranges of the "
            "run that began it, or give another name with -o"
        )


def changed_settings(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the settings that differ, of those that shape readings."""
    # Under automatic ranging the range is a result, and stands with every matrix.
    free = {"SENS:CURR:RANG"} if now.get("SENS:CURR:RANG:AUTO") else set()
    return [h for h in _SHAPES_READINGS if h not in free and then.get(h) != now.get(h)]
