"""Stated deviations against errors that are known: ratio, coverage, the matrix furthest off."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from crosscal.training import Measurements, deviation_test
from crosscal.training.evaluation import stated_deviations

MATRICES, VECTORS, ROWS, COLUMNS = 5, 400, 3, 4
STATED_A = 1e-6


class Stating:
    """A calibrator whose currents come with `STATED_A`, whatever their error."""

    kind = "structured"

    def with_uncertainty(self, current_a: np.ndarray, *, allow_extrapolation: bool):
        assert allow_extrapolation
        return current_a, np.full_like(current_a, STATED_A)


@pytest.fixture(autouse=True)
def programmed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stated_deviations, "program_matrix", lambda calibrator, _data, _k: calibrator)


def evaluated(scatter: np.ndarray) -> SimpleNamespace:
    """Score estimates whose errors are normal, of `scatter` stated deviations in each matrix."""
    rng = np.random.default_rng(1)
    data = Measurements(
        conductance_s=rng.uniform(10e-6, 100e-6, (MATRICES, ROWS, COLUMNS)),
        voltage_v=rng.uniform(0.1, 0.5, (MATRICES, VECTORS, ROWS)),
        current_a=np.zeros((MATRICES, VECTORS, COLUMNS)),
        usable=np.ones((MATRICES, VECTORS), dtype=bool),
    )
    error_a = STATED_A * scatter[:, None, None] * rng.standard_normal((MATRICES, VECTORS, COLUMNS))
    return SimpleNamespace(
        data=data,
        calibrated_a=data.ideal_a + error_a,
        kinds=[SimpleNamespace(kind="random", vectors=slice(0, VECTORS))],
    )


def test_errors_as_large_as_stated_are_found_so_and_covered():
    found = deviation_test(Stating(), evaluated(np.ones(MATRICES)))
    assert found.ratio == pytest.approx(1.0, abs=0.03)
    # Student's intervals around normal errors: a little narrow in the middle, a little wide at the end.
    np.testing.assert_allclose(found.coverage, (0.47, 0.90, 0.994), atol=0.012)
    assert found.readings == MATRICES * VECTORS


def test_the_matrix_that_is_furthest_off_is_named():
    found = deviation_test(Stating(), evaluated(np.array([1.0, 1.0, 3.0, 1.0, 0.5])))
    np.testing.assert_allclose(found.ratio_by_matrix, [1.0, 1.0, 3.0, 1.0, 0.5], rtol=0.06)
    assert "matrix 3)" in str(found)
    assert found.to_json()["error_over_deviation_by_matrix"][2] == found.ratio_by_matrix[2]


def test_of_many_readings_as_many_of_each_matrix_are_tested_as_asked():
    found = deviation_test(Stating(), evaluated(np.ones(MATRICES)), most_readings=102)
    assert found.readings == 5 * 20


def test_a_matrix_without_usable_vectors_has_no_ratio():
    evaluation = evaluated(np.ones(MATRICES))
    evaluation.data.usable[1] = False
    found = deviation_test(Stating(), evaluation)
    assert np.isnan(found.ratio_by_matrix[1])
    assert found.to_json()["error_over_deviation_by_matrix"][1] is None
    assert "matrix 2)" not in str(found)
