"""Upkeep on a board in the same process, on one clock: drift, a full disk, a matrix of no calibrator."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from daemon.daemon_rig import PROFILE, SHIPPED, matrix
from support.fake_clock import FakeClock

from crosscal.core.errors import BoardError, BoardTimeoutError, ScpiError, StoreFullError
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.hardware.calibrated_hardware import CalibratedHardware
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.kept_reference import FACT, KeptReference
from crosscal.daemon.upkeep.known_vectors import VectorReader
from crosscal.daemon.upkeep.matrix_age import MatrixAge
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.daemon.upkeep.watch.staleness import Staleness
from crosscal.firmware_models import HardwareFailure
from crosscal.runtime import Calibrator
from crosscal.runtime.recalibration.posterior import ColumnPosterior
from crosscal.runtime.recalibration.verification import Verification, verify
from crosscal.runtime.reference.ageing import Ageing
from crosscal.runtime.store import Store
from crosscal.simulated_bench import Bench, program_bench

HOUR_S = 3600.0
LAST_RANGE = len(Bench.from_toml(PROFILE).facts.ranges_a) - 1


class KeptBench:
    """A bench with a target that can be asked for, and a count of the vectors that it was read with."""

    def __init__(self, bench: Bench, target_s: np.ndarray) -> None:
        self.bench, self.target_s = bench, target_s
        self.facts = bench.facts
        self.vectors = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bench, name)

    def measure(self, voltage_v: array[float], **settings: Any) -> Any:
        self.vectors += len(voltage_v) // self.facts.rows
        return self.bench.measure(voltage_v, **settings)

    def acknowledge(self) -> None:
        pass

    def changed(self) -> bool:
        return False

    def catch_up(self) -> None:
        pass

    def hold(self, vector_v: array[float]) -> None:
        del vector_v


class Kept:
    """An upkeep with all that it needs."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.utc_offset_s = 0.0
        self.time = time = DaemonClock(
            monotonic=self.clock, utc=lambda: self.clock() + self.utc_offset_s, sleep=self.clock.advance
        )
        self.store = Store.open(folder)
        self.alarms: list[dict[str, Any]] = []
        self.journal = Journal(self.store, clock=time, command=lambda alarm: self.alarms.append(dict(alarm)))
        self.upkeep = Upkeep(
            Calibrator.load(SHIPPED), self.journal, Drift(), clock=time, rng=np.random.default_rng(1)
        )
        bench, target_s = Bench.from_toml(PROFILE), matrix(1)
        program_bench(bench, target_s)
        self.board = KeptBench(bench, target_s)
        self.upkeep.attach(self.board, "board")

    def let_pass(self, duration_s: float, *, turns: int = 400) -> None:
        """Let time pass in turns, as a daemon that nobody uses."""
        for _ in range(turns):
            self.clock.advance(duration_s / turns)
            while self.upkeep.step():
                pass


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path / "store")
    yield kept
    kept.store.close()


def test_calibration_is_verified_when_the_board_comes_and_committed(kept: Kept) -> None:
    kept.let_pass(60.0, turns=5)
    assert kept.upkeep.condition.doubt == ""
    assert kept.upkeep.age_s is not None
    assert kept.store.current() is not None


def test_quiet_board_is_looked_at_ever_less_and_within_its_share(kept: Kept) -> None:
    kept.let_pass(HOUR_S, turns=60)
    first = kept.board.vectors
    kept.let_pass(12 * HOUR_S, turns=100)
    assert kept.board.vectors - first < 12 * first
    time = kept.upkeep.board_time
    assert time is not None
    assert time.share_used < 0.01
    assert not kept.alarms


def test_drift_is_noticed_diagnosed_repaired_and_committed(kept: Kept) -> None:
    kept.let_pass(HOUR_S, turns=60)
    before = len(kept.store.versions())
    kept.board.bench.set_temperature(60.0)
    kept.upkeep.feel()
    kept.let_pass(HOUR_S, turns=60)
    assert kept.upkeep.condition.doubt == ""
    assert len(kept.store.versions()) > before
    assert kept.store.events(kind="drift")
    latest = kept.store.versions()[-1].meta
    assert latest["rms_error_after_a"] < latest["rms_error_before_a"]


def test_each_jump_is_learned_as_well_as_the_first_and_states_its_true_error(kept: Kept) -> None:
    voltage_v = np.random.default_rng(6).uniform(0.1, 0.5, (64, 12))
    errors_a = []
    for temperature_c in (60.0, 20.0, 60.0, 25.0):
        kept.board.bench.set_temperature(temperature_c)
        kept.clock.advance(24 * HOUR_S)
        assert kept.upkeep.calibrate(lambda: None) == 0
        programmed = kept.upkeep.condition.programmed
        assert programmed is not None
        known = VectorReader(kept.board, kept.clock).read(voltage_v)
        errors = verify(programmed, voltage_v, known.measured_a)
        assert errors.expected_a is not None
        assert 0.5 < errors.rms_a / errors.expected_a < 1.5
        errors_a.append(errors.rms_a)
    assert max(errors_a[1:]) < 1.5 * errors_a[0]


def test_ageing_is_foretold_for_reads_of_a_matrix_whose_programming_was_seen(kept: Kept) -> None:
    ageing = Ageing()
    for age_s, common in ((100.0, 0.0), (200.0, -0.05), (400.0, -0.0975), (800.0, -0.142625)):
        mean = np.full((16, 14), common / 2)
        posterior = ColumnPosterior(mean=mean, covariance=np.zeros((16, 14, 14)), noise=1e-3)
        ageing.take(posterior, age_s=age_s, temperature_c=None)
    measured_a = np.full((1, 16), 1e-5)
    for seen in (False, True):
        age = MatrixAge(kept.time)
        age.begin(written=seen)
        before = KeptReference(age)
        before.compare(LAST_RANGE, VectorReader(kept.board, kept.clock), lambda _: measured_a, None)
        facts = before.facts
        facts[FACT]["ageing"] = ageing.to_json()
        reference = KeptReference(age)
        reference.restore(facts)
        kept.clock.advance(1600.0)
        foretold = reference.refer(LAST_RANGE, None)(measured_a) / measured_a
        np.testing.assert_allclose(foretold, 1.0 / 0.95 if seen else 1.0, rtol=2e-3)
        assert (reference.factor_deviation > 0.0) is seen
        np.testing.assert_array_equal(reference.refer_present(LAST_RANGE, None)(measured_a), measured_a)


def test_the_age_of_a_matrix_that_another_client_may_have_written_anew_is_not_known(kept: Kept) -> None:
    age, target_s = kept.upkeep._calibration.age, kept.board.target_s
    kept.upkeep.new_matrix(target_s, "programmed", written=True)
    kept.let_pass(60.0, turns=5)
    assert kept.upkeep.calibrate(lambda: None) == 0
    kept.upkeep.attach(kept.board, "board")
    assert age.seen
    for other_s in (target_s, matrix(2), target_s):
        kept.board.target_s = other_s
        kept.upkeep.look_again("another client changed the board")
        assert not age.seen
    kept.upkeep.new_matrix(target_s, "programmed", written=True)
    assert age.seen


def test_stated_deviations_contain_that_of_the_ageing_foretold(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = CalibratedHardware(kept.board.facts, kept.upkeep, feed=lambda: None)
    proxy.attach(kept.board)
    vector, settings = array("d", [0.3] * 12), {"range_index": LAST_RANGE, "averages": 1}

    def stated() -> tuple[np.ndarray, np.ndarray]:
        reading = proxy.measure(vector, aperture_s=1e-3, dwell_s=1e-3, **settings)
        return np.array(reading.calibrated_a), np.array(proxy.deviations(reading.current_a, reading.status))

    _, own_a = stated()
    monkeypatch.setattr(Upkeep, "foretold_deviation", 0.05)
    current_a, stated_a = stated()
    np.testing.assert_allclose(stated_a, np.hypot(own_a, 0.05 * current_a), rtol=0.02)


def test_program_during_a_recalibration_ends_it_cleanly(kept: Kept) -> None:
    kept.board.bench.set_temperature(60.0)
    kept.clock.advance(HOUR_S)
    versions = len(kept.store.versions())
    for _ in range(100):
        kept.upkeep.step()
        if kept.upkeep.busy == "recalibration":
            break
        kept.clock.advance(60.0)
    assert kept.upkeep.busy == "recalibration"
    kept.upkeep.programming_begins(matrix(2))
    assert kept.upkeep.busy == ""
    assert kept.upkeep.condition.programmed is None
    assert len(kept.store.versions()) == versions
    kept.board.target_s = matrix(2)
    program_bench(kept.board.bench, kept.board.target_s)
    kept.upkeep.new_matrix(kept.board.target_s, "programmed")
    assert kept.upkeep.condition.programmed is not None


@pytest.mark.parametrize(
    ("failing", "fault"),
    [
        ("programming_iteration", BoardTimeoutError("nothing came")),
        ("measure", BoardTimeoutError("nothing came")),
        ("measure", ScpiError(-222, "out of range", "READ?")),
    ],
)
def test_a_matrix_that_a_client_programmed_is_no_other_one_however_its_verification_ends(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, failing: str, fault: BoardError
) -> None:
    proxy = CalibratedHardware(kept.board.facts, kept.upkeep, feed=lambda: None)
    proxy.attach(kept.board)
    target_s = kept.board.target_s = matrix(2)
    with monkeypatch.context() as patch:

        def fail(*_: Any, **__: Any) -> None:
            raise fault

        patch.setattr(kept.board, failing, fail, raising=False)
        proxy.begin_programming(array("d", target_s.ravel()), 0.01)
        with suppress(HardwareFailure, ScpiError):
            while not proxy.programming_iteration().finished:
                pass
    kept.upkeep.attach(kept.board, "board")
    assert not kept.alarms
    told = [event.text for event in kept.store.events(kind="matrix")]
    assert sum("another one in 192 of 192 cells" in text for text in told) == 1
    # One that nobody has programmed is.
    kept.board.target_s = matrix(3)
    kept.upkeep.attach(kept.board, "board")
    assert [alarm["kind"] for alarm in kept.alarms] == ["matrix"]


def test_full_disk_is_an_alarm_and_reading_goes_on(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.let_pass(HOUR_S, turns=30)

    def full(*_: Any, **__: Any) -> None:
        raise StoreFullError("no room")

    for name in ("commit_calibration", "record_sentinel", "record_event", "record_temperature"):
        monkeypatch.setattr(kept.store, name, full)
    kept.board.bench.set_temperature(60.0)
    kept.let_pass(2 * HOUR_S, turns=60)
    assert kept.alarms[0]["kind"] == "store"
    assert len(kept.alarms) <= 3
    proxy = CalibratedHardware(kept.board.facts, kept.upkeep, feed=lambda: None)
    proxy.attach(kept.board)
    vector = array("d", [0.3] * 12)
    reading = proxy.measure(vector, range_index=LAST_RANGE, aperture_s=1e-3, averages=1, dwell_s=1e-3)
    assert not any(reading.uncalibrated)
    # Another client touches the board, it is connected again, and there is room again.
    kept.upkeep.settings = Drift(before_reads=False)
    versions, learned = len(kept.store.versions()), error_in_range(kept, LAST_RANGE)
    kept.upkeep.look_again("another client changed the board")
    assert error_in_range(kept, LAST_RANGE) < 1.2 * learned
    kept.upkeep.attach(kept.board, "board")
    assert error_in_range(kept, LAST_RANGE) < 1.2 * learned
    monkeypatch.undo()
    kept.let_pass(HOUR_S, turns=2)
    assert len(kept.store.versions()) == versions + 1
    assert error_in_range(kept, LAST_RANGE) < 1.2 * learned


def test_matrix_that_cannot_be_calibrated_is_an_alarm_and_never_a_number(kept: Kept) -> None:
    kept.upkeep.new_matrix(np.full((12, 16), 1e-9), "programmed")
    assert kept.upkeep.condition.programmed is None
    assert [alarm["kind"] for alarm in kept.alarms] == ["uncalibrated"]
    proxy = CalibratedHardware(kept.board.facts, kept.upkeep, feed=lambda: None)
    proxy.attach(kept.board)
    vector = array("d", [0.3] * 12)
    reading = proxy.measure(vector, range_index=LAST_RANGE, aperture_s=1e-3, averages=1, dwell_s=1e-3)
    assert all(reading.uncalibrated)
    assert set(reading.calibrated_a) == {9.91e37}


def test_board_that_is_away_fails_and_is_not_answered_from_memory(kept: Kept) -> None:
    proxy = CalibratedHardware(kept.board.facts, kept.upkeep, feed=lambda: None)
    with pytest.raises(RuntimeError, match="away"):
        proxy.measure(
            array("d", [0.3] * 12), range_index=LAST_RANGE, aperture_s=1e-3, averages=1, dwell_s=1e-3
        )
    kept.upkeep.detach("unplugged")
    assert proxy.calibration_in_doubt()
    assert proxy.calibrate() == -240


def test_what_the_board_reads_back_is_used_before_anything_is_read(kept: Kept) -> None:
    target_s = kept.board.target_s = matrix(5)
    program_bench(kept.board.bench, target_s)
    voltage_v = np.random.default_rng(3).uniform(0.1, 0.5, (64, 12))

    def error(*, written: bool) -> float:
        kept.upkeep.new_matrix(target_s, "programmed", written=written)
        programmed = kept.upkeep.condition.programmed
        assert programmed is not None
        reading = kept.board.bench.measure(
            array("d", voltage_v.tobytes()), range_index=LAST_RANGE, aperture_s=1e-3, averages=1, dwell_s=1e-3
        )
        calibrated_a = programmed(np.array(reading.current_a).reshape(64, -1))
        return float(((calibrated_a - voltage_v @ target_s) ** 2).mean())

    without = error(written=False)
    assert error(written=True) < 0.7 * without


def read_through(kept: Kept, count: int = 1) -> Any:
    """Read ordinary vectors as a client of the proxy does."""
    proxy = CalibratedHardware(kept.board.facts, kept.upkeep, feed=lambda: None)
    proxy.attach(kept.board)
    voltage_v = np.random.default_rng(3).uniform(0.1, 0.5, (count, 12))
    return proxy.measure(
        array("d", voltage_v.tobytes()), range_index=LAST_RANGE, aperture_s=1e-3, averages=1, dwell_s=1e-3
    )


def test_a_read_after_a_pause_is_calibrated_anew_and_the_next_one_at_once(kept: Kept) -> None:
    kept.let_pass(60.0, turns=5)
    kept.clock.advance(2 * HOUR_S)
    before, versions = kept.board.vectors, len(kept.store.versions())
    read_through(kept)
    learned = kept.board.vectors - before
    assert learned >= 2 * 12 + 16
    assert len(kept.store.versions()) == versions + 1
    assert kept.upkeep.busy == ""
    read_through(kept)
    assert kept.board.vectors == before + learned + 1
    # Another pause, too short for a version that would say nothing new.
    kept.clock.advance(2 * HOUR_S)
    read_through(kept)
    assert kept.board.vectors > before + learned + 2
    assert len(kept.store.versions()) == versions + 1


def test_a_refreshment_that_was_asked_for_and_fails_is_not_repeated_by_the_next_read(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.let_pass(60.0, turns=5)
    kept.upkeep._schedule.wanted = "sentinels"
    monkeypatch.setattr(Verification, "no_worse_than", lambda *_: False)
    before = kept.board.vectors
    read_through(kept)
    tried = kept.board.vectors - before
    assert tried > 2 * 12
    read_through(kept)
    assert kept.board.vectors == before + tried + 1


def test_reads_do_not_wait_where_the_settings_say_so_or_time_is_used_up(kept: Kept) -> None:
    kept.let_pass(60.0, turns=5)
    kept.clock.advance(2 * HOUR_S)
    before = kept.board.vectors
    kept.upkeep.settings = Drift(before_reads=False)
    read_through(kept)
    assert kept.board.vectors == before + 1
    kept.upkeep.settings = Drift()
    assert kept.upkeep.board_time is not None
    kept.upkeep.board_time.spend(3600.0)
    read_through(kept)
    assert kept.board.vectors == before + 2


def test_a_drifted_board_is_right_for_the_read_that_comes_first(kept: Kept) -> None:
    kept.let_pass(60.0, turns=5)
    kept.board.bench.set_temperature(60.0)
    kept.clock.advance(2 * HOUR_S)
    voltage_v = np.random.default_rng(3).uniform(0.1, 0.5, (16, 12))
    reading = read_through(kept, 16)
    ideal_a = voltage_v @ kept.board.target_s
    error_a = np.array(reading.calibrated_a).reshape(16, -1) - ideal_a
    assert (error_a**2).mean() / ideal_a.var() < 2e-3


def error_in_range(kept: Kept, range_index: int) -> float:
    """Root mean square error of small inputs through the proxy, in one of two ranges that both hold them."""
    proxy = CalibratedHardware(kept.board.facts, kept.upkeep, feed=lambda: None)
    proxy.attach(kept.board)
    voltage_v = np.random.default_rng(4).uniform(0.1, 0.12, (32, 12))
    reading = proxy.measure(
        array("d", voltage_v.tobytes()), range_index=range_index, aperture_s=1e-3, averages=1, dwell_s=1e-3
    )
    error_a = np.array(reading.calibrated_a).reshape(32, -1) - voltage_v @ kept.board.target_s
    return float(np.sqrt((error_a**2).mean()))


def test_a_read_in_another_current_range_is_calibrated_as_well(kept: Kept) -> None:
    # Offsets of the last range are 130 times those of the one below it.
    before = kept.board.vectors
    below = error_in_range(kept, LAST_RANGE - 1)
    assert kept.board.vectors == before + 32 + 2 * 8
    assert below < 1.2 * error_in_range(kept, LAST_RANGE)
    error_in_range(kept, LAST_RANGE - 1)
    assert kept.board.vectors == before + 3 * 32 + 2 * 8


def test_after_a_recalibration_and_a_restart_other_ranges_are_as_good_as_its_own(kept: Kept) -> None:
    error_in_range(kept, LAST_RANGE - 1)
    kept.board.bench.set_temperature(60.0)
    kept.let_pass(HOUR_S, turns=20)
    assert len(kept.store.versions()) > 1
    # By the offsets of 25 °C it is five times as much.
    assert error_in_range(kept, LAST_RANGE - 1) < 1.5 * error_in_range(kept, LAST_RANGE)
    kept.upkeep = Upkeep(
        Calibrator.load(SHIPPED), kept.journal, Drift(), clock=kept.time, rng=np.random.default_rng(2)
    )
    kept.upkeep.attach(kept.board, "board")
    assert error_in_range(kept, LAST_RANGE - 1) < 1.5 * error_in_range(kept, LAST_RANGE)


def test_how_long_a_calibration_keeps_is_learned_from_what_relearning_was_worth() -> None:
    def of_error(rms_a: float) -> Verification:
        errors_a = np.full((4, 3), rms_a)
        return Verification(error_a=errors_a, ideal_a=np.ones((4, 3)), expected_a=None)

    good, bad = of_error(1e-6), of_error(2e-6)
    wandering, steady = Staleness(10.0), Staleness(10.0)
    first_s = wandering.after_s
    for _ in range(20):
        wandering.take(wandering.after_s, bad, good)
        steady.take(steady.after_s, good, good)
    assert wandering.after_s == 10.0 < first_s < steady.after_s == 3600.0
    steady.take(5000.0, bad, good)
    assert steady.after_s < 3600.0


@pytest.mark.parametrize("jump_s", [-40 * 365 * 24 * HOUR_S, -HOUR_S, 3 * 365 * 24 * HOUR_S])
def test_a_clock_that_jumps_moves_neither_sentinels_nor_ages(kept: Kept, jump_s: float) -> None:
    kept.let_pass(HOUR_S, turns=20)
    due_s, age_s = kept.upkeep.next_due_s, kept.upkeep.age_s
    kept.utc_offset_s = jump_s
    assert kept.upkeep.next_due_s == due_s
    assert kept.upkeep.age_s == age_s
    before = len(kept.store.sentinels())
    kept.let_pass(2 * HOUR_S, turns=20)
    assert before < len(kept.store.sentinels()) < before + 20
    kept.journal.thin()
    read_through(kept)
    assert kept.store.integrity() == []
    assert not kept.alarms


@pytest.mark.parametrize("first_v", [0.0, 1e-3])
def test_a_first_read_of_almost_nothing_does_not_spoil_its_range(kept: Kept, first_v: float) -> None:
    proxy = CalibratedHardware(kept.board.facts, kept.upkeep, feed=lambda: None)
    proxy.attach(kept.board)
    vector = array("d", [first_v] * 12)
    proxy.measure(vector, range_index=LAST_RANGE - 1, aperture_s=1e-3, averages=1, dwell_s=1e-3)
    assert error_in_range(kept, LAST_RANGE - 1) < 1.2 * error_in_range(kept, LAST_RANGE)


def test_a_range_is_not_compared_on_a_board_that_is_too_hot(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = kept.board.bench.measure
    with monkeypatch.context() as hot:
        hot.setattr(
            kept.board.bench,
            "measure",
            lambda *at, **set_to: replace(measure(*at, **set_to), over_temperature=True),
        )
        assert error_in_range(kept, LAST_RANGE - 1) > 1e30
    assert error_in_range(kept, LAST_RANGE - 1) < 1e-6


def test_a_dead_amplifier_is_an_alarm_and_no_lost_board(kept: Kept) -> None:
    kept.let_pass(60.0, turns=5)
    kept.board.bench.fault_amplifier(3)
    kept.let_pass(HOUR_S, turns=20)
    assert [alarm["kind"] for alarm in kept.alarms] == ["readings"]
    assert kept.upkeep.condition.programmed is None
    assert kept.upkeep.calibrate(lambda: None) == 105
    kept.upkeep.attach(kept.board, "board")
    kept.let_pass(HOUR_S, turns=20)
    assert {alarm["kind"] for alarm in kept.alarms} == {"readings"}
    kept.board.bench.clear_faults()
    kept.let_pass(HOUR_S, turns=20)
    assert kept.upkeep.condition.doubt == ""
    assert kept.upkeep.condition.programmed is not None
