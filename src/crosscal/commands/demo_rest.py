"""Sentence of the demo on the error that is left: how much of it anybody would have who knows as much."""

from __future__ import annotations

import numpy as np

from crosscal.commands.benches.unknown_cells import CellScatter, reference_of_unknown_cells
from crosscal.core.run_file import Run
from crosscal.training import Evaluation


def describe_rest(evaluation: Evaluation, bench: str, run: Run) -> str:
    """Say how exactly the cells are known, and how far the calibrated error is from what that allows.

    Args:
        evaluation: of the calibrator on the run, beside the reference.
        bench: bench.toml of the simulated board.
        run: measured on it, with read-backs.
    """
    kind = evaluation.kinds[0]
    ratio = kind.scores["calibrator"].reference_ratio
    scatter = CellScatter.of_run(run)
    if ratio is None or evaluation.reference_nmse is None or scatter.read_back is None:
        return ""
    programmed, read = (np.sqrt(told.variance.mean()) for told in (scatter.programming, scatter.read_back))
    known = float(evaluation.reference_nmse.mean())
    unknown = float(reference_of_unknown_cells(bench, run, scatter).mean())
    return (
        f"The reference knows every cell. Ours are programmed to {100 * programmed:.2g} % and read back to "
        f"{100 * read:.2g} %: the best linear estimate that knows as much has {unknown / known:.2g} × the "
        f"reference on {kind.kind} inputs, ours has {ratio:.2g} ×, {ratio * known / unknown:.2f} × that. "
        "Known vectors, below, bring it down further."
    )
