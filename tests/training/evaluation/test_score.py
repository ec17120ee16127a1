"""The four measures on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import RangeError, ShapeError, TrainingError
from crosscal.training import fit_affine, score
from crosscal.training.evaluation.geometric_mean import GeometricMean, geometric_mean, geometric_mean_text

RNG = np.random.default_rng(4)
IDEAL_A = 1e-4 * RNG.standard_normal((3, 40, 5)) * np.array([1.0, 2.0, 3.0])[:, None, None]
ALL = np.ones((3, 40), dtype=bool)


def test_a_constant_error_is_its_square_in_milliamperes_squared() -> None:
    result = score(IDEAL_A + 2e-5, IDEAL_A, ALL, full_scale_a=1e-3)
    assert result.mse_ma2 == pytest.approx((2e-2) ** 2)
    assert result.rmse_percent_of_full_scale == pytest.approx(2.0)
    variance_a2 = IDEAL_A.var(axis=1, ddof=1).mean(axis=1)
    assert result.nmse == pytest.approx(np.mean((2e-5) ** 2 / variance_a2))
    assert result.effective_bits == pytest.approx(-np.log2(np.sqrt(result.nmse)))


def test_the_mean_of_each_column_scores_one_however_large_the_currents() -> None:
    mean_a = np.broadcast_to(IDEAL_A.mean(axis=1, keepdims=True), IDEAL_A.shape)
    for scale in (1.0, 1e3):
        result = score(scale * mean_a, scale * IDEAL_A, ALL, full_scale_a=1.0)
        # 39/40: the mean was taken from the same vectors that the unbiased variance is.
        assert result.nmse == pytest.approx(39 / 40)


def test_a_perfect_estimate_has_infinitely_many_bits() -> None:
    result = score(IDEAL_A, IDEAL_A, ALL, full_scale_a=1.0)
    assert (result.mse_ma2, result.nmse, result.effective_bits) == (0.0, 0.0, np.inf)


def test_the_reference_ratio_compares_means_over_the_matrices() -> None:
    result = score(
        IDEAL_A + 2e-5, IDEAL_A, ALL, full_scale_a=1.0, reference_nmse=np.array([1e-3, 2e-3, 3e-3])
    )
    assert result.reference_ratio == pytest.approx(result.nmse / 2e-3)
    assert score(IDEAL_A, IDEAL_A, ALL, full_scale_a=1.0).reference_ratio is None


def test_unusable_vectors_are_left_out_and_counted_whatever_they_hold() -> None:
    usable = ALL.copy()
    usable[0, :10] = False
    usable[2, 1:] = False
    estimate_a = IDEAL_A + 2e-5
    estimate_a[~usable] = np.nan
    result = score(estimate_a, IDEAL_A, usable, full_scale_a=1e-3)
    assert result.mse_ma2 == pytest.approx(4e-4)
    # One usable vector has no variance to compare with: its matrix is left out whole.
    assert (result.vectors_scored, result.vectors_excluded) == (70, 50)


def test_an_estimate_that_is_no_number_is_never_passed_over() -> None:
    estimate_a = IDEAL_A.copy()
    estimate_a[1, 2, 3] = np.nan
    with pytest.raises(RangeError, match="1 estimates that are not finite"):
        score(estimate_a, IDEAL_A, ALL, full_scale_a=1.0)


def test_nothing_to_score_and_nothing_that_varies_are_refused() -> None:
    with pytest.raises(TrainingError, match="no matrix with two usable vectors"):
        score(IDEAL_A, IDEAL_A, np.zeros_like(ALL), full_scale_a=1.0)
    with pytest.raises(TrainingError, match="all the same"):
        score(np.ones((1, 4, 2)), np.ones((1, 4, 2)), np.ones((1, 4), dtype=bool), full_scale_a=1.0)
    with pytest.raises(ShapeError, match="score estimates of the run"):
        score(IDEAL_A[:, :, :4], IDEAL_A, ALL, full_scale_a=1.0)


def test_an_affine_fit_undoes_gain_and_offset_exactly_whatever_their_size() -> None:
    gain, offset_a = np.array([0.5, 2.0, 1.0, -1.0, 3.0]), np.array([1e-3, -1e-3, 0.0, 1e-6, 2e-4])
    fit = fit_affine((IDEAL_A[0] - offset_a) / gain, IDEAL_A[0])
    np.testing.assert_allclose(fit.gain, gain, rtol=1e-9)
    np.testing.assert_allclose(fit.offset_a, offset_a, atol=1e-15)


def test_an_affine_fit_on_one_vector_or_a_dead_column_is_an_offset() -> None:
    one = fit_affine(np.array([[1e-3, 2e-3]]), np.array([[2e-3, 1e-3]]))
    np.testing.assert_array_equal(one.gain, [1.0, 1.0])
    np.testing.assert_allclose(one.offset_a, [1e-3, -1e-3])
    dead = fit_affine(np.full((9, 1), 0.1), IDEAL_A[0, :9, :1])
    assert dead.gain[0] == 1.0
    assert np.isfinite(dead.offset_a[0])


@pytest.mark.parametrize("matrices", [4, 8, 20])
def test_the_interval_of_the_geometric_mean_holds_it_as_often_as_it_says(matrices: int) -> None:
    rng = np.random.default_rng(3)
    # The spread of a suite's matrices; 1000 draws tell the share to 0.7 %.
    found = [geometric_mean(rng.lognormal(-6.0, 0.7, matrices)) for _ in range(1000)]
    low, high = np.array([(each.low, each.high) for each in found]).T
    assert 0.93 <= np.mean((low <= np.exp(-6.0)) & (np.exp(-6.0) <= high)) <= 0.97


@pytest.mark.parametrize("matrices", [1, 2])
def test_fewer_than_three_matrices_have_no_interval_and_the_table_says_so(matrices: int) -> None:
    found = geometric_mean(np.array([1e-3, 4e-3])[:matrices])
    assert (found.low, found.high) == (None, None)
    assert geometric_mean_text(found.value, found.low, found.high) == f"{found.value:.3g} (–)"
    assert found.value == pytest.approx((1e-3, 2e-3)[matrices - 1])


def test_a_perfect_matrix_leaves_no_interval_rather_than_no_number() -> None:
    assert geometric_mean(np.array([0.0, 1e-3, 2e-3])) == GeometricMean(value=0.0, low=None, high=None)


def test_geometric_means_and_their_intervals_stand_beside_the_means() -> None:
    reference = np.full(len(IDEAL_A), 1e-3)
    found = score(IDEAL_A + 2e-5, IDEAL_A, ALL, full_scale_a=1e-3, reference_nmse=reference)
    typical = np.array([found.nmse_low, found.nmse_geometric, found.nmse, found.nmse_high])
    assert (np.diff(typical) > 0).all()
    ratios = [found.reference_ratio_low, found.reference_ratio_geometric, found.reference_ratio]
    np.testing.assert_allclose(ratios, typical[:3] / 1e-3)
