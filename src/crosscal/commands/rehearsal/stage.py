"""Stage of a rehearsal: the board, its clock, and the reads that policies are scored by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np

from crosscal.commands.rehearsal.accelerated import AcceleratedClock, AgeingBoard, vectors_within
from crosscal.commands.rehearsal.plan import RehearsalPlan
from crosscal.commands.rehearsal.policies import learned, new_reader, nmse
from crosscal.core.array_types import Currents
from crosscal.daemon.upkeep.known_vectors import KnownReadings, VectorReader
from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.simulated_bench import Bench, program_bench

SCORED_VECTORS = 32  # at each instant: 32 vectors of 24 columns tell an error to 3 %


class Stage:
    """A board that was programmed just now, the same for all parts of a rehearsal.

    Attributes:
        board: on its clock.
        clock: of board and daemon.
        as_trained: the calibrator, compiled for its matrix.
    """

    def __init__(
        self,
        plan: RehearsalPlan,
        board: AgeingBoard,
        clock: AcceleratedClock,
        as_trained: ProgrammedCalibrator,
    ) -> None:
        self.board, self.clock, self.as_trained = board, clock, as_trained
        self._plan = plan

    @classmethod
    def of(cls, plan: RehearsalPlan) -> Self:
        """Program a board of the plan."""
        clock = AcceleratedClock()
        bench = Bench.from_toml(plan.bench)
        calibrator = Calibrator.load(plan.calibrator)
        facts = bench.facts
        limits_s = facts.conductance_min_s, facts.conductance_max_s
        # Read noise lets a calibrator's file begin a little below what a board can be programmed to.
        low_s, high_s = np.clip(calibrator.conductance_range_s or limits_s, *limits_s)
        rng = np.random.default_rng([plan.seed, 1])
        target_s = rng.uniform(low_s, high_s, (facts.rows, facts.columns))
        program_bench(bench, target_s)
        board = AgeingBoard(bench, target_s, clock, swing_c=plan.swing_c)
        return cls(plan, board, clock, calibrator.program(target_s))

    def reader(self) -> VectorReader:
        """Make a reader of the board, which begins in the range of power-on."""
        return new_reader(self.board, self.clock)

    def scored(self, index: int) -> KnownReadings:
        """Read the ordinary vectors of an instant, the same for all policies, at no cost."""
        rng = np.random.default_rng([self._plan.seed, 4, index])
        with self.board.uncounted():
            return self.reader().read(self._within(SCORED_VECTORS, rng))

    def oracle(self, index: int, range_index: int | None) -> ProgrammedCalibrator:
        """Recalibrate from 4N vectors that cost no time, in the range of the read that is scored."""
        rng = np.random.default_rng([self._plan.seed, 5, index])
        with self.board.uncounted():
            vectors = 4 * self.as_trained.shape[0]
            return learned(self.as_trained, self.reader(), vectors, rng, range_index=range_index)

    def _within(self, count: int, rng: np.random.Generator) -> np.ndarray:
        window_v = self.as_trained.voltage_range_v or (0.0, 0.0)
        return vectors_within(window_v, count, self.as_trained.shape[0], rng)


def error_of(
    programmed: ProgrammedCalibrator | None,
    read: KnownReadings,
    refer: Callable[[Currents], Currents] = np.asarray,
) -> float:
    """Error of calibrated currents relative to the variance that the inputs cause; 1 without a calibrator."""
    return 1.0 if programmed is None else nmse(programmed, read.voltage_v, refer(read.measured_a))
