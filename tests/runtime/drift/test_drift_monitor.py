"""The monitor of a programmed matrix: quiet while nothing changes, awake when something does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, exact_calibrator

from crosscal.core.errors import InputError, RangeError
from crosscal.runtime.drift import DriftMonitor, LearnedNoise, Sentinels
from crosscal.runtime.drift.learned_noise import TIME_CONSTANTS
from crosscal.runtime.drift.memory import MonitorMemory
from crosscal.runtime.drift.prediction import Prediction
from crosscal.runtime.drift.residual_filter import ResidualFilter
from crosscal.runtime.recalibration.posterior import CELLS, ColumnPosterior, DriveErrors
from crosscal.runtime.recalibration.vectors import informative_vectors

ROWS, COLUMNS, VECTORS, NOISE = 10, 6, 4, 1e-3


class Rig:
    """An ohmic board, its exact calibrator and a monitor."""

    def __init__(self, *, run_length: float = 1e5, seed: int = 1, **options: object) -> None:
        self.rng = np.random.default_rng(seed)
        self.target_s = self.rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
        self.programmed = exact_calibrator(self.target_s, NOISE)
        self.sentinels = Sentinels.design(self.programmed, VECTORS, rng=self.rng)
        self.monitor = DriftMonitor(self.programmed, self.sentinels, run_length=run_length, **options)  # type: ignore[arg-type]
        self.time_s = 0.0

    def read(self, real_s: np.ndarray | None = None, **options: object):
        current_a = self.sentinels.voltage_v @ (self.target_s if real_s is None else real_s)
        current_a += NOISE * FULL_SCALE_A * self.rng.standard_normal(current_a.shape)
        self.time_s += 60.0
        return self.monitor.update(current_a, time_s=self.time_s, **options)  # type: ignore[arg-type]


def test_residuals_are_white_and_no_alarm_is_raised_while_nothing_changes() -> None:
    rig = Rig()
    found = [rig.read() for _ in range(200)]
    assert all(each.alarm is None for each in found)
    z = np.array([each.z for each in found[20:]])
    assert z.std() == pytest.approx(1.0, rel=0.05)
    following = np.mean(z[1:] * z[:-1])
    assert abs(following) < 4.0 / np.sqrt(z.size)
    assert np.median([each.nmse for each in found]) < 1e-3


def test_a_change_of_gain_is_found_at_once_and_a_small_one_soon() -> None:
    for drift, most in ((0.02, 4), (1e-3, 20)):
        rig = Rig()
        for _ in range(40):
            assert rig.read().alarm is None
        alarms = [rig.read(rig.target_s * (1.0 + drift)).alarm is not None for _ in range(most)]
        assert any(alarms)
        expected = rig.monitor.expected_delay(drift, rng=np.random.default_rng(1))
        assert expected / 4.0 <= 1 + alarms.index(True) <= 4.0 * expected


def test_one_wild_reading_alone_raises_no_alarm() -> None:
    rig = Rig()
    for _ in range(30):
        rig.read()
    assert rig.read(rig.target_s * 3.0).alarm is None
    assert all(rig.read().alarm is None for _ in range(50))


def test_temperature_is_regressed_out_where_it_is_known() -> None:
    def alarms(known: bool) -> int:
        rig, count = Rig(), 0
        for reading in range(300):
            warmer_c = 10.0 * np.sin(2.0 * np.pi * reading / 150.0)
            current_s = rig.target_s * (1.0 + 1e-3 * warmer_c)
            found = rig.read(current_s, temperature_c=25.0 + warmer_c if known else None)
            count += found.alarm is not None
        if known:
            slope, deviation = rig.monitor.learned.slope
            assert slope == pytest.approx(1e-3, abs=max(5.0 * deviation, 2e-5))
        return count

    assert alarms(known=True) == 0
    assert alarms(known=False) > 0


def test_a_missing_column_is_left_out_and_the_others_go_on() -> None:
    rig = Rig()
    usable = np.ones((VECTORS, COLUMNS), dtype=bool)
    usable[1, 2] = False
    found = rig.read(usable=usable)
    assert np.isnan(found.z[:, 2]).all()
    assert np.isfinite(np.delete(found.z, 2, axis=1)).all()
    with pytest.raises(InputError):
        rig.read(usable=np.zeros_like(usable))


def test_slow_noise_is_learned_and_stays_over_a_recalibration() -> None:
    rig = Rig(interval_s=60.0)
    state, rates = rig.rng.standard_normal((6, ROWS, COLUMNS)), 10.0 ** -np.arange(0.0, 3.0, 0.5)
    keep = np.exp(-rates)[:, None, None]
    for _ in range(512):
        state = keep * state + np.sqrt(1.0 - keep**2) * rig.rng.standard_normal(state.shape)
        rig.read(rig.target_s * (1.0 + 0.01 / np.sqrt(2.0) * state.sum(axis=0)))
    again = rig.monitor.restarted(rig.programmed)
    wander = np.sqrt(again.learned.slow)
    assert len(wander) == len(TIME_CONSTANTS)
    assert wander == pytest.approx(0.01, rel=0.35)
    read_back = LearnedNoise.from_json(again.learned.to_json())
    np.testing.assert_array_equal(read_back.slow, again.learned.slow)
    with pytest.raises(InputError):
        LearnedNoise.from_json({"white": [1.0]})


def test_noise_that_was_learned_stays_where_the_calibrator_now_states_another() -> None:
    rig = Rig()
    for _ in range(16):
        rig.read()
    lesson = rig.monitor.lesson()
    again = rig.monitor.restarted(exact_calibrator(rig.target_s, 2.0 * NOISE))
    np.testing.assert_allclose(4.0 * again.learned.white, rig.monitor.learned.white)
    again.take_lesson(lesson())
    np.testing.assert_allclose(4.0 * again.learned.white, lesson().white)
    # So do the readings that it is learned from.
    rig.monitor = again
    for _ in range(16):
        rig.read()
    # Known to 5 % from 32 readings of 24 vectors and columns.
    assert 4.0 * again.learned.white.mean() == pytest.approx(1.0, abs=0.2)


def test_noise_is_learned_aside_as_it_is_at_once_and_stays_due_until_it_is_taken() -> None:
    at_once, aside = Rig(), Rig()
    unknown = aside.monitor.learned.white
    for _ in range(15):
        at_once.read()
        aside.read(learn=False)
    assert not aside.monitor.lesson_due
    at_once.read()
    aside.read(learn=False)
    lesson = aside.monitor.lesson()
    # Readings that come meanwhile, and a recalibration, are none of its business.
    aside.read(learn=False)
    again = aside.monitor.restarted(aside.programmed)
    assert again.lesson_due
    np.testing.assert_array_equal(again.learned.white, unknown)
    again.take_lesson(lesson())
    assert not again.lesson_due
    np.testing.assert_array_equal(again.learned.white, at_once.monitor.learned.white)
    assert not np.array_equal(again.learned.white, unknown)


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("learned", [True, False])
def test_no_alarm_is_raised_by_converter_steps_of_the_inputs_after_a_recalibration(share, learned) -> None:
    """A drive-limited board of many columns: they all read the same errors of its inputs."""
    rows, columns, rng = 12, 24, np.random.default_rng(2)
    target_s = rng.uniform(20e-6, 95e-6, (rows, columns))
    drive_v = np.sqrt(share) * NOISE * FULL_SCALE_A / np.sqrt((target_s**2).sum(axis=0).mean())
    step_v, own_a = np.sqrt(12.0) * drive_v, np.sqrt(1.0 - share) * NOISE * FULL_SCALE_A
    cells_s = target_s * (1.0 + 0.01 * rng.standard_normal(target_s.shape))

    def read(voltage_v: np.ndarray) -> np.ndarray:
        current_a = np.round(voltage_v / step_v) * step_v @ cells_s
        return current_a + own_a * rng.standard_normal(current_a.shape)

    programmed = exact_calibrator(target_s, NOISE)
    sentinels = Sentinels.design(programmed, 8, rng=rng)
    monitor = DriftMonitor(programmed, sentinels, run_length=20_000)
    for reading in range(20 if learned else 0):
        monitor.update(read(sentinels.voltage_v), time_s=60.0 * reading)
    known_v = informative_vectors(40, rows, low_v=0.1, high_v=0.5, rng=rng)
    done = programmed.correction.recalibrated(
        known_v, read(known_v), np.ones((40, columns), dtype=bool), None, drive_noise_v=drive_v
    )
    recalibrated = replace(programmed, correction=done.correction, posterior=done.posterior)
    again = monitor.restarted(recalibrated)
    found = [again.update(read(sentinels.voltage_v), time_s=60.0 * k) for k in range(20, 120)]
    assert all(each.alarm is None for each in found)
    assert max(each.statistic for each in found) < 0.9
    # What was learned of the noise is that of readings, whatever the calibrator states of it.
    white = again.learned.white * Prediction.of(recalibrated, sentinels.voltage_v).variance
    assert np.sqrt(np.mean(white)) == pytest.approx(own_a / FULL_SCALE_A, rel=0.05)


def test_noise_of_drivers_is_that_of_the_common_part_as_all_columns_read_it() -> None:
    rng = np.random.default_rng(3)
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    programmed = exact_calibrator(target_s, NOISE)
    tensors, drive_v = programmed.correction.tensors, 5e-4
    known = ColumnPosterior(
        mean=np.zeros((COLUMNS, ROWS + CELLS)),
        covariance=np.zeros((COLUMNS, ROWS + CELLS, ROWS + CELLS)),
        noise=NOISE,
        drive=DriveErrors.untaken(drive_v, ROWS),
    )
    sentinels = Sentinels.design(programmed, VECTORS, rng=rng)
    prediction = Prediction.of(replace(programmed, posterior=known), sentinels.voltage_v)
    found = ResidualFilter(prediction, LearnedNoise.unknown(COLUMNS, 60.0))
    wrong = drive_v * rng.standard_normal((4000, VECTORS, ROWS)) @ target_s / FULL_SCALE_A
    wrong += np.sqrt(tensors.variance) * rng.standard_normal(wrong.shape)
    common = [
        (found.weight * found.combine(each, np.ones(each.shape, dtype=bool))[0]).sum() for each in wrong
    ]
    assert found.noise[0] == pytest.approx(np.var(common), rel=0.1)
    np.testing.assert_allclose(prediction.variance, wrong.var(axis=(0, 1)), rtol=0.1)


def test_a_drift_of_nothing_has_no_delay() -> None:
    with pytest.raises(RangeError):
        Rig().monitor.expected_delay(0.0, rng=np.random.default_rng(1))


def test_sentinels_say_more_than_vectors_that_are_drawn() -> None:
    rig = Rig()
    assert len(rig.sentinels) == VECTORS
    low_v, high_v = rig.sentinels.voltage_v.min(), rig.sentinels.voltage_v.max()
    assert low_v >= 0.1
    assert high_v <= 0.5
    about = rig.sentinels.voltage_v - rig.sentinels.voltage_v.mean(axis=0)
    drawn = np.random.default_rng(2).uniform(0.1, 0.5, (VECTORS, ROWS))
    assert np.sum(about**2) > np.sum((drawn - drawn.mean(axis=0)) ** 2)
    with pytest.raises(InputError, match="2 or more"):
        Sentinels.design(rig.programmed, 1, rng=rig.rng)


def test_memory_of_another_board_or_interval_is_refused() -> None:
    rig = Rig()
    programmed, memory = rig.programmed, rig.monitor.memory
    assert MonitorMemory.from_bytes(memory.to_bytes()).runs == ()
    with pytest.raises(InputError, match="another interval"):
        DriftMonitor.remembering(programmed, memory, run_length=100.0, interval_s=61.0)
    narrower = replace(memory, voltage_v=memory.voltage_v[:, 1:])
    with pytest.raises(InputError, match="another board"):
        DriftMonitor.remembering(programmed, narrower, run_length=100.0)
    with pytest.raises(InputError, match="that is none"):
        MonitorMemory.from_bytes(b"PK\x03\x04")
