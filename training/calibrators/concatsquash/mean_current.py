"""Closed-form prediction of a matrix's mean currents from its features.

The mean is nearly all of a current, and a trained network gets it wrong on a fresh matrix: it
memorises the training matrices by it. So it is predicted first, by a fit that cannot memorise, and taken out.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Float
from crosscal.training.calibrators.concatsquash.matrix_features import MatrixFeatures, legendre

_POSITION_WEIGHTS = 3
"""Of a column's position: a constant, a slope, a bow. Errors are within 4 % of these between 1 and 5 (`python
benchmarks/constants.py POSITION_WEIGHTS`)."""

_PENALTIES = 10.0 ** np.arange(-2, 7)
"""Those tried. With every other, or from 1 to 1000 alone, the same is found (`python benchmarks/constants.py
PENALTIES`)."""


def fit_mean_current(
    encoder: MatrixFeatures,
    features: Float[np.ndarray, "matrices features"],
    mean: Float[np.ndarray, "matrices columns"],
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the mean of every column by its own features and those of the whole array.

    Each weight is a quadratic of the column's position, so all columns learn together; a free constant per
    column takes up its amplifier. The ridge penalty is chosen by generalised cross-validation.

    Args:
        encoder: made the features.
        features: of each matrix, (K, F).
        mean: mean current of each matrix and column in any unit, (K, M).

    Returns:
        Weights, (M, F), and constants, (M,).
    """
    own, whole = encoder.by_column(features)
    columns = mean.shape[1]
    position = legendre(columns, min(_POSITION_WEIGHTS, columns))
    own_terms = np.einsum("kmf,mp->kmfp", own, position).reshape(*mean.shape, -1)
    whole_terms = np.einsum("kf,mp->kmfp", whole, position).reshape(*mean.shape, -1)
    terms = np.concatenate([own_terms, whole_terms], axis=2)
    centred = terms - terms.mean(axis=0), mean - mean.mean(axis=0)
    coefficients = _ridge(centred[0].reshape(mean.size, -1), centred[1].reshape(-1))
    own_count = own_terms.shape[2]
    own_weights = coefficients[:own_count].reshape(-1, position.shape[1]) @ position.T
    whole_weights = coefficients[own_count:].reshape(-1, position.shape[1]) @ position.T
    weights = np.zeros((columns, features.shape[1]))
    for m in range(columns):
        weights[m, encoder.positions_of_column(m)] = own_weights[:, m]
        weights[m, -whole.shape[1] :] = whole_weights[:, m]
    return weights, (mean - features @ weights.T).mean(axis=0)


def _ridge(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Ridge regression, its penalty by generalised cross-validation (Golub, Heath and Wahba, 1979)."""
    left, singular, right = np.linalg.svd(terms, full_matrices=False)
    projected = left.T @ values
    outside = float(values @ values - projected @ projected)
    best = None
    for penalty in _PENALTIES:
        kept = singular**2 / (singular**2 + penalty)
        residual = outside + float((((1.0 - kept) * projected) ** 2).sum())
        freedom = max(len(values) - float(kept.sum()), 1e-9)
        criterion = residual / freedom**2
        if best is None or criterion < best[0]:
            best = criterion, right.T @ (singular / (singular**2 + penalty) * projected)
    return np.zeros(terms.shape[1]) if best is None else best[1]
