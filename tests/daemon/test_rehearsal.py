"""Rehearsal of the daemon: it beats a board that is left alone, and goes on where it was cut off."""

from __future__ import annotations

from pathlib import Path

import pytest
from daemon.daemon_rig import PROFILE, SHIPPED

from crosscal.commands.rehearsal import rehearsal, run
from crosscal.commands.rehearsal.plan import DAEMON, NONE, ORACLE, RehearsalPlan, board_fingerprint
from crosscal.daemon.settings import Drift
from crosscal.simulated_bench.settings.bench_toml import profile_names


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
    assert rehearsal.finished(plan, tmp_path) == [DAEMON]
    assert "the calibrator and the daemon are kept in" in run._kept(plan, tmp_path)
    monkeypatch.setattr(rehearsal, "rehearse_daemon", _interrupted)
    figures = rehearsal.rehearse(plan, tmp_path, lambda _: None)
    assert figures.mean(DAEMON) < 1.5 * figures.mean(ORACLE)
    assert figures.mean(DAEMON) < 0.5 * figures.mean(NONE)
    assert 0.0 < figures.board_share[DAEMON] < 0.01
    # All parts are there: none is run again.
    monkeypatch.setattr(rehearsal, "rehearse_beside", _interrupted)
    assert rehearsal.rehearse(plan, tmp_path, lambda _: None).to_json() == figures.to_json()


def test_an_edited_board_is_another_one_under_the_same_name(tmp_path: Path) -> None:
    bench = tmp_path / "mine.toml"
    bench.write_text('profile = "memsys2025"\n')
    plan = RehearsalPlan(
        bench=str(bench), calibrator=SHIPPED, duration_s=60.0, reads=1, swing_c=0.0, drift=Drift(), seed=1
    )
    before = plan.fingerprint, run._calibrator_file(str(bench), tmp_path, 1)
    bench.write_text('# the same settings\nprofile = "memsys2025"\n')
    assert before == (plan.fingerprint, run._calibrator_file(str(bench), tmp_path, 1))
    bench.write_text('profile = "memsys2025"\n[wires]\nrow_ohm = 9.0\n')
    after = plan.fingerprint, run._calibrator_file(str(bench), tmp_path, 1)
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_every_board_that_comes_along_is_told_from_the_others() -> None:
    assert len({board_fingerprint(name) for name in profile_names()}) == len(profile_names())


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
