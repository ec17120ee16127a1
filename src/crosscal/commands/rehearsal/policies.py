"""Policies of recalibration to compare the daemon with, on the same board at the same board time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, cast

import numpy as np

from crosscal.commands.rehearsal.accelerated import AcceleratedClock, AgeingBoard, vectors_within
from crosscal.core.errors import CrosscalError
from crosscal.daemon.upkeep.known_vectors import KnownReadings, VectorReader
from crosscal.firmware_models import Hardware
from crosscal.runtime import ProgrammedCalibrator, informative_vectors


class Policy(Protocol):
    """Something that keeps a calibration."""

    @property
    def programmed(self) -> ProgrammedCalibrator | None:
        """What reads are calibrated with now."""
        ...

    @property
    def due_s(self) -> float:
        """When it wants to do something next [s]."""
        ...

    def act(self) -> None:
        """Do what is due."""
        ...


def learned(
    programmed: ProgrammedCalibrator,
    reader: VectorReader,
    vectors: int,
    rng: np.random.Generator,
    *,
    range_index: int | None = None,
) -> ProgrammedCalibrator:
    """Recalibrate from known vectors measured now; what nothing can be learned from changes nothing.

    Args:
        programmed: to recalibrate.
        reader: of the board.
        vectors: known ones.
        rng: draws them.
        range_index: in which all are read; None lets the board choose.
    """
    window_v = programmed.voltage_range_v or (0.0, 0.0)
    low_v, high_v = window_v
    known_v = informative_vectors(vectors, programmed.shape[0], low_v=low_v, high_v=high_v, rng=rng)
    known = reader.read(known_v) if range_index is None else reader.read_in(range_index, known_v)
    try:
        return programmed.recalibrated(known_v, known.current_a, usable=known.usable)
    except CrosscalError:
        return programmed


@dataclass
class FixedInterval:
    """Recalibrates at equal intervals, from 2N vectors.

    Attributes:
        programmed: in use. reader: of the board. clock: its time. interval_s: between two.
    """

    programmed: ProgrammedCalibrator
    reader: VectorReader
    clock: AcceleratedClock
    interval_s: float
    rng: np.random.Generator
    due_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.due_s = self.clock() + self.interval_s

    def act(self) -> None:
        """Recalibrate."""
        self.programmed = learned(self.programmed, self.reader, 2 * self.programmed.shape[0], self.rng)
        self.due_s = max(self.due_s + self.interval_s, self.clock())


@dataclass
class FixedThreshold:
    """Reads eight vectors at equal intervals and recalibrates when their error has doubled.

    Attributes:
        programmed: in use. reader: of the board. clock: its time. interval_s: between two looks.
        most_recalibrations: where its board time ends.
    """

    programmed: ProgrammedCalibrator
    reader: VectorReader
    clock: AcceleratedClock
    interval_s: float
    most_recalibrations: int
    rng: np.random.Generator
    due_s: float = field(init=False)
    _sentinels_v: np.ndarray = field(init=False)
    _first: float = field(init=False, default=np.nan)

    def __post_init__(self) -> None:
        window_v = self.programmed.voltage_range_v or (0.0, 0.0)
        self._sentinels_v = vectors_within(window_v, 8, self.programmed.shape[0], self.rng)
        self._first = self._error(self.reader.read(self._sentinels_v))
        self.due_s = self.clock() + self.interval_s

    def act(self) -> None:
        """Look, and recalibrate if the error has doubled."""
        error = self._error(self.reader.read(self._sentinels_v))
        if error > 2.0 * self._first and self.most_recalibrations > 0:
            self.most_recalibrations -= 1
            self.programmed = learned(self.programmed, self.reader, 2 * self.programmed.shape[0], self.rng)
            self._first = self._error(self.reader.read(self._sentinels_v))
        self.due_s = max(self.due_s + self.interval_s, self.clock())

    def _error(self, known: KnownReadings) -> float:
        return nmse(self.programmed, known.voltage_v, known.current_a)


def nmse(programmed: ProgrammedCalibrator, voltage_v: np.ndarray, current_a: np.ndarray) -> float:
    """Error of calibrated currents relative to the variance that the inputs cause."""
    calibrated_a = programmed(current_a, allow_nan=True, allow_extrapolation=True)
    ideal_a = voltage_v @ programmed.conductance_s
    spread_a2 = ideal_a.var(axis=0).mean()
    return float(np.nanmean((calibrated_a - ideal_a) ** 2) / spread_a2)


def run_until(policy: Policy, until_s: float, clock: AcceleratedClock) -> None:
    """Let a policy act until a time, and let the clock arrive there."""
    while policy.due_s <= until_s and clock() < until_s:
        clock.advance(policy.due_s - clock())
        policy.act()
    clock.advance(until_s - clock())


def new_reader(board: AgeingBoard, clock: AcceleratedClock) -> VectorReader:
    """Make a reader of a board on a clock."""
    # The bench's own methods come by __getattr__.
    return VectorReader(cast(Hardware, board), clock)
