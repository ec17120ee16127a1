"""Sums and differences of columns with the covariance of their errors."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from scipy.fft import dct

from crosscal import load_calibrator
from crosscal.core.errors import RangeError, ShapeError

ROWS, COLUMNS = 12, 16


@pytest.fixture(scope="module")
def shipped():
    from importlib.resources import files

    return load_calibrator(str(files("crosscal") / "shipped" / "demo.onnx"))


def programmed_and_readings(shipped, count=6):
    low_s, high_s = shipped.conductance_range_s
    rng = np.random.default_rng(1)
    conductance_s = rng.uniform(max(low_s, 17e-6), min(high_s, 99e-6), (ROWS, COLUMNS))
    programmed = shipped.program(conductance_s, allow_extrapolation=True)
    return programmed, rng.uniform(0.15, 0.45, (count, ROWS)) @ conductance_s


def test_weights_of_single_columns_give_back_currents_and_deviations(shipped):
    programmed, current_a = programmed_and_readings(shipped)
    calibrated_a, deviation_a = programmed.with_uncertainty(current_a)
    sums_a, covariance_a2 = programmed.with_uncertainty(current_a, combine=np.eye(COLUMNS))
    np.testing.assert_allclose(sums_a, calibrated_a, rtol=1e-12)
    variance_a2 = np.diagonal(covariance_a2, axis1=1, axis2=2)
    np.testing.assert_allclose(variance_a2, deviation_a**2, rtol=1e-9)


def test_covariances_are_symmetric_without_negative_eigenvalues_and_transform_with_the_weights(shipped):
    programmed, current_a = programmed_and_readings(shipped)
    weights = np.random.default_rng(2).normal(size=(COLUMNS, 5))
    sums_a, covariance_a2 = programmed.with_uncertainty(current_a, combine=weights)
    assert sums_a.shape == (6, 5)
    assert covariance_a2.shape == (6, 5, 5)
    np.testing.assert_allclose(covariance_a2, covariance_a2.swapaxes(1, 2), rtol=1e-9)
    eigenvalues = np.linalg.eigvalsh(covariance_a2)
    assert (eigenvalues >= -1e-9 * eigenvalues.max()).all()
    _, all_a2 = programmed.with_uncertainty(current_a, combine=np.eye(COLUMNS))
    np.testing.assert_allclose(covariance_a2, weights.T @ all_a2 @ weights, rtol=1e-9, atol=1e-30)


def test_columns_share_their_errors_so_that_a_difference_is_not_the_sum_of_variances(shipped):
    programmed, current_a = programmed_and_readings(shipped)
    _, covariance_a2 = programmed.with_uncertainty(current_a, combine=np.eye(COLUMNS))
    deviation_a = np.sqrt(np.diagonal(covariance_a2, axis1=1, axis2=2))
    correlation = covariance_a2 / (deviation_a[:, :, None] * deviation_a[:, None, :])
    apart = correlation[:, ~np.eye(COLUMNS, dtype=bool)]
    assert np.abs(apart).max() > 0.2
    assert np.abs(apart).max() <= 1.0 + 1e-9


def test_one_vector_gives_one_covariance(shipped):
    programmed, current_a = programmed_and_readings(shipped)
    sums_a, covariance_a2 = programmed.with_uncertainty(current_a[0], combine=np.ones((COLUMNS, 2)))
    assert sums_a.shape == (2,)
    assert covariance_a2.shape == (2, 2)


def test_weights_of_another_board_are_refused(shipped):
    programmed, current_a = programmed_and_readings(shipped)
    with pytest.raises(ShapeError, match=r"\(16, P\)"):
        programmed.with_uncertainty(current_a, combine=np.eye(ROWS))
    with pytest.raises(ShapeError):
        programmed.with_uncertainty(current_a, combine=np.ones(COLUMNS))
    with pytest.raises(RangeError):
        programmed.with_uncertainty(current_a, combine=np.full((COLUMNS, 1), np.nan))


def cosine_pairs(low_s=17e-6, high_s=95e-6):
    """Cosine transform of 6 points with differential pairs of rows and of columns, singular by symmetry."""
    weights = dct(np.eye(6), norm="ortho", axis=0)
    scale = (high_s - low_s) / np.abs(weights).max()
    plus_s = low_s + scale * np.maximum(weights, 0.0)
    minus_s = low_s + scale * np.maximum(-weights, 0.0)
    square_s = np.block([[plus_s, minus_s], [minus_s, plus_s]])
    return np.hstack([square_s, square_s[:, :4]])


def test_program_says_so_where_the_matrix_is_nearly_singular(shipped, caplog):
    with caplog.at_level(logging.WARNING, logger="crosscal"):
        programmed_and_readings(shipped)
        assert not caplog.records
        shipped.program(cosine_pairs(), allow_extrapolation=True)
    assert "nearly singular" in caplog.text
    assert "combine" in caplog.text
