"""Rehearsal of the daemon itself, beside the oracle and boards that are never recalibrated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np

from crosscal.commands.rehearsal.accelerated import AcceleratedClock
from crosscal.commands.rehearsal.plan import BETWEEN, DAEMON, NONE, ONCE, ORACLE, Figures, RehearsalPlan
from crosscal.commands.rehearsal.stage import Stage, error_of
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.journal import Journal
from crosscal.daemon.upkeep.condition import KeptHardware
from crosscal.daemon.upkeep.known_vectors import KnownReadings
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.runtime import Calibrator
from crosscal.runtime.store import Store

_FEEL_S = 600.0
"""Between two looks at the thermometer: it moves by half a degree at most."""
_UTC_S = 1.7e9
"""Any day to begin with."""


def rehearse_daemon(plan: RehearsalPlan, store: Path, progress: Callable[[float], object]) -> Figures:
    """Let the daemon keep a board through the month.

    Args:
        plan: what to rehearse.
        store: folder of a new store.
        progress: told the share that is done.
    """
    stage, figures = Stage.of(plan), Figures()
    clock = stage.clock
    time = DaemonClock(monotonic=clock, utc=lambda: _UTC_S + clock(), sleep=clock.advance)
    with Store.open(store) as opened:
        journal = Journal(opened, clock=time)
        rng = np.random.default_rng([plan.seed, 2])
        upkeep = Upkeep(Calibrator.load(plan.calibrator), journal, plan.drift, clock=time, rng=rng)
        upkeep.attach(cast(KeptHardware, stage.board), "rehearsal")
        upkeep.new_matrix(stage.board.target_s, "programmed", written=True)
        _settle(upkeep, clock)
        once = upkeep.condition.programmed or stage.as_trained
        for index, until_s in enumerate(plan.times_s):
            _keep(upkeep, float(until_s), clock)
            read = stage.scored(index)
            figures.add(BETWEEN, _error(upkeep, stage, read))
            # As the proxy has it: a read that comes after a pause may wait for a recalibration.
            upkeep.prepare_read(lambda: None)
            oracle, read = stage.oracle(index, read.range_index), stage.scored(index)
            figures.add(DAEMON, _error(upkeep, stage, read))
            figures.add(ORACLE, error_of(oracle, read))
            figures.add(ONCE, error_of(once, read))
            figures.add(NONE, error_of(stage.as_trained, read))
            progress((index + 1) / plan.reads)
        sentinels = len(opened.sentinels())
        journal.thin()
        account = upkeep.board_time
        figures.board_share[DAEMON] = 0.0 if account is None else account.spent_s / plan.duration_s
        figures.counts = {
            "recalibrations": len(opened.events(kind="recalibration")),
            "sentinels": sentinels,
            "alarms": journal.raised,
            "store_bytes": opened.size_bytes,
            "vectors": stage.board.vectors,
        }
    return figures


def _settle(upkeep: Upkeep, clock: AcceleratedClock) -> None:
    """Do all that is due now."""
    while upkeep.step() or upkeep.next_due_s <= clock():
        pass


def _keep(upkeep: Upkeep, until_s: float, clock: AcceleratedClock) -> None:
    """Let the daemon do what is due until a time."""
    while clock() < until_s:
        _settle(upkeep, clock)
        clock.advance(min(upkeep.next_due_s, clock() + _FEEL_S, until_s) - clock())
        upkeep.feel()


def _error(upkeep: Upkeep, stage: Stage, read: KnownReadings) -> float:
    """Error of a read through the proxy."""
    if read.range_index is None:
        return error_of(upkeep.condition.programmed, read)
    with stage.board.uncounted():
        refer = upkeep.refer(read.range_index)
    return error_of(upkeep.condition.programmed, read, refer)
