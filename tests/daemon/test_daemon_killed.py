"""Kills of an upkeep that recalibrates all the time, commits included: nothing is lost or torn."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from daemon.daemon_rig import PROFILE, SHIPPED, matrix, vectors
from daemon.test_daemon_upkeep import KeptBench
from support.fake_clock import FakeClock

from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep import judgement
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.runtime import Calibrator
from crosscal.runtime.store import Store
from crosscal.simulated_bench import Bench, program_bench

KILLS, IN_COMMITS = 20, 5
LONG_S = 120.0


def recalibrate_for_ever(folder: Path, calibrator: Calibrator, told: Connection) -> None:
    """Commit one recalibration after another; tell when each begins, and its version when it is done."""
    judgement.MOST_RATIO = 0.0  # Every verification asks for a recalibration.
    clock = FakeClock()
    time = DaemonClock(monotonic=clock, utc=clock, sleep=clock.advance)
    bench, target_s = Bench.from_toml(PROFILE), matrix(1)
    program_bench(bench, target_s)
    with Store.open(folder) as store:
        commit = store.commit_calibration

        def telling(*arguments: object, **settings: object) -> int:
            told.send("commit")
            version = commit(*arguments, **settings)  # type: ignore[arg-type]
            told.send(version)
            return version

        store.commit_calibration = telling  # type: ignore[method-assign,assignment]
        upkeep = Upkeep(
            calibrator,
            Journal(store, clock=time),
            Drift(),
            clock=time,
            rng=np.random.default_rng(os.getpid()),
        )
        upkeep.attach(KeptBench(bench, target_s), "board")
        while True:
            clock.advance(3600.0)
            upkeep.calibrate(lambda: None)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs processes that fork")
def test_no_committed_calibration_is_lost_in_twenty_kills_and_the_last_one_is_right(tmp_path: Path) -> None:
    rng, fork = np.random.default_rng(7), multiprocessing.get_context("fork")
    calibrator, target_s, folder = Calibrator.load(SHIPPED), matrix(1), tmp_path / "store"
    bench = Bench.from_toml(PROFILE)
    program_bench(bench, target_s)
    current_a = np.array(
        [
            bench.measure(
                vector, range_index=len(bench.facts.ranges_a) - 1, aperture_s=1e-3, averages=1, dwell_s=1e-3
            ).current_a
            for vector in vectors(8)
        ]
    )
    committed = 0
    for kill in range(KILLS):
        ours, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=recalibrate_for_ever, args=(folder, calibrator, theirs), daemon=True)
        process.start()
        theirs.close()
        # One in four in the middle of a commit, all others at any time after the first.
        until = rng.integers(1, 4) if kill % (KILLS // IN_COMMITS) else np.inf
        said = 0
        while True:
            assert ours.poll(LONG_S), "the upkeep stands still"
            word = ours.recv()
            if word == "commit" and until == np.inf:
                break
            if word != "commit":
                committed, said = max(committed, word), said + 1
                if said >= until:
                    break
        process.join(float(rng.uniform(0.0, 0.004 if until == np.inf else 0.03)))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(LONG_S)
        while ours.poll():
            try:
                word = ours.recv()
            except EOFError:
                break
            committed = max(committed, 0 if word == "commit" else word)
        with Store.open(folder) as store:
            assert store.integrity() == []
            current = store.current()
            assert len(store.versions()) >= committed
            assert current is not None or committed == 0
    assert committed >= KILLS - IN_COMMITS
    with Store.open(folder) as store:
        current = store.current()
        assert current is not None
        latest = Calibrator.from_bytes(store.calibration(current.version), origin="the store").program(
            target_s
        )
    error_a = latest(current_a) - vectors(8) @ target_s
    assert (error_a**2).mean() / (vectors(8) @ target_s).var() < 5e-3
