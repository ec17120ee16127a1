"""Noise of the sentinels: learned in another thread, while clients are served."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from daemon.daemon_rig import SHIPPED
from daemon.test_daemon_upkeep import Kept, read_through

from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.jobs.learning import at_once
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.runtime import Calibrator


def test_reads_are_served_while_the_noise_is_learned(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "store")
    waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def aside(work: Callable[[], Any]) -> Future[Any]:
        if kept.upkeep.busy != "sentinels":
            return at_once(work)
        waiting.append((Future(), work))
        return waiting[-1][0]

    kept.upkeep = Upkeep(
        Calibrator.load(SHIPPED),
        kept.journal,
        Drift(interval_s=(60.0, 60.0), before_reads=False),
        clock=kept.time,
        rng=np.random.default_rng(2),
        aside=aside,
    )
    kept.upkeep.attach(kept.board, "board")
    for _ in range(40):
        kept.clock.advance(61.0)
        while not waiting and kept.upkeep.step():
            pass
    assert kept.upkeep.step()
    assert not any(read_through(kept).uncalibrated)
    assert kept.upkeep.busy == "sentinels"
    ((future, work),) = waiting
    future.set_result(work())
    assert not kept.upkeep.step()
    assert len(waiting) == 1
    kept.store.close()
