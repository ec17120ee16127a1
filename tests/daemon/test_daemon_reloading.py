"""Settings of `[drift]` read again: they apply to the board that is there, at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon.daemon_rig import write_settings
from daemon.test_daemon_upkeep import HOUR_S, Kept

from crosscal.daemon.reloading import reload_settings
from crosscal.daemon.settings import DaemonSettings


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path / "store")
    kept.let_pass(60.0, turns=5)
    yield kept
    kept.store.close()


def read_again(kept: Kept, folder: Path, *lines: str) -> None:
    """Write other settings of drift, and let the upkeep take them as SIGHUP does."""
    known = DaemonSettings.load(write_settings(folder, 1))
    path = write_settings(folder, 1, drift="\n".join(("[drift]", *lines)))
    reload_settings(path, known, kept.upkeep, kept.journal)


@pytest.mark.parametrize("attached_anew", [False, True])
def test_another_share_of_board_time_is_earned_from_now_on(
    kept: Kept, tmp_path: Path, attached_anew: bool
) -> None:
    read_again(kept, tmp_path, "board_share = 0.1")
    if attached_anew:
        kept.upkeep.detach("the board was lost")
        kept.upkeep.attach(kept.board, "board")
    time = kept.upkeep.board_time
    assert time is not None
    time.spend(10.0)
    before_s = time.balance_s
    kept.clock.advance(50.0)
    assert time.balance_s - before_s == pytest.approx(5.0)


def test_a_shorter_interval_need_not_wait_for_the_end_of_a_long_one(kept: Kept, tmp_path: Path) -> None:
    kept.let_pass(12 * HOUR_S, turns=40)
    assert kept.upkeep.next_due_s > kept.clock() + 200.0
    read_again(kept, tmp_path, "interval_s = [60, 90]")
    assert kept.upkeep.next_due_s <= kept.clock() + 90.0


def test_more_false_alarms_are_allowed_for_the_calibration_that_is_watched(
    kept: Kept, tmp_path: Path
) -> None:
    def alarms_of_an_hour() -> int:
        before = len(kept.store.sentinels())
        kept.let_pass(HOUR_S, turns=50)
        found = kept.store.sentinels()[before:]
        assert len(found) >= 45
        return sum(record.alarm is not None for record in found)

    read_again(kept, tmp_path, "interval_s = [60, 60]")
    # Slow noise of cells is an alarm now and then, also among the default one in ten days.
    usual = alarms_of_an_hour()
    read_again(kept, tmp_path, "interval_s = [60, 60]", "false_alarms_per_day = 720")
    allowed = alarms_of_an_hour()
    # Every second reading may be a false alarm.
    assert usual < 10 < allowed, (usual, allowed)
