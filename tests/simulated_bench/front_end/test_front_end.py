"""The front end alone: converters, channel errors, saturation, noise and averaging."""

import numpy as np
import pytest

from crosscal.core.readout import Status
from crosscal.simulated_bench.front_end.channels import FrontEnd
from crosscal.simulated_bench.settings.bench_toml import load_settings

RANGE = 1
FULL_SCALE_A = 93.091e-6


def front_end(columns=3, board_seed=0, profile="lab", **keys):
    settings = load_settings("memsys2025", front_end={"profile": profile, **keys}).front_end
    return FrontEnd(settings, columns=columns, rng=np.random.default_rng(board_seed))


def exact(columns=3, **keys):
    """The lab's converters without its errors."""
    none = dict.fromkeys(("gain_error", "offset_error", "gain_drift_per_c", "offset_drift_per_c"), 0.0)
    return front_end(columns, **(none | keys))


def read(amplifiers, current_a, *, noise_a=0.0, averages=1, temperature_c=25.0, seed=0, range_index=RANGE):
    return amplifiers.convert(
        np.atleast_2d(np.asarray(current_a, dtype=float)),
        range_index=range_index,
        noise_a=noise_a,
        averages=averages,
        temperature_c=temperature_c,
        rng=np.random.default_rng(seed),
    )


def test_readings_lie_on_the_converters_steps_and_within_half_of_one():
    amplifiers = exact()
    current_a = np.random.default_rng(1).uniform(-0.9, 0.9, (500, 3)) * FULL_SCALE_A
    reading_a, _ = read(amplifiers, current_a)
    step_a = 2 * FULL_SCALE_A / 2**18
    codes = reading_a / step_a
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-6)
    assert np.abs(reading_a - current_a).max() <= step_a / 2 * (1 + 1e-9)
    assert np.abs(reading_a - current_a).max() > step_a / 4


def test_a_saturated_column_reads_the_signed_full_scale():
    reading_a, status = read(exact(), [[1.2 * FULL_SCALE_A, -3 * FULL_SCALE_A, 0.5 * FULL_SCALE_A]])
    assert reading_a[0, :2].tolist() == [FULL_SCALE_A, -FULL_SCALE_A]
    assert status.tolist() == [[Status.OVER_RANGE, Status.OVER_RANGE, 0]]


def test_saturation_begins_past_the_last_code():
    step_a = 2 * FULL_SCALE_A / 2**18
    last_a = (2**17 - 1) * step_a
    _, status = read(exact(), [[last_a + 0.4 * step_a, last_a + 0.6 * step_a, -last_a - 0.6 * step_a]])
    assert status.tolist() == [[0, Status.OVER_RANGE, Status.OVER_RANGE]]


def test_a_reading_below_ten_steps_is_under_resolution():
    step_a = 2 * FULL_SCALE_A / 2**18
    _, status = read(exact(), [[9 * step_a, 10 * step_a, -9 * step_a]])
    assert status.tolist() == [[Status.UNDER_RESOLUTION, 0, Status.UNDER_RESOLUTION]]


def test_a_faulty_amplifier_gives_no_reading_and_no_other_bit():
    amplifiers = exact()
    amplifiers.faulty[1] = True
    reading_a, status = read(amplifiers, [[1e-6, 1.0, 1e-6]])
    assert np.isnan(reading_a[0]).tolist() == [False, True, False]
    assert status.tolist() == [[0, Status.AMPLIFIER_FAULT, 0]]


def test_channel_errors_stay_within_their_limits_and_fill_them():
    amplifiers = front_end(columns=400)
    full_a = np.full((1, 400), 0.5 * FULL_SCALE_A)
    offset_a = read(amplifiers, np.zeros((1, 400)))[0]
    gain_error = (read(amplifiers, full_a)[0] - offset_a) / full_a - 1
    step_a = 2 * FULL_SCALE_A / 2**18
    assert 0.004 < np.abs(gain_error).max() <= 0.005 + 2 * step_a / full_a.max()
    assert 0.0004 < np.abs(offset_a).max() / FULL_SCALE_A <= 0.0005 + step_a / FULL_SCALE_A
    assert abs(gain_error.mean()) < 0.005 / np.sqrt(3 * 400) * 4


def test_channel_errors_differ_between_ranges_and_boards_and_stay_on_one():
    current_a = np.full((1, 3), 0.3e-6)
    one, same, other = front_end(), front_end(), front_end(board_seed=1)
    in_low, in_high = (read(one, current_a, range_index=k)[0] for k in (0, 1))
    assert not np.allclose(in_low, in_high, rtol=1e-4, atol=0)
    assert (in_low == read(same, current_a, range_index=0)[0]).all()
    assert not np.allclose(in_low, read(other, current_a, range_index=0)[0], rtol=1e-4, atol=0)


def test_without_a_gain_error_the_other_errors_stay_as_they_were():
    zero_a = np.zeros((1, 3))
    assert (read(front_end(), zero_a)[0] == read(front_end(gain_error=0.0), zero_a)[0]).all()


def test_temperature_moves_each_channels_gain_and_offset_in_proportion():
    amplifiers = front_end(adc_bits=48)
    half_a = np.full((1, 3), 0.5 * FULL_SCALE_A)
    cold, warm, hot = (read(amplifiers, half_a, temperature_c=t)[0] for t in (25.0, 35.0, 45.0))
    np.testing.assert_allclose(hot - cold, 2 * (warm - cold), rtol=1e-6)
    drift_per_c = (warm - cold) / half_a / 10
    assert (drift_per_c != 0).all()
    assert np.abs(drift_per_c).max() <= 20e-6 + 2 * 2e-6


@pytest.mark.parametrize("averages", [1, 16])
def test_noise_has_the_stated_rms_and_averages_down_with_the_root_of_the_count(averages):
    count = 20_000
    noise_a = 1e-7
    reading_a, _ = read(exact(columns=1), np.full((count, 1), 2e-5), noise_a=noise_a, averages=averages)
    # The sample's standard deviation is itself uncertain by 1/sqrt(2·count), here 0.5 %; four of those.
    assert reading_a.std() == pytest.approx(noise_a / np.sqrt(averages), rel=0.02)
    assert reading_a.mean() == pytest.approx(2e-5, abs=4 * noise_a / np.sqrt(averages * count))


def test_averaging_does_not_help_against_steps_that_the_noise_never_crosses():
    step_a = 2 * FULL_SCALE_A / 2**12
    amplifiers = exact(adc_bits=12)
    reading_a, _ = read(amplifiers, [[100.3 * step_a] * 3], noise_a=step_a / 100, averages=1000)
    np.testing.assert_allclose(reading_a / step_a, 100, atol=1e-6)


def test_averaging_resolves_below_a_step_where_noise_dithers():
    step_a = 2 * FULL_SCALE_A / 2**12
    reading_a, _ = read(exact(adc_bits=12), [[100.3 * step_a] * 3], noise_a=step_a, averages=1000)
    np.testing.assert_allclose(reading_a / step_a, 100.3, atol=4 / np.sqrt(1000))


@pytest.mark.parametrize("averages", [1, 7])
def test_noise_does_not_depend_on_how_a_batch_is_cut(averages):
    amplifiers = exact()
    current_a = np.random.default_rng(2).uniform(0, FULL_SCALE_A / 2, (20, 3))
    keys = {"range_index": RANGE, "noise_a": 1e-7, "averages": averages, "temperature_c": 25.0}
    whole_a, _ = amplifiers.convert(current_a, **keys, rng=np.random.default_rng(3))
    rng = np.random.default_rng(3)
    pieces = [amplifiers.convert(current_a[a:b], **keys, rng=rng)[0] for a, b in ((0, 1), (1, 12), (12, 20))]
    assert (np.concatenate(pieces) == whole_a).all()


def test_a_batch_too_large_for_one_piece_is_read_the_same(monkeypatch):
    current_a = np.random.default_rng(2).uniform(0, FULL_SCALE_A / 2, (20, 3))
    whole_a, _ = read(exact(), current_a, noise_a=1e-7, averages=5)
    monkeypatch.setattr("crosscal.simulated_bench.front_end.channels.SAMPLES_AT_ONCE", 40)
    assert (read(exact(), current_a, noise_a=1e-7, averages=5)[0] == whole_a).all()


@pytest.mark.parametrize("protection_v", [0.3002, 1.7e-4, 0.3, 5.0])
def test_no_voltage_goes_beyond_the_protection(protection_v):
    given_v = front_end().round_voltage(np.linspace(-protection_v, protection_v, 999), protection_v)
    assert np.abs(given_v).max() <= protection_v


def test_voltages_are_the_nearest_steps():
    wanted_v = np.random.default_rng(4).uniform(-1, 1, 999)
    step_v = 20 / 2**16
    given_v = front_end().round_voltage(wanted_v, 5.0)
    assert np.abs(given_v - wanted_v).max() <= step_v / 2 * (1 + 1e-9)
    np.testing.assert_allclose(given_v / step_v, np.rint(given_v / step_v), atol=1e-9)


def test_the_converters_last_code_bounds_the_voltage_too():
    assert front_end(profile="budget", protection_max_v=2.5).round_voltage(np.array([2.5]), 2.5) < 2.5


@pytest.mark.parametrize(
    ("asked_s", "given_s"), [(1e-3, 1e-3), (1.4e-5, 1e-5), (1.6e-5, 2e-5), (1e-5, 1e-5), (1.0, 1.0)]
)
def test_apertures_are_whole_multiples_of_the_shortest(asked_s, given_s):
    assert front_end().round_aperture(asked_s) == pytest.approx(given_s, rel=1e-12)


def test_the_amplifiers_own_noise_falls_with_the_root_of_the_aperture():
    amplifiers = front_end()
    assert amplifiers.noise_a(1e-3) == pytest.approx(170e-12)
    assert amplifiers.noise_a(4e-3) == pytest.approx(85e-12)
