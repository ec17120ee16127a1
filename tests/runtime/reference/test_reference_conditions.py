"""Readings of other ranges and temperatures are referred to those that a calibration has learned in."""

from __future__ import annotations

import json

import numpy as np
import pytest

from crosscal.core.errors import InputError
from crosscal.runtime.reference.range_law import RangeLaw
from crosscal.runtime.reference.reference_conditions import ReferenceConditions
from crosscal.runtime.reference.temperature_slopes import ColumnSlopes, TemperatureSlopes

COLUMNS = 6


class Amplifiers:
    """Hidden truth: in two ranges an offset and a gain for each column, which move with the temperature."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.offset_a = self.rng.normal(scale=[[5e-6], [5e-8]], size=(2, COLUMNS))
        self.gain = 1.0 + self.rng.normal(scale=5e-3, size=(2, COLUMNS))
        self.offset_a_per_c = self.rng.normal(scale=2e-8, size=COLUMNS)
        self.gain_per_c = self.rng.normal(scale=1e-4, size=COLUMNS)

    def read(self, current_a: np.ndarray, range_index: int, warmer_c: float = 0.0) -> np.ndarray:
        gain = self.gain[range_index] * (1.0 + self.gain_per_c * warmer_c)
        noise_a = self.rng.normal(scale=1e-9, size=current_a.shape)
        return current_a * gain + self.offset_a[range_index] + self.offset_a_per_c * warmer_c + noise_a


def compared(amplifiers: Amplifiers) -> ReferenceConditions:
    """Compare range 1 with range 0, the reference."""
    current_a = np.linspace(0.0, 1e-4, 8)[:, None] * amplifiers.rng.uniform(0.5, 1.0, COLUMNS)
    reference = ReferenceConditions(laws={0: RangeLaw.of_reference(COLUMNS, 25.0)})
    read = [amplifiers.read(current_a, at) for at in (0, 1)]
    return reference.with_law(1, RangeLaw.between(read[0], read[1], 25.0))


def test_readings_of_another_range_come_out_as_those_of_the_reference() -> None:
    amplifiers = Amplifiers(1)
    conditions = compared(amplifiers)
    current_a = amplifiers.rng.uniform(1e-5, 1e-4, (200, COLUMNS))
    of_reference, of_other = (amplifiers.read(current_a, at) for at in (0, 1))
    assert np.abs(of_other - of_reference).max() > 1e-6
    error_a = conditions.referral(1, 25.0)(of_other) - of_reference
    # 8 comparisons of 1 nA each, extrapolated over the range.
    assert np.abs(error_a.mean(axis=0)).max() < 3e-9
    np.testing.assert_array_equal(conditions.referral(0, 25.0)(of_reference), of_reference)


def test_an_unknown_range_and_an_incomparable_column_give_no_number() -> None:
    amplifiers = Amplifiers(2)
    current_a = np.linspace(0.0, 1e-4, 8)[:, None] * np.ones(COLUMNS)
    saturated_a = amplifiers.read(current_a, 1)
    saturated_a[2:, 3] = np.nan
    law = RangeLaw.between(amplifiers.read(current_a, 0), saturated_a, 25.0)
    referred_a = law.referral(25.0)(current_a)
    assert np.isnan(referred_a[:, 3]).all()
    assert np.isfinite(np.delete(referred_a, 3, axis=1)).all()
    assert np.isnan(compared(amplifiers).referral(2, 25.0)(current_a)).all()


def followed(amplifiers: Amplifiers, readings: int, *, slow_a: float) -> TemperatureSlopes:
    """Read the same vectors half-hourly, in a day's swing of ±10 °C, on cells that sink and wander."""
    slopes = TemperatureSlopes(COLUMNS)
    current_a = amplifiers.rng.uniform(2e-5, 1e-4, (8, COLUMNS))
    for reading in range(1, readings + 1):
        age_s = 1800.0 * reading
        warmer_c = 10.0 * np.sin(2.0 * np.pi * age_s / 86_400.0)
        wandering_a = amplifiers.rng.normal(scale=slow_a, size=current_a.shape)
        sunk_a = current_a * (1.0 - 0.02 * np.log(age_s / 1800.0)) + wandering_a
        slopes.take(amplifiers.read(sunk_a, 0, warmer_c), temperature_c=25.0 + warmer_c, age_s=age_s)
    return slopes


def test_slopes_are_learned_beside_a_drift_and_hold_at_other_temperatures() -> None:
    amplifiers = Amplifiers(3)
    found = followed(amplifiers, 480, slow_a=1e-8).slopes
    assert np.abs(found.offset_a_per_c - amplifiers.offset_a_per_c).max() < 3e-9
    assert np.abs(found.gain_per_c - amplifiers.gain_per_c).max() < 5e-5
    law = RangeLaw.of_reference(COLUMNS, 25.0).with_slopes(found)
    current_a = amplifiers.rng.uniform(2e-5, 1e-4, (50, COLUMNS))
    cold_a, warm_a = amplifiers.read(current_a, 0), amplifiers.read(current_a, 0, 10.0)
    left_a = law.referral(35.0)(warm_a) - cold_a
    assert (left_a**2).mean() < 0.02 * ((warm_a - cold_a) ** 2).mean()


def test_slopes_that_noise_hides_are_left_alone() -> None:
    amplifiers = Amplifiers(4)
    amplifiers.offset_a_per_c[:], amplifiers.gain_per_c[:] = 0.0, 0.0
    found = followed(amplifiers, 96, slow_a=1e-6).slopes
    # Least squares alone give 1e-7 A/°C on this noise.
    assert np.abs(found.offset_a_per_c).max() < 3e-8


def test_new_slopes_turn_about_the_temperature_at_which_a_calibration_has_learned() -> None:
    law = RangeLaw.of_reference(COLUMNS, 20.0).pivoted(30.0)
    slopes = ColumnSlopes(offset_a_per_c=np.full(COLUMNS, 1e-8), gain_per_c=np.zeros(COLUMNS))
    current_a = np.full((1, COLUMNS), 1e-5)
    np.testing.assert_array_equal(law.with_slopes(slopes).referral(30.0)(current_a), current_a)
    np.testing.assert_allclose(law.with_slopes(slopes).referral(31.0)(current_a), 1e-5 - 1e-8)
    # What is known already holds on when the pivot moves.
    moved = law.with_slopes(slopes).pivoted(40.0)
    np.testing.assert_allclose(moved.referral(31.0)(current_a), 1e-5 - 1e-8)


def test_conditions_and_slopes_survive_the_store() -> None:
    amplifiers = Amplifiers(5)
    conditions = compared(amplifiers)
    again = ReferenceConditions.from_json(json.loads(json.dumps(conditions.to_json())))
    current_a = amplifiers.rng.uniform(1e-5, 1e-4, (3, COLUMNS))
    assert again.reference_index == 0
    np.testing.assert_allclose(
        again.referral(1, 28.0)(current_a), conditions.referral(1, 28.0)(current_a), rtol=1e-5
    )
    slopes = followed(amplifiers, 200, slow_a=1e-8)
    same = TemperatureSlopes.from_json(json.loads(json.dumps(slopes.to_json())))
    np.testing.assert_allclose(same.slopes.offset_a_per_c, slopes.slopes.offset_a_per_c, rtol=1e-4)


@pytest.mark.parametrize("damaged", [None, [{}], [{"range_index": 1}], "text"])
def test_damaged_conditions_are_one_clear_error(damaged: object) -> None:
    with pytest.raises(InputError, match=r"that (is|are) none"):
        ReferenceConditions.from_json(damaged)


@pytest.mark.parametrize(("full_a", "most"), [(1e-8, 1.4), (1e-7, 1.4), (1e-4, 1e-3)])
def test_a_gain_of_noise_over_noise_is_no_worse_than_none(full_a: float, most: float) -> None:
    # Least squares alone are off by 15 %, 1.5 % and 0.0015 %, gains by 0.7 %. Six columns say little of their
    # scatter: where noise hides it, the root mean square error may grow by a fifth.
    found, true = [], []
    for seed in range(40):
        amplifiers = Amplifiers(seed)
        current_a = np.linspace(0.0, full_a, 8)[:, None] * np.ones(COLUMNS)
        law = RangeLaw.between(amplifiers.read(current_a, 0), amplifiers.read(current_a, 1), 25.0)
        found.append(law.gain)
        true.append(amplifiers.gain[1] / amplifiers.gain[0])
    error, without = np.array(found) - true, np.array(true) - 1.0
    assert (error**2).mean() < most * (without**2).mean()


@pytest.mark.parametrize("scatter", [5e-3, 0.0])
def test_deviations_of_a_law_are_those_of_its_errors(scatter: float) -> None:
    ratios = []
    current_a = np.array([[2e-6], [5e-5], [9.5e-5]]) * np.ones(COLUMNS)
    for seed in range(60):
        amplifiers = Amplifiers(seed)
        amplifiers.gain[1] = amplifiers.gain[0] * (1.0 + amplifiers.rng.normal(scale=scatter, size=COLUMNS))
        referral = compared(amplifiers).referral(1, 25.0)
        exact_a = [current_a * amplifiers.gain[at] + amplifiers.offset_a[at] for at in (0, 1)]
        deviation_a = referral.deviation_a(exact_a[0])
        assert deviation_a is not None
        ratios.append((referral(exact_a[1]) - exact_a[0]) / deviation_a)
    by_current = np.sqrt((np.array(ratios) ** 2).mean(axis=(0, 2)))
    # 360 columns: 4 %. Gains that are all alike are stated with the scatter that noise would hide.
    assert (by_current < 1.15).all()
    assert (by_current > (0.87 if scatter else 0.2)).all()


def test_the_reference_range_has_no_deviations_of_its_own() -> None:
    current_a = np.full((2, COLUMNS), 1e-5)
    assert compared(Amplifiers(1)).referral(0, 25.0).deviation_a(current_a) is None
