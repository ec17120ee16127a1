"""Run of a board: the measured matrices of a `run.h5`, in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.errors import RunFileError
from crosscal.core.run_layout import (
    RunPlan,
    damage_explained,
    dataset,
    dataset_layout,
    open_run,
    read_plan,
    require_layout,
)
from crosscal.core.short_repr import ShortRepr


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run(ShortRepr):
    """The finished matrices of a run.h5, in memory; K counts those.

    Attributes:
        plan: what the run set out to measure.
        settings: every board setting when the run began, by SCPI header.
        target_s: (K, N, M) [S]. voltage_v: (K, V, N) [V]. current_a: (K, V, M) [A]. status: (K, V, M).
        range_a, temperature_c, time_s, cells_failed, program_rms_error: (K,), as in `MatrixRecord`.
        true_conductance_s: (K, N, M) [S], or None if the board was not simulated.
    """

    plan: RunPlan
    settings: dict[str, Any]
    target_s: np.ndarray
    voltage_v: np.ndarray
    current_a: np.ndarray
    status: np.ndarray
    range_a: np.ndarray
    temperature_c: np.ndarray
    time_s: np.ndarray
    cells_failed: np.ndarray
    program_rms_error: np.ndarray
    true_conductance_s: np.ndarray | None


def read_run(path: str | PathLike[str]) -> Run:
    """Read the finished matrices of a run.

    Args:
        path: the run.h5.

    Raises:
        RunFileError: not a run.h5, damaged or cut off, of a newer format, or with no finished matrix.
    """
    path = Path(path)
    with open_run(path, "r") as file, damage_explained(path):
        plan = read_plan(file, path)
        require_layout(file, plan)
        finished = dataset(file, "finished")[:].astype(bool)
        arrays = {
            name: dataset(file, name)[:][finished] for name in dataset_layout(plan) if name != "finished"
        }
        settings = json.loads(str(file.attrs["settings"]))
    if not finished.any():
        raise RunFileError(f"{path} holds no finished matrix yet; continue it with crosscal collect --resume")
    arrays.setdefault("true_conductance_s", None)
    return Run(plan=plan, settings=settings, **arrays)
