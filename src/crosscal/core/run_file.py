"""Run of a board: the measured matrices of a `run.h5`, in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from crosscal.core.errors import RunFileError
from crosscal.core.readout import Status
from crosscal.core.run.arrays import stack_arrays
from crosscal.core.run.checks import require_plausible, require_unsaturated
from crosscal.core.run.layout import (
    REPEATS,
    MatrixRecord,
    RepeatedReadings,
    RunPlan,
    damage_explained,
    dataset,
    dataset_layout,
    open_run,
    read_plan,
    require_layout,
)
from crosscal.core.run.writer import RunWriter
from crosscal.core.short_repr import ShortRepr


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run(ShortRepr):
    """The finished matrices of a run.h5, in memory; K counts those.

    Attributes:
        plan: the measurements that the run set out for.
        settings: every board setting when the run began, by SCPI header.
        target_s: (K, N, M) [S]. voltage_v: (K, V, N) [V]. current_a: (K, V, M) [A]. status: (K, V, M).
        range_a, temperature_c, time_s, cells_failed, program_rms_error: (K,), as in `MatrixRecord`.
        true_conductance_s: (K, N, M) [S], or None if the board was not simulated.
        written_s, cell_age_s: (K, N, M) [S] and [s], as in `MatrixRecord`, or None if the board did not tell.
        read_back_s: (K, N, M) [S], as in `MatrixRecord`, or None if cells were not read back.
        repeats: readings of one vector on the first matrix, or None if there are none.
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
    written_s: np.ndarray | None = None
    cell_age_s: np.ndarray | None = None
    read_back_s: np.ndarray | None = None
    repeats: RepeatedReadings | None = None

    @classmethod
    def from_arrays(
        cls,
        target_s: Any,
        voltage_v: Any,
        current_a: Any,
        *,
        identity: str = "imported",
        full_scale_a: float | None = None,
        allow_missing: bool = False,
        unchecked: bool = False,
    ) -> Run:
        """Make a run of data that exist already.

        Args:
            target_s: conductances asked for [S], (K, N, M), or (N, M) of a single matrix.
            voltage_v: inputs [V], (V, N), the same for every matrix, or (K, V, N).
            current_a: readings [A], (K, V, M), or (V, M) of a single matrix.
            identity: the board's maker, model, serial number and firmware, as far as they are known.
            full_scale_a: readings of this magnitude or more are marked as saturated [A].
            allow_missing: mark NaN and masked readings as missing; they are refused otherwise.
            unchecked: take the data even where they do not follow Ohm's law.

        Raises:
            ShapeError: shapes that do not go together.
            InputError: no real numbers, or currents of another unit, sign or order; the option of
                `crosscal import` that corrects it is named.
        """
        arrays = stack_arrays(target_s, voltage_v, current_a, allow_missing=allow_missing)
        if not unchecked:
            require_plausible(*arrays)
            if full_scale_a is None:
                require_unsaturated(arrays[2])
        return _imported(cls, *arrays, identity=identity, full_scale_a=full_scale_a)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a run.h5.

        Raises:
            RunFileError: the file exists, there is no room for it, or it cannot be written.
        """
        names = [name for name in MatrixRecord.__slots__ if getattr(self, name) is not None]
        names = [name for name in names if name != "repeats"]
        repeats = 0 if self.repeats is None else len(self.repeats.current_a)
        plan = replace(self.plan, matrices=len(self.target_s), repeats=repeats)
        with RunWriter.create(path, plan, self.settings) as writer:
            for k in range(plan.matrices):
                values = {name: _element(getattr(self, name), k) for name in names}
                writer.write(k, MatrixRecord(**values, repeats=self.repeats if k == 0 else None))


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
        names = [name for name in dataset_layout(plan) if not name.startswith(REPEATS)]
        arrays = {name: dataset(file, name)[:][finished] for name in names if name != "finished"}
        repeats = _repeats(file) if plan.repeats and finished[0] else None
        settings = json.loads(str(file.attrs["settings"]))
    if not finished.any():
        raise RunFileError(f"{path} holds no finished matrix yet; continue it with crosscal collect --resume")
    arrays.setdefault("true_conductance_s", None)
    return Run(plan=plan, settings=settings, repeats=repeats, **arrays)


def _repeats(file: h5py.File) -> RepeatedReadings:
    arrays = {name: dataset(file, f"{REPEATS}{name}")[:] for name in RepeatedReadings.__slots__}
    return RepeatedReadings(
        voltage_v=arrays["voltage_v"],
        current_a=arrays["current_a"],
        status=arrays["status"],
        reading_s=float(arrays["reading_s"][0]),
        spacing_s=float(arrays["spacing_s"][0]),
    )


def _element(values: np.ndarray, k: int) -> Any:
    """Take the value of one matrix; a number as Python has it."""
    value = values[k]
    return value if isinstance(value, np.ndarray) else value.item()


def _imported(
    cls: type[Run],
    target_s: np.ndarray,
    voltage_v: np.ndarray,
    current_a: np.ndarray,
    *,
    identity: str,
    full_scale_a: float | None,
) -> Run:
    (matrices, vectors, rows), columns = voltage_v.shape, current_a.shape[2]
    missing = ~np.isfinite(current_a)
    status = np.where(missing, int(Status.AMPLIFIER_FAULT), 0).astype(np.uint8)
    if full_scale_a is not None:
        # A reading that was saved as text may lie a last digit below.
        with np.errstate(invalid="ignore"):
            status[np.abs(current_a) >= full_scale_a * (1 - 1e-6)] |= int(Status.OVER_RANGE)
    range_a = float(np.nanmax(np.abs(current_a))) if full_scale_a is None else full_scale_a
    unknown = np.full(matrices, np.nan)
    return cls(
        plan=RunPlan(
            matrices=matrices,
            vectors=vectors,
            rows=rows,
            columns=columns,
            inputs="given:imported",
            seed=0,
            identity=identity,
            has_truth=False,
            draw="given:imported",
            conductance_range_s=(float(target_s.min()), float(target_s.max())),
            voltage_range_v=(float(voltage_v.min()), float(voltage_v.max())),
        ),
        settings={},
        target_s=target_s,
        voltage_v=voltage_v,
        current_a=current_a,
        status=status,
        range_a=np.full(matrices, range_a),
        temperature_c=unknown,
        time_s=unknown,
        cells_failed=np.full(matrices, -1),
        program_rms_error=unknown,
        true_conductance_s=None,
    )
