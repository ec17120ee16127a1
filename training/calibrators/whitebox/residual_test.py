"""Test of a circuit model by its residuals, without repeated reads or known noise.

Two things are told apart. Errors of programming are drawn anew with every matrix: they make a matrix's
residual follow its own cells, and no calibrator can know them beforehand. A wrong law makes residuals alike
on every matrix: then a regression that knows nothing of circuits, fitted to the residuals of some matrices,
predicts those of others. The share it predicts is lost by the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float
from crosscal.training.calibrators.whitebox.circuit_fit import CircuitFit
from crosscal.training.calibrators.whitebox.model_selection import in_first_half
from crosscal.training.calibrators.whitebox.reads import Reads

MISFIT_SHARE = 0.1
"""Predictable share of the residual's variance from which on the model is called wrong: a tenth of the
noise's variance moves the reference ratio by about a tenth."""

MISFIT_STANDARD_ERRORS = 4.0
"""How far from zero that share must be, to be believed."""

_RIDGE = 1e-6
"""Relative to the features' variance. Insensitive between 1e-8 and 1e-4 (`python benchmarks/constants.py
residual_test`)."""

_CONDUCTANCE_DEGREES = 6
"""Of a wrong law with the fourth power of the conductance, 2 predict nothing, 4 78 % of the residuals'
variance, 6 95 % and 8 96 %; of a right one none predicts anything (the same command)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualTest:
    """Residuals of a fit.

    Attributes:
        residual_a: root mean square of all of it [A].
        misfit_a: of the part that is alike on matrices not learned from [A].
        misfit_share: that part's share of the variance; about 0, or below, when the law fits.
        standard_errors: how many of its standard errors the share is from zero.
    """

    residual_a: float
    misfit_a: float
    misfit_share: float
    standard_errors: float

    @property
    def fits(self) -> bool:
        """Whether the circuit model may be used; if not, `structured` is the calibrator to take."""
        return not (self.misfit_share > MISFIT_SHARE and self.standard_errors > MISFIT_STANDARD_ERRORS)

    def __str__(self) -> str:
        share = f"{100 * max(self.misfit_share, 0.0):.1f} % of the residual's variance is predictable"
        if self.fits:
            return (
                f"the circuit fits: {share}, {self.residual_a:.2e} A are left, noise and programming errors"
            )
        return (
            f"the circuit does not fit: {share} ({self.misfit_a:.2e} A of {self.residual_a:.2e} A, "
            f"{self.standard_errors:.0f} standard errors); train `structured` on this board instead"
        )


def residual_test(fit: CircuitFit, reads: Reads) -> ResidualTest:
    """Test a fit on reads, best of many matrices; they may be those that it was fitted to."""
    residual = reads.current_a - fit.predict(reads)
    chosen = in_first_half(reads)
    features = _features(reads)
    # Both ways round, so that every residual is predicted once by what never saw it.
    predicted = np.empty_like(residual)
    for known, unknown in ((chosen, ~chosen), (~chosen, chosen)):
        predicted[unknown] = _regression(features[known], residual[known], features[unknown])
    explained = residual**2 - (residual - predicted) ** 2
    clusters = np.zeros((len(reads.conductance_s), residual.shape[1]))
    np.add.at(clusters, reads.matrix, explained)
    clusters = clusters[np.unique(reads.matrix)]
    error = clusters.std() * np.sqrt(clusters.size)
    total = float((residual**2).sum())
    share = float(clusters.sum()) / total
    residual_a = float(np.sqrt(np.mean(residual**2)))
    return ResidualTest(
        residual_a=residual_a,
        misfit_a=residual_a * float(np.sqrt(max(share, 0.0))),
        misfit_share=share,
        standard_errors=float(clusters.sum() / error) if error > 0 else 0.0,
    )


def _features(reads: Reads) -> Float[np.ndarray, "batch columns features"]:
    """Sums over a column's cells that any smooth law, any wire and any neighbour could show up in."""
    rows, columns = reads.conductance_s.shape[1:]
    scaled = reads.conductance_s / reads.conductance_s.mean()
    gamma = (
        2.0 * (reads.conductance_s - reads.conductance_s.min()) / (np.ptp(reads.conductance_s) or 1.0) - 1.0
    )
    down, across = np.linspace(-1.0, 1.0, rows), np.linspace(-1.0, 1.0, columns)
    volts = reads.voltage_v / np.abs(reads.voltage_v).max()
    sums = []
    for power in (1, 2, 3, 4, 5):
        sums += [_column_sums(scaled, reads.matrix, volts**power * down**place) for place in range(3)]
    for power in (1, 2, 3):
        for degree in range(1, _CONDUCTANCE_DEGREES + 1):
            weight = scaled * np.polynomial.chebyshev.chebval(gamma, np.eye(degree + 1)[degree])
            sums.append(_column_sums(weight, reads.matrix, volts**power))
        sums.append(
            _column_sums(scaled * scaled.sum(axis=2, keepdims=True) / columns, reads.matrix, volts**power)
        )
    sums.append(_column_sums(scaled, reads.matrix, np.minimum(volts, 0.0)))
    own = sums[0]
    sums += [own**2, own**3, own * sums[3], own * sums[1]]
    base = np.stack([np.ones_like(own), *sums], axis=2)
    return np.concatenate([base, base * across[:, None], base * (across**2)[:, None]], axis=2)


def _column_sums(weight: np.ndarray, matrix: np.ndarray, drive: np.ndarray) -> np.ndarray:
    result = np.empty((len(drive), weight.shape[2]))
    for k in np.unique(matrix):
        here = matrix == k
        result[here] = drive[here] @ weight[k] / weight.shape[1]
    return result


def _regression(known: np.ndarray, residual: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    size = known.shape[2]
    flat, target = known.reshape(-1, size), residual.ravel()
    mean, spread = flat.mean(axis=0), flat.std(axis=0)
    spread[spread <= 1e-9 * np.abs(mean).max()] = np.inf
    flat = (flat - mean) / spread
    gram = flat.T @ flat + _RIDGE * len(flat) * np.eye(size)
    weights = np.linalg.solve(gram, flat.T @ (target - target.mean()))
    return ((unknown - mean) / spread) @ weights + target.mean()
