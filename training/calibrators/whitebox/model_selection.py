"""Choice of the cell law's terms: grown one by one, each judged on matrices not fitted to.

Matrices, not vectors, are held out: programming errors are shared by all vectors of a matrix, and a law that
learns them would otherwise look better than it is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.errors import TrainingError
from crosscal.training.calibrators.preparation import PreparationSteps
from crosscal.training.calibrators.whitebox.cell_model_form import (
    MAX_CONDUCTANCE_TERMS,
    MAX_KINK_TERMS,
    CellModelForm,
)
from crosscal.training.calibrators.whitebox.circuit_fit import CircuitFit, fit_circuit
from crosscal.training.calibrators.whitebox.circuit_model import CellModel, CircuitModel, WireModel
from crosscal.training.calibrators.whitebox.reads import Reads
from crosscal.training.measurements import Measurements

CELLS_TO_SOLVE = 1_600_000
"""Budget of a fit: cells × vectors per iteration; some 400 vectors at 64×64, a few seconds per iteration."""

_VECTORS_AT_LEAST, _VECTORS_AT_MOST = 64, 4096  # of large arrays and of small ones, whatever the budget
_BETTER_BY_STANDARD_ERRORS = 0.5
"""Insensitive between 0 and 1 (`python benchmarks/constants.py _BETTER_BY`)."""

_SETTLED_WHILE_GROWING = 1e-3
"""Insensitive between 1e-5 and 1e-2 (`python benchmarks/constants.py model_selection`)."""

# Wires to begin with [Ω]: anything between ideal and bad is within Newton's reach.
_FIRST_WIRES = WireModel(row_ohm=1.0, column_ohm=1.0, source_ohm=10.0, sense_ohm=10.0)

logger = logging.getLogger(__name__)


def reads_of(data: Measurements, rng: np.random.Generator, cells: int = CELLS_TO_SOLVE) -> Reads:
    """Draw usable vectors evenly from all matrices, as many as the budget of cells allows.

    Raises:
        TrainingError: fewer usable vectors than the fit has unknowns to separate.
    """
    rows, columns = data.shape
    wanted = int(np.clip(cells // (rows * columns), _VECTORS_AT_LEAST, _VECTORS_AT_MOST))
    matrix, vector = np.nonzero(data.usable)
    if len(matrix) < 4:
        raise TrainingError(
            f"got {len(matrix)} usable vectors; allowed: 4 or more, better 100 and of several matrices; "
            "collect more, or use a higher current range if readings were saturated"
        )
    # A random key per vector, ranked within its matrix: the first of each matrix come first.
    shuffled = rng.permutation(len(matrix))
    matrix, vector = matrix[shuffled], vector[shuffled]
    voltage_terms = np.argsort(matrix, kind="stable")
    starts = np.searchsorted(matrix[voltage_terms], matrix[voltage_terms], side="left")
    rank = np.arange(len(voltage_terms)) - starts
    chosen = voltage_terms[np.argsort(rank, kind="stable")[:wanted]]
    chosen = chosen[np.argsort(matrix[chosen], kind="stable")]
    return Reads(
        conductance_s=np.asarray(data.conductance_s, dtype=np.float64),
        matrix=matrix[chosen],
        voltage_v=np.asarray(data.voltage_v[matrix[chosen], vector[chosen]], dtype=np.float64),
        current_a=np.asarray(data.current_a[matrix[chosen], vector[chosen]], dtype=np.float64),
    )


def in_first_half(reads: Reads) -> np.ndarray:
    """Divide by matrices, or by vectors among fewer than four matrices; True for the first half, (B,)."""
    present = np.unique(reads.matrix)
    if len(present) >= 4:
        return np.isin(reads.matrix, present[::2])
    return np.arange(len(reads.matrix)) % 2 == 0


def select_circuit(reads: Reads, steps: PreparationSteps | None = None) -> CircuitFit:
    """Fit ever richer laws; refit the last that predicts held-out matrices better, to all reads.

    Args:
        reads: measured currents.
        steps: keeps the fits; a selection that finds some goes on from there.
    """
    steps = PreparationSteps() if steps is None else steps
    first = in_first_half(reads)
    learn, judge = reads.of(np.flatnonzero(first)), reads.of(np.flatnonzero(~first))
    growth = _Growth(reads=learn, steps=steps)
    best = growth.fit(_first_guess(reads))
    # By way of the cubic, which is easily found; but a cubic alone bends resistances to make up for what it
    # lacks.
    best = _better(growth.grown(growth.grown(best, voltage_terms=3), voltage_terms=5), best, judge)
    more = CellModelForm.of(best.circuit.law).voltage_terms + 1
    best = _better(growth.grown(best, voltage_terms=more), best, judge)
    for conductance_terms in range(2, MAX_CONDUCTANCE_TERMS + 1):
        trial = growth.grown(best, conductance_terms=conductance_terms)
        if not _predicts_better(trial, best, judge):
            break
        best = trial
    if (reads.voltage_v < 0).any():
        best = _better(growth.grown(best, kink_terms=MAX_KINK_TERMS), best, judge)
    form = CellModelForm.of(best.circuit.law)
    logger.info(
        "cell law with %d × %d coefficients, %d for a bend at 0",
        form.conductance_terms,
        form.voltage_terms,
        form.kink_terms,
    )
    return fit_circuit(best, reads, steps=steps.under("all reads"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Growth:
    """Fits of ever richer laws to the same reads, kept under the form of each."""

    reads: Reads
    steps: PreparationSteps

    def grown(self, fit: CircuitFit, **more: int) -> CircuitFit:
        """Fit a law with more terms, from where the poorer one ended."""
        law = replace(CellModelForm.of(fit.circuit.law), **more).applied(fit.circuit.law)
        return self.fit(replace(fit, circuit=replace(fit.circuit, law=law)))

    def fit(self, start: CircuitFit) -> CircuitFit:
        """Fit from a start, roughly."""
        kept = self.steps.under(repr(CellModelForm.of(start.circuit.law)))
        return fit_circuit(start, self.reads, _SETTLED_WHILE_GROWING, kept)


def _first_guess(reads: Reads) -> CircuitFit:
    """Ohmic cells of their nominal conductance, ideal amplifiers."""
    low_s, high_s = float(reads.conductance_s.min()), float(reads.conductance_s.max())
    scale_v = float(np.abs(reads.voltage_v).max())
    if not scale_v > 0:
        raise TrainingError(
            "got inputs that are all 0 V; allowed: inputs that drive currents; collect with others"
        )
    law = CellModel(
        coefficients=np.ones((1, 1)),
        kink=np.zeros(0),
        scale_v=scale_v,
        # Cells on a column that others have lifted see less than the smallest input, even the other sign.
        low_v=min(float(reads.voltage_v.min()), 0.0) - 0.2 * scale_v,
        high_v=max(float(reads.voltage_v.max()), 0.0) + 0.02 * scale_v,
        middle_s=(low_s + high_s) / 2,
        half_s=max((high_s - low_s) / 2, 1e-3 * high_s),
    )
    columns = reads.current_a.shape[1]
    return CircuitFit(
        circuit=CircuitModel(wires=_FIRST_WIRES, law=law),
        gain=np.ones(columns),
        offset_a=np.zeros(columns),
        residual_a=1e-2 * float(np.abs(reads.current_a).max()),
        standard_error=np.zeros(5),
        settled=False,
    )


def _better(trial: CircuitFit, best: CircuitFit, judge: Reads) -> CircuitFit:
    return trial if _predicts_better(trial, best, judge) else best


def _predicts_better(trial: CircuitFit, best: CircuitFit, judge: Reads) -> bool:
    """Compare squared errors, paired by matrix and column, as those share their programming errors."""
    gained = (best.predict(judge) - judge.current_a) ** 2 - (trial.predict(judge) - judge.current_a) ** 2
    clusters = np.zeros((len(judge.conductance_s), gained.shape[1]))
    np.add.at(clusters, judge.matrix, gained)
    clusters = clusters[np.unique(judge.matrix)]
    error = clusters.std() * np.sqrt(clusters.size)
    return bool(clusters.sum() > _BETTER_BY_STANDARD_ERRORS * error)
