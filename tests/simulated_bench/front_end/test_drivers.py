"""Drivers of the rows: fixed errors, noise of a reading, and noise that the amplifiers share in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crosscal.core.errors import SettingsError
from crosscal.simulated_bench import Bench, load_settings
from crosscal.simulated_bench.front_end.amplifier_noise import AmplifierNoise
from crosscal.simulated_bench.front_end.drivers import Drivers
from crosscal.simulated_bench.packing import pack
from crosscal.simulated_bench.settings.drivers import DriverSettings

ROWS = 4000


def drivers(**keys: Any) -> Drivers:
    rng = np.random.default_rng(2)
    return Drivers(DriverSettings(**keys), rows=ROWS, source_ohm=50.0, rng=rng)


def test_without_errors_rows_get_what_is_asked_for() -> None:
    volts_v = np.random.default_rng(0).uniform(-0.5, 0.5, (3, ROWS))
    np.testing.assert_array_equal(drivers().driven_v(volts_v), volts_v)
    assert drivers().source_ohm == 50.0
    assert not drivers().noisy


def test_gains_offsets_and_resistances_fill_their_limits() -> None:
    some = drivers(gain_error=1e-2, offset_v=2e-3, source_spread=0.05)
    offset_v = some.driven_v(np.zeros((1, ROWS)))[0]
    gain = some.driven_v(np.ones((1, ROWS)))[0] - offset_v - 1
    for found, limit in ((gain, 1e-2), (offset_v, 2e-3)):
        assert 0.99 * limit < np.abs(found).max() <= limit * (1 + 1e-9)
    assert np.std(some.source_ohm) == pytest.approx(2.5, rel=4 / np.sqrt(2 * ROWS))


def test_noise_has_the_covariance_that_it_says() -> None:
    some = drivers(noise_v=1e-4, reference_noise=1e-3)
    driven_v = np.full((400, ROWS), 0.3)
    noise_v = some.noise_v(driven_v, window_s=4e-3, rng=np.random.default_rng(5))
    common_v = noise_v.mean(axis=1)
    assert common_v.std() == pytest.approx(0.3e-3 / 2, rel=0.15)
    assert (noise_v - common_v[:, None]).std() == pytest.approx(1e-4 / 2, rel=0.01)
    small = Drivers(
        DriverSettings(noise_v=1e-4, reference_noise=1e-3),
        rows=2,
        source_ohm=0.0,
        rng=np.random.default_rng(0),
    )
    covariance_v2 = small.noise_covariance_v2(np.array([[0.3, 0.1]]), window_s=4e-3)[0]
    expected_v2 = np.array([[1e-8 + 9e-8, 3e-8], [3e-8, 1e-8 + 1e-8]]) / 4
    np.testing.assert_allclose(covariance_v2, expected_v2, rtol=1e-12)


def test_readings_scatter_as_the_reference_counts_it() -> None:
    bench = Bench.from_toml(
        "memsys2025",
        array={"rows": 6, "columns": 4},
        noise={"read_relative": 0.0, "read_a": 1e-12},
        drivers={"noise_v": 1e-3, "reference_noise": 2e-3},
    )
    vector_v = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.3])
    reading = bench.measure(
        pack(np.tile(vector_v, (4000, 1))), range_index=4, aperture_s=1e-3, averages=1, dwell_s=0.0
    )
    current_a = np.array(reading.current_a).reshape(4000, 4)
    cells_s = np.array(bench.true_conductance()).reshape(6, 4)
    sensed = bench.sensed(cells_s, vector_v[None], 1e-2)
    assert sensed.covariance_a2 is not None
    # 4000 readings know a covariance to 2.2 %.
    np.testing.assert_allclose(np.cov(current_a.T), sensed.covariance_a2[0], rtol=0.1)


def test_one_over_f_noise_starts_at_its_corner_and_averages_do_not_remove_it() -> None:
    front_end = load_settings("memsys2025", front_end={"noise_a": 1e-9, "noise_corner_hz": 100.0}).front_end
    noise = AmplifierNoise(front_end, columns=300, seed=np.uint64(7))
    timing = {"range_index": 2, "window_s": 1e-3}
    expected_a = 1e-9 * np.sqrt(2 * 1e-3 * 100.0 * np.log(1e5 / 2e-3))
    assert noise.deviation_a(**timing) == pytest.approx(expected_a, rel=1e-9)
    found_a = noise.of_readings_a(20, time_s=0.0, spacing_s=1e-3, **timing)
    assert found_a.std() == pytest.approx(expected_a, rel=0.1)
    # Of 18 e-folds only those shorter than the run of 20 ms differ within it.
    within_a2, folds = found_a.var(axis=0, ddof=1).mean(), np.log(20e-3 / 2e-3)
    assert within_a2 == pytest.approx(2e-1 * 1e-18 * folds, rel=0.5)
    later_a = noise.of_readings_a(1, time_s=1e6, spacing_s=1e-3, **timing)
    assert abs(np.corrcoef(found_a[-1], later_a[0])[0, 1]) < 0.2


def test_each_range_may_have_noise_of_its_own() -> None:
    ranges = {"ranges_a": [1e-6, 1e-3], "input_ohm": [0.0, 0.0]}
    bench = Bench.from_toml(
        "memsys2025", noise={"read_relative": 0.0}, front_end={**ranges, "noise_a": [1e-12, 1e-9]}
    )
    assert bench.noise_a(aperture_s=1e-3, range_index=0) == pytest.approx(1e-12)
    assert bench.noise_a(aperture_s=1e-3) == pytest.approx(1e-9)
    with pytest.raises(SettingsError, match="noise_a: got 3 values; allowed: one per range, 2"):
        Bench.from_toml("memsys2025", front_end={**ranges, "noise_a": [1e-12, 1e-9, 1e-9]})
