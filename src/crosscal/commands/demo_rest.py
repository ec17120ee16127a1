"""Sentence of the demo on the error that is left: the parts of it that cells, columns and noise have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosscal.runtime import Calibrator
from crosscal.runtime.recalibration.posterior import CELLS
from crosscal.training import Evaluation
from crosscal.training.evaluation.evaluation import program_matrix

_MATRICES, _VECTORS = 4, 50
"""Enough for a part in percent."""


def describe_rest(evaluation: Evaluation, calibrator: Calibrator) -> str:
    """Say how exactly the cells are known, and how much of the squared error on random inputs is theirs."""
    law, kind = calibrator.cell_law, evaluation.kinds[0]
    ratio = kind.scores["calibrator"].reference_ratio
    if law is None or law.read_back is None or evaluation.data.read_back_s is None or ratio is None:
        return ""
    middle_s = np.full(evaluation.data.shape, law.middle_s)
    programmed = float(law.programming_deviation(middle_s).mean())
    read = float(np.hypot(law.read_back.relative, law.read_back.absolute_s / law.middle_s))
    share = 100 * _share_of_cells(evaluation, calibrator)
    return (
        f"The reference knows every cell. Ours are programmed to {100 * programmed:.2g} % and read back to "
        f"{100 * read:.2g} %: {share:.0f} % of the squared error stated "
        f"for {kind.kind} inputs comes from the cells, the rest from noise and columns. "
        f"It is {ratio:.2g} × the reference; known vectors, below, bring it down further."
    )


def _share_of_cells(evaluation: Evaluation, calibrator: Calibrator) -> float:
    """Part of the stated variance that would go if the cells were as the read-back says."""
    data, total, without = evaluation.data, 0.0, 0.0
    for k in range(min(_MATRICES, data.matrices)):
        vectors = np.flatnonzero(data.usable[k])[:_VECTORS]
        informed = program_matrix(calibrator, data, k)
        posterior = informed.posterior
        if posterior is None:
            return 0.0
        covariance = posterior.covariance.copy()
        covariance[:, CELLS:, :] = 0.0
        covariance[:, :, CELLS:] = 0.0
        known = informed.with_posterior(replace(posterior, covariance=covariance))
        for one, add in ((informed, True), (known, False)):
            _, deviation_a = one.with_uncertainty(data.current_a[k, vectors], allow_extrapolation=True)
            variance = float(np.mean(deviation_a**2))
            total, without = (total + variance, without) if add else (total, without + variance)
    return max(1.0 - without / total, 0.0) if total else 0.0
