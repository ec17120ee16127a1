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
from crosscal.runtime.drift.memory import MonitorMemory


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


def quiet(kept: Kept, seed: int = 3) -> None:
    """Give the upkeep another, as after a restart, that looks every minute."""
    kept.upkeep = Upkeep(
        Calibrator.load(SHIPPED),
        kept.journal,
        Drift(interval_s=(60.0, 60.0), before_reads=False),
        clock=kept.time,
        rng=np.random.default_rng(seed),
    )
    kept.upkeep.attach(kept.board, "board")


def memory_of(kept: Kept) -> MonitorMemory:
    watch = kept.upkeep._upkept.watch
    assert watch is not None
    return watch._monitor.memory


def test_noise_is_learned_on_over_a_restart(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "store")
    quiet(kept)
    kept.let_pass(40 * 61.0, turns=40)
    before = memory_of(kept)
    assert before.learned.readings >= 16
    kept.upkeep.keep_noise()
    quiet(kept, seed=4)
    after = memory_of(kept)
    assert np.array_equal(after.voltage_v, before.voltage_v)
    assert (after.readings, after.learn_at) == (before.readings, before.learn_at)
    assert np.allclose(after.learned.white * after.variance, before.learned.white * before.variance)
    assert np.allclose(after.learned.slow, before.learned.slow)
    ours, theirs = (
        np.concatenate([residuals for _, residuals in each.runs]) * np.sqrt(each.variance)[:, None]
        for each in (before, after)
    )
    assert np.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(ours).max())
    kept.let_pass(40 * 61.0, turns=40)
    assert memory_of(kept).learned.readings > before.readings
    kept.store.close()


def test_cells_that_were_written_anew_have_no_noise_of_before(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "store")
    quiet(kept)
    kept.let_pass(20 * 61.0, turns=20)
    kept.upkeep.keep_noise()
    kept.upkeep.new_matrix(kept.board.target_s, "programmed", written=True)
    assert memory_of(kept).readings == 0
    quiet(kept, seed=4)
    assert memory_of(kept).readings == 0
    kept.store.close()


def test_damaged_memory_of_the_noise_stops_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "store")
    quiet(kept)
    kept.let_pass(20 * 61.0, turns=20)
    kept.upkeep.keep_noise()
    (path,) = (tmp_path / "store").glob("noise*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    quiet(kept, seed=4)
    assert memory_of(kept).readings == 0
    assert not kept.alarms
    kept.store.close()
