"""Recalibration of the matrix that a board holds: measure known vectors, learn, and verify on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.core.errors import InputError, RangeError, ReadingError, wanted
from crosscal.core.port import CrossbarPort
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.report import RecalibrationReport
from crosscal.runtime.recalibration.vectors import informative_vectors, ordinary_vectors
from crosscal.runtime.recalibration.verification import FEWEST_VECTORS, Verification, verify

_AT_ONCE = 16  # vectors between two steps of the progress bar, and two looks whether to stop
_SPOILING = frozenset({101, 103})
"""Codes of a board's complaints that put readings in doubt although their status bits do not show it: a
driver at its compliance limit, over temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalibrationPlan:
    """Vectors to measure; validated on construction.

    Attributes:
        vectors: known vectors to learn from.
        verification: further vectors, drawn like ordinary inputs, to verify on.
        voltage_range_v: lowest and highest input [V].
        read_back: whether cells are read back first, where board and calibrator can.
        levels_v: the few values that inputs have [V], such as those of binary ones; None: any in the range.
    """

    vectors: int
    verification: int
    voltage_range_v: tuple[float, float]
    read_back: bool = True
    levels_v: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name, least in (("vectors", 1), ("verification", FEWEST_VECTORS)):
            if getattr(self, name) < least:
                raise InputError(
                    wanted(
                        got=f"{name} = {getattr(self, name)}",
                        allowed=f"{least} or more",
                        remedy="measure more vectors",
                    )
                )
        low_v, high_v = self.voltage_range_v
        if not (np.isfinite([low_v, high_v]).all() and low_v < high_v):
            raise RangeError(
                wanted(
                    got=f"inputs of {low_v}…{high_v} V",
                    allowed="two finite voltages, the lower first",
                    remedy="give the range of inputs that the calibrator was trained on",
                )
            )

    @property
    def total(self) -> int:
        """Vectors to measure in all."""
        return self.vectors + self.verification


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoardRecalibration:
    """Result of a recalibration on a board.

    Attributes:
        calibrator: recalibrated; whether to use it is for `verified` to say.
        report: level of the posterior, and the readings behind it.
        before, after: errors on the verification vectors.
        read_back: whether cells were read back, too.
    """

    calibrator: ProgrammedCalibrator
    report: RecalibrationReport
    before: Verification
    after: Verification
    read_back: bool = False

    @property
    def verified(self) -> bool:
        """Whether it is no worse than before, by more than the verification vectors can tell."""
        return self.after.no_worse_than(self.before)


def recalibrate_on_board(
    port: CrossbarPort,
    programmed: ProgrammedCalibrator,
    plan: RecalibrationPlan,
    *,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> BoardRecalibration:
    """Recalibrate the matrix that a board holds.

    Where the board reads its cells back, and the calibrator knows how exactly, they are learned from that
    first. Saturated and missing readings are left out and counted in the report. `programmed` stays as it is.

    Args:
        port: the board, holding the target that `programmed` was compiled for.
        programmed: its calibrator.
        plan: the measurements to make.
        rng: draws the vectors.
        progress: told after every few vectors how many of how many are measured.

    Raises:
        ReadingError: the board complains of compliance or temperature, or too few verification vectors could
            be read.
        ShapeError, RangeError, InputError: nothing can be learned from these vectors, see
            `ProgrammedCalibrator.recalibrated`.
        BoardError: from the board.
    """
    low_v, high_v = plan.voltage_range_v
    rows, levels_v = programmed.shape[0], plan.levels_v
    # What a network answers to vectors unlike those it was trained on says little of all others.
    telling = informative_vectors if programmed.learns_cells else ordinary_vectors
    known_v = telling(plan.vectors, rows, low_v=low_v, high_v=high_v, levels_v=levels_v, rng=rng)
    fresh_v = ordinary_vectors(
        plan.verification, rows, low_v=low_v, high_v=high_v, levels_v=levels_v, rng=rng
    )
    read_back = plan.read_back and programmed.uses_read_backs and "READBACK" in port.capabilities
    informed = programmed.with_read_back(port.read_conductance()) if read_back else programmed
    driven_v = np.concatenate([known_v, fresh_v])
    current_a, usable = _measured(port, driven_v, progress)
    known, fresh = slice(0, plan.vectors), slice(plan.vectors, None)
    better = informed.recalibrated(known_v, current_a[known], usable=usable[known])
    seen_a = np.where(usable[fresh], current_a[fresh], np.nan)
    if better.report is None:
        raise InputError("got a calibrator that reports nothing of its recalibration; allowed: one of ours")
    return BoardRecalibration(
        calibrator=better,
        report=better.report,
        before=verify(programmed, fresh_v, seen_a),
        after=verify(better, fresh_v, seen_a),
        read_back=read_back,
    )


def _measured(
    port: CrossbarPort, voltage_v: Vectors, progress: Callable[[int, int], None] | None
) -> tuple[Currents, np.ndarray]:
    """Measure currents [A], (B, M), and whether each is usable, (B, M)."""
    currents, usable = [], []
    for start in range(0, len(voltage_v), _AT_ONCE):
        readout = port.read(voltage_v[start : start + _AT_ONCE])
        # A driver's readout may bring the board's own complaints with it; the port does not ask for them.
        spoiled = [c for c in getattr(readout, "conditions", ()) if c.code in _SPOILING]
        if spoiled:
            raise ReadingError(
                wanted(
                    got=f"{', '.join(map(str, spoiled))} from the board while known vectors were measured",
                    allowed="readings without such complaints",
                    remedy="mend the cause and recalibrate again; the calibration stays as it is",
                )
            )
        currents.append(readout.current_a)
        usable.append(readout.usable)
        if progress is not None:
            progress(min(start + _AT_ONCE, len(voltage_v)), len(voltage_v))
    return np.concatenate(currents), np.concatenate(usable)
