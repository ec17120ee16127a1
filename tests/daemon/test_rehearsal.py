"""Rehearsal of the daemon: it beats a board that is left alone, and goes on where it was cut off."""

from __future__ import annotations

from pathlib import Path

import pytest
from daemon.daemon_rig import PROFILE, SHIPPED

from crosscal.commands.rehearsal import rehearsal
from crosscal.commands.rehearsal.plan import DAEMON, NONE, ORACLE, RehearsalPlan
from crosscal.daemon.settings import Drift


def test_rehearsal_keeps_finished_parts_and_runs_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = RehearsalPlan(
        bench=PROFILE,
        calibrator=SHIPPED,
        duration_s=3 * 3600.0,
        reads=3,
        swing_c=10.0,
        drift=Drift(),
        seed=1,
    )
    cut_off = pytest.MonkeyPatch()
    cut_off.setattr(rehearsal, "rehearse_beside", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        rehearsal.rehearse(plan, tmp_path, lambda _: None)
    cut_off.undo()
    monkeypatch.setattr(rehearsal, "rehearse_daemon", _interrupted)
    figures = rehearsal.rehearse(plan, tmp_path, lambda _: None)
    assert figures.mean(DAEMON) < 1.5 * figures.mean(ORACLE)
    assert figures.mean(DAEMON) < 0.5 * figures.mean(NONE)
    assert 0.0 < figures.board_share[DAEMON] < 0.01
    # All parts are there: none is run again.
    monkeypatch.setattr(rehearsal, "rehearse_beside", _interrupted)
    assert rehearsal.rehearse(plan, tmp_path, lambda _: None).to_json() == figures.to_json()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
