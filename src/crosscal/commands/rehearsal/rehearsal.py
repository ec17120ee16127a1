"""A month of a daemon in minutes: error over time beside an oracle and simpler policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from crosscal.commands.rehearsal.accelerated import AcceleratedClock, AgeingBoard, vectors_within
from crosscal.commands.rehearsal.policies import (
    FixedInterval,
    FixedThreshold,
    Policy,
    learned,
    new_reader,
    nmse,
    run_until,
)
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.condition import KeptHardware
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.runtime.store import Store
from crosscal.simulated_bench import Bench, program_bench

SCORED_VECTORS = 32  # at each instant: 32 vectors of 24 columns tell an error to 3 %
_FEEL_S = 600.0
"""Between two looks at the thermometer: it moves by half a degree at most."""
_UTC_S = 1.7e9
"""Any day to begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPlan:
    """What to rehearse.

    Attributes:
        bench: profile or bench.toml.
        calibrator: file trained for it.
        duration_s: of the month [s].
        reads: scored reads in it.
        swing_c: amplitude of the daily swing of temperature [°C].
        drift: settings of the daemon.
        seed: of matrix and vectors.
    """

    bench: str
    calibrator: Path
    duration_s: float
    reads: int
    swing_c: float
    drift: Drift
    seed: int


@dataclass(slots=True)
class Figures:
    """What came out.

    Attributes:
        time_s: of the scored reads [s].
        nmse: errors by policy.
        board_share: of board time, by policy that uses some.
        recalibrations, sentinels, alarms: of the daemon.
        store_bytes: at the end.
    """

    time_s: list[float] = field(default_factory=list)
    nmse: dict[str, list[float]] = field(default_factory=dict)
    board_share: dict[str, float] = field(default_factory=dict)
    recalibrations: int = 0
    sentinels: int = 0
    alarms: int = 0
    store_bytes: int = 0

    def add(self, policy: str, error: float) -> None:
        """Note the error of a scored read."""
        self.nmse.setdefault(policy, []).append(error)

    def mean(self, policy: str) -> float:
        """Time-averaged error."""
        return float(np.mean(self.nmse[policy]))

    def to_json(self) -> dict[str, Any]:
        """Return all as plain JSON values."""
        return {
            "time_averaged_nmse": {name: self.mean(name) for name in self.nmse},
            "board_share": self.board_share,
            "recalibrations": self.recalibrations,
            "sentinels": self.sentinels,
            "alarms": self.alarms,
            "store_bytes": self.store_bytes,
            "time_s": self.time_s,
            "nmse": self.nmse,
        }


def rehearse(plan: RehearsalPlan, store: Path, progress: Callable[[float], object]) -> Figures:
    """Run the daemon's upkeep and the policies beside it.

    Args:
        plan: what to rehearse.
        store: folder of a new store.
        progress: told the share that is done.
    """
    figures = Figures()
    times_s = np.linspace(0.0, plan.duration_s, plan.reads + 1)[1:]
    figures.time_s = times_s.tolist()
    vectors = _daemon(plan, store, figures, times_s, lambda done: progress(0.6 * done))
    _beside(plan, figures, times_s, vectors, lambda done: progress(0.6 + 0.4 * done))
    return figures


def _new_board(plan: RehearsalPlan, clock: AcceleratedClock) -> tuple[AgeingBoard, ProgrammedCalibrator]:
    bench = Bench.from_toml(plan.bench)
    calibrator = Calibrator.load(plan.calibrator)
    facts = bench.facts
    limits_s = facts.conductance_min_s, facts.conductance_max_s
    # Read noise lets a calibrator's file begin a little below what a board can be programmed to.
    low_s, high_s = np.clip(calibrator.conductance_range_s or limits_s, *limits_s)
    rng = np.random.default_rng([plan.seed, 1])
    target_s = rng.uniform(low_s, high_s, (bench.facts.rows, bench.facts.columns))
    program_bench(bench, target_s)
    board = AgeingBoard(bench, target_s, clock, swing_c=plan.swing_c)
    return board, calibrator.program(target_s)


def _daemon(
    plan: RehearsalPlan,
    store: Path,
    figures: Figures,
    times_s: np.ndarray,
    progress: Callable[[float], object],
) -> int:
    """Rehearse the daemon, with the oracle and a single calibration beside it; return the vectors it read."""
    clock = AcceleratedClock()
    board, as_trained = _new_board(plan, clock)
    rng = np.random.default_rng([plan.seed, 2])
    time = DaemonClock(monotonic=clock, utc=lambda: _UTC_S + clock(), sleep=clock.advance)
    with Store.open(store) as opened:
        journal = Journal(opened, clock=time)
        upkeep = Upkeep(Calibrator.load(plan.calibrator), journal, plan.drift, clock=time, rng=rng)
        upkeep.attach(cast(KeptHardware, board), "rehearsal")
        while upkeep.step() or upkeep.next_due_s <= clock():
            pass
        once = upkeep.condition.programmed or as_trained
        for index, until_s in enumerate(times_s):
            _keep(upkeep, float(until_s), clock)
            before = board.vectors
            _score(plan, board, clock, index, figures, {"between": upkeep.condition.programmed})
            board.vectors = before
            # As the proxy has it: a read that comes after a pause may wait for a recalibration.
            upkeep.prepare_read(lambda: None)
            before = board.vectors
            _score(plan, board, clock, index, figures, {"daemon": upkeep.condition.programmed, "once": once})
            figures.add("oracle", _oracle(plan, board, clock, index, as_trained))
            figures.add("none", _scored(plan, board, clock, index, as_trained))
            board.vectors = before
            progress((index + 1) / len(times_s))
        figures.recalibrations = len(opened.events(kind="recalibration"))
        figures.sentinels = len(opened.sentinels())
        figures.alarms = journal.raised
        figures.store_bytes = opened.size_bytes
    account = upkeep.board_time
    figures.board_share["daemon"] = 0.0 if account is None else account.spent_s / plan.duration_s
    return board.vectors


def _keep(upkeep: Upkeep, until_s: float, clock: AcceleratedClock) -> None:
    """Let the daemon do what is due until a time."""
    while clock() < until_s:
        while upkeep.step() or upkeep.next_due_s <= clock():
            pass
        clock.advance(min(upkeep.next_due_s, clock() + _FEEL_S, until_s) - clock())
        upkeep.feel()


def _beside(
    plan: RehearsalPlan,
    figures: Figures,
    times_s: np.ndarray,
    vectors: int,
    progress: Callable[[float], object],
) -> None:
    """Rehearse a fixed interval and a fixed threshold with as many vectors as the daemon took."""
    rows = Bench.from_toml(plan.bench).facts.rows
    each = 2 * rows
    for part, name in enumerate(("interval", "threshold")):
        clock = AcceleratedClock()
        board, as_trained = _new_board(plan, clock)
        rng = np.random.default_rng([plan.seed, 3])
        reader = new_reader(board, clock)
        first = learned(as_trained, reader, each, rng)
        policy: Policy
        if name == "interval":
            policy = FixedInterval(first, reader, clock, plan.duration_s * each / max(vectors, each), rng)
        else:
            recalibrations = max(vectors // (2 * each), 1)
            looks = max(vectors // 2 // 8, 1)
            policy = FixedThreshold(first, reader, clock, plan.duration_s / looks, recalibrations, rng)
        for index, until_s in enumerate(times_s):
            run_until(policy, float(until_s), clock, lambda: None)
            before = board.vectors
            figures.add(name, _scored(plan, board, clock, index, policy.programmed or as_trained))
            board.vectors = before
            progress((part + (index + 1) / len(times_s)) / 2.0)
        figures.board_share[name] = board.vectors * reader.vector_s / plan.duration_s


def _score(
    plan: RehearsalPlan,
    board: AgeingBoard,
    clock: AcceleratedClock,
    index: int,
    figures: Figures,
    calibrators: dict[str, ProgrammedCalibrator | None],
) -> None:
    for name, programmed in calibrators.items():
        error = 1.0 if programmed is None else _scored(plan, board, clock, index, programmed)
        figures.add(name, error)


def _scored(
    plan: RehearsalPlan,
    board: AgeingBoard,
    clock: AcceleratedClock,
    index: int,
    programmed: ProgrammedCalibrator,
) -> float:
    """Error of a read of ordinary vectors, the same for all policies."""
    window_v = programmed.voltage_range_v or (0.0, 0.0)
    rng = np.random.default_rng([plan.seed, 4, index])
    voltage_v = vectors_within(window_v, SCORED_VECTORS, programmed.shape[0], rng)
    return nmse(programmed, voltage_v, new_reader(board, clock).read(voltage_v).current_a)


def _oracle(
    plan: RehearsalPlan,
    board: AgeingBoard,
    clock: AcceleratedClock,
    index: int,
    as_trained: ProgrammedCalibrator,
) -> float:
    """Error of a board that was recalibrated from 4N vectors just before the read."""
    rng = np.random.default_rng([plan.seed, 5, index])
    best = learned(as_trained, new_reader(board, clock), 4 * as_trained.shape[0], rng)
    return _scored(plan, board, clock, index, best)
