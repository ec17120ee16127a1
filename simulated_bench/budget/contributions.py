"""Contributions of causes to the error of a board's readings: the board beside itself without each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.errors import InputError, wanted
from crosscal.core.readout import Status
from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.budget.causes import causes_of
from crosscal.simulated_bench.building import build_bench
from crosscal.simulated_bench.packing import pack
from crosscal.simulated_bench.pictures.snapshot import program_bench
from crosscal.simulated_bench.settings.bench_settings import BenchSettings

LEAST_VECTORS = 8
"""A gain and an offset are fitted to each column's readings, and some are to be left."""

APERTURE_S = 1e-3  # the board's after power-on


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """Change of the readings that one cause makes, rms over vectors and columns.

    Attributes:
        cause: its name.
        raw_a: of the readings as they are [A].
        fitted_a: of what a gain and an offset of each column, the best ones, leave of it [A].
    """

    cause: str
    raw_a: float
    fitted_a: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """Contributions of all causes that a board has.

    Attributes:
        full_scale_a: largest magnitude among the readings [A].
        whole: error of the readings relative to ideal ones, of all causes together.
        contributions: of each cause, the largest after the fit first. They need not add up: causes act on
            each other.
    """

    full_scale_a: float
    whole: Contribution
    contributions: tuple[Contribution, ...]


def error_budget(
    settings: BenchSettings, target_s: Matrix, voltage_v: Vectors, *, after_s: float = 0.0
) -> ErrorBudget:
    """Read a board as it is and without each cause that it has, with the same cells and the same chance.

    Each pair is read in the smallest range that holds the currents of both.

    Args:
        settings: of the board.
        target_s: matrix to program [S], (N, M).
        voltage_v: inputs [V], (B, N), `LEAST_VECTORS` or more.
        after_s: bench time to let pass after programming, on top of `programming.rest_s` [s].

    Raises:
        InputError: too few vectors.
        ShapeError, RangeError: a matrix that the board cannot be programmed to.
    """
    if len(voltage_v) < LEAST_VECTORS:
        got, allowed = (
            f"{len(voltage_v)} vectors",
            f"{LEAST_VECTORS} or more, as a line is fitted to each column",
        )
        raise InputError(wanted(got=got, allowed=allowed, remedy="give more vectors"))
    board = _Board(
        settings=settings, cells=_programmed(settings, target_s), target_s=target_s, after_s=after_s
    )
    contributions = []
    for cause, having, lacking in causes_of(settings):
        cells = board.cells
        if cause.cells == "own":
            cells = _programmed(cause.without(settings), target_s)
        without = replace(board, settings=lacking, cells=cells, exact=cause.cells == "exact")
        pair = replace(board, settings=having), without
        contributions.append(_compared(cause.name, *_in_common_range(pair, voltage_v)))
    (reading_a,) = _in_common_range((board,), voltage_v)
    return ErrorBudget(
        full_scale_a=float(np.nanmax(np.abs(reading_a))),
        whole=_compared("all causes", reading_a, voltage_v @ target_s),
        contributions=tuple(sorted(contributions, key=lambda one: one.fitted_a, reverse=True)),
    )


def relative_change(
    settings: BenchSettings,
    reference: BenchSettings,
    target_s: Matrix,
    voltage_v: Vectors,
    *,
    after_s: float = 0.0,
) -> tuple[float, float]:
    """Compare a board with another of the same cells, written by the other and left alone for a time.

    Args:
        settings: of the board.
        reference: of the board that it is compared with.
        target_s, voltage_v, after_s: as of `error_budget`.

    Returns:
        Change of the readings, rms relative to full scale of the reference: as read, and after the best gain
        and offset of each column.
    """
    other = _Board(
        settings=reference, cells=_programmed(reference, target_s), target_s=target_s, after_s=after_s
    )
    changed_a, reference_a = _in_common_range((replace(other, settings=settings), other), voltage_v)
    found = _compared("", changed_a, reference_a)
    full_scale_a = float(np.nanmax(np.abs(reference_a)))
    return found.raw_a / full_scale_a, found.fitted_a / full_scale_a


def _programmed(settings: BenchSettings, target_s: Matrix) -> Bench:
    bench = build_bench(settings)
    program_bench(bench, target_s)
    return bench


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Board:
    """A board that is switched on afresh for every batch of readings, with cells that were programmed before.

    Attributes:
        settings: of the board.
        cells: board that programmed them.
        target_s: of the programming [S], (N, M).
        after_s: bench time that passes after programming and its rest [s].
        exact: whether whole cells were written to their target instead.
    """

    settings: BenchSettings
    cells: Bench
    target_s: Matrix
    after_s: float
    exact: bool = False

    def read(self, voltage_v: Vectors, range_index: int) -> tuple[Currents, bool]:
        """Read vectors (B, N); also tell whether any column was over range."""
        bench = build_bench(self.settings)
        bench.take_cells(self.cells, written_s=self._exact_s() if self.exact else None)
        # The cells may have rested since they were written, and are as old as that here, too.
        bench.advance_time(self.cells.time_s + self.after_s)
        facts = bench.facts
        reading = bench.measure(
            bench.round_voltage(pack(voltage_v), facts.protection_max_v),
            range_index=range_index,
            aperture_s=bench.round_aperture(APERTURE_S),
            averages=1,
            dwell_s=max(facts.dac_settling_s, facts.adc_settling_s),
        )
        current_a = np.array(reading.current_a).reshape(len(voltage_v), -1)
        over = np.frombuffer(reading.status, dtype=np.uint8) & np.uint8(Status.OVER_RANGE)
        return current_a, bool(over.any())

    def _exact_s(self) -> Matrix:
        """Return the target where a pulse can reach it, and what was written elsewhere [S], (N, M)."""
        written_s = np.reshape(self.cells.written_conductance(), self.target_s.shape)
        return np.where(self.cells.cell_faults == "", self.target_s, written_s)


def _in_common_range(boards: Sequence[_Board], voltage_v: Vectors) -> list[Currents]:
    """Read boards in the smallest range that holds the currents of all, or in the last [A], (B, M) each."""
    last = len(boards[0].settings.front_end.ranges_a) - 1
    for range_index in range(last):
        readings, over = zip(*(board.read(voltage_v, range_index) for board in boards), strict=True)
        if not any(over):
            return list(readings)
    return [board.read(voltage_v, last)[0] for board in boards]


def _compared(cause: str, with_a: Currents, without_a: Currents) -> Contribution:
    """Measure how far readings are apart, before and after a gain and an offset of each column."""
    sound = np.isfinite(with_a).all(axis=0) & np.isfinite(without_a).all(axis=0)
    with_a, without_a = with_a[:, sound], without_a[:, sound]
    centred_a, other_a = with_a - with_a.mean(axis=0), without_a - without_a.mean(axis=0)
    power_a2 = np.maximum((centred_a**2).sum(axis=0), np.finfo(float).tiny)
    left_a = other_a - centred_a * (centred_a * other_a).sum(axis=0) / power_a2
    free = len(with_a) - 2  # a gain and an offset were fitted
    return Contribution(
        cause=cause,
        raw_a=float(np.sqrt(np.mean((with_a - without_a) ** 2))),
        fitted_a=float(np.sqrt(np.sum(left_a**2) / (free * left_a.shape[1]))),
    )
