"""Reads at another temperature than the training run's, on a board whose surrogate is exact."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from exact_surrogate import exact_calibrator, measured

from crosscal.core.errors import InputError, RangeError, ShapeError
from crosscal.runtime import CellLaw, ProgrammedCalibrator
from crosscal.runtime.passes import ProgrammedPasses
from crosscal.runtime.recalibration.vectors import informative_vectors
from crosscal.runtime.reference.temperature_law import KnownTemperature, TemperatureLaw
from crosscal.runtime.tiles import ProgrammedTiles

ROWS, COLUMNS, NOISE, WARM_C = 9, 13, 3e-4, 41.0


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(90)


@pytest.fixture
def law(rng: np.random.Generator) -> TemperatureLaw:
    return TemperatureLaw(
        reference_c=26.0,
        span_c=(20.0, 32.0),
        offset_per_c=np.zeros(COLUMNS),
        gain_per_c=1e-3 + 5e-4 * rng.standard_normal(COLUMNS),
        cell_per_c=4e-4,
        middle_s=58e-6,
        half_s=24e-6,
    )


@pytest.fixture
def calibrator(rng: np.random.Generator, law: TemperatureLaw) -> ProgrammedCalibrator:
    cells = CellLaw(
        knots_s=np.array([16.6e-6, 100e-6]),
        programming=np.zeros(2),
        offset=1e-4,
        gain=1e-4,
        noise=NOISE,
        read_back=None,
        temperature=law,
    )
    exact = exact_calibrator(rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS)), NOISE)
    return replace(exact, cell_law=cells)


def warm_s(calibrator: ProgrammedCalibrator, law: TemperatureLaw) -> np.ndarray:
    change = law.change(calibrator.conductance_s, WARM_C)
    return calibrator.conductance_s * (1.0 + (change[:, 2:] + change[:, 1:2]).T)


def rms_error_a(calibrator: ProgrammedCalibrator, cells_s: np.ndarray, rng: np.random.Generator) -> float:
    voltage_v = rng.uniform(0.1, 0.5, (80, ROWS))
    found_a = calibrator(measured(cells_s, voltage_v, NOISE, rng), allow_extrapolation=True)
    return float(np.sqrt(np.mean((found_a - voltage_v @ calibrator.conductance_s) ** 2)))


def test_readings_of_a_warm_board_are_calibrated_as_well_as_at_the_training_temperature(calibrator, law, rng):
    cold = rms_error_a(calibrator, calibrator.conductance_s, rng)
    warm = calibrator.at(temperature_c=WARM_C)
    assert rms_error_a(calibrator, warm_s(calibrator, law), rng) > 5.0 * cold
    assert rms_error_a(warm, warm_s(calibrator, law), rng) < 1.15 * cold
    assert warm.temperature_c == WARM_C
    assert calibrator.temperature_c is None


def test_one_temperature_after_another_is_the_last_one_alone(calibrator, law, rng):
    current_a = measured(warm_s(calibrator, law), rng.uniform(0.1, 0.5, (5, ROWS)), NOISE, rng)
    once = calibrator.at(temperature_c=WARM_C)
    again = calibrator.at(temperature_c=10.0).at(temperature_c=WARM_C)
    travelled = pickle.loads(pickle.dumps(again))
    for other in (again, travelled, travelled.at(temperature_c=WARM_C)):
        np.testing.assert_array_equal(other(current_a), once(current_a))
        np.testing.assert_array_equal(
            other.with_uncertainty(current_a)[1], once.with_uncertainty(current_a)[1]
        )
    back = once.at(temperature_c=26.0)
    cold_a = measured(calibrator.conductance_s, rng.uniform(0.1, 0.5, (5, ROWS)), NOISE, rng)
    np.testing.assert_allclose(back(cold_a), calibrator(cold_a), rtol=1e-6)
    # What a cold board would read is none of a warm one's readings.
    assert not once.explains(cold_a).all()


def test_what_known_vectors_taught_stays_known_at_other_temperatures(calibrator, law, rng):
    drifted = 1.0 + 0.02 * rng.standard_normal((ROWS, COLUMNS))
    known_v = informative_vectors(64, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    known_a = measured(warm_s(calibrator, law) * drifted, known_v, NOISE, rng)
    warm = calibrator.at(temperature_c=WARM_C).recalibrated(known_v, known_a)
    cold = warm.at(temperature_c=law.reference_c)
    untold = rms_error_a(calibrator, calibrator.conductance_s * drifted, rng)
    assert rms_error_a(warm, warm_s(calibrator, law) * drifted, rng) < 0.5 * untold
    assert rms_error_a(cold, calibrator.conductance_s * drifted, rng) < 0.5 * untold
    assert rms_error_a(warm, calibrator.conductance_s * drifted, rng) > untold


def test_a_calibrator_that_knows_no_slopes_says_so(calibrator):
    with pytest.raises(InputError, match="spans 2 °C or more"):
        replace(calibrator, cell_law=None).at(temperature_c=WARM_C)
    with pytest.raises(RangeError, match="finite"):
        calibrator.at(temperature_c=np.nan)


def test_slopes_come_back_from_a_file_as_they_were(calibrator):
    document = json.loads(json.dumps(calibrator.cell_law.to_json()))
    again = CellLaw.from_json(document, rows=ROWS, columns=COLUMNS)
    assert again.to_json() == calibrator.cell_law.to_json()
    document["temperature"] |= {"gain_per_c": [0.0], "offset_per_c": [0.0]}
    with pytest.raises(ShapeError, match="slopes of"):
        CellLaw.from_json(document, rows=ROWS, columns=COLUMNS)
    document["temperature"] = None
    assert CellLaw.from_json(document, rows=ROWS, columns=COLUMNS).temperature is None


def test_deviations_of_a_known_temperature_are_scaled_as_training_found(calibrator, law, rng):
    known = KnownTemperature(variance=0.25, inflation=1.0)
    told = replace(calibrator, cell_law=replace(calibrator.cell_law, temperature=replace(law, known=known)))
    current_a = rng.uniform(0.1, 0.5, (20, ROWS)) @ warm_s(calibrator, law)
    wide, narrow = (
        one.at(temperature_c=WARM_C).with_uncertainty(current_a, allow_extrapolation=True)[1].mean()
        for one in (calibrator, told)
    )
    assert narrow == pytest.approx(0.5 * wide, rel=0.05)
    assert TemperatureLaw.from_json(replace(law, known=known).to_json(), columns=COLUMNS).known == known
    before = {name: value for name, value in law.to_json().items() if not name.startswith("known")}
    assert TemperatureLaw.from_json(before, columns=COLUMNS).known.variance == 1.0
    with pytest.raises(RangeError, match="share of the variance"):
        KnownTemperature(variance=2.0, inflation=1.0)


def test_passes_and_tiles_are_calibrated_at_a_temperature_too(calibrator, law, rng):
    voltage_v = rng.uniform(0.1, 0.5, (60, ROWS))
    ideal_a, real_s = voltage_v @ calibrator.conductance_s, warm_s(calibrator, law)
    whole_a = measured(real_s, voltage_v, NOISE, rng)
    passes = ProgrammedPasses(calibrator, 1)
    tiles = ProgrammedTiles(conductance_s=calibrator.conductance_s, tiles=((calibrator,),))
    for read in (passes, tiles):
        parts_a = whole_a[:, None]
        cold, warm = (
            np.sqrt(np.mean((one(parts_a, allow_extrapolation=True) - ideal_a) ** 2))
            for one in (read, read.at(temperature_c=WARM_C))
        )
        assert warm < 0.3 * cold
