"""Linear-Gaussian reference that knows of the cells only the target, read-backs and known vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from crosscal.commands.benches.simulated_board import (
    REFERENCE_VECTORS,
    bench_of_run,
    input_deviation_v,
    reading_settings,
    recall_matrix,
    succession,
)
from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, wanted
from crosscal.core.run_file import Run

if TYPE_CHECKING:
    from crosscal.simulated_bench.unknown_cells import Scatter


@dataclass(frozen=True, slots=True, kw_only=True)
class CellScatter:
    """How exactly the cells of a board are known.

    Attributes:
        programming: of the cells about their targets.
        read_back: of read-backs about the cells; None on a board that reads nothing back.
    """

    programming: Scatter
    read_back: Scatter | None

    @classmethod
    def of_run(cls, run: Run) -> CellScatter:
        """Estimate it from the true cells of a run on a simulated board."""
        from crosscal.simulated_bench.unknown_cells import Scatter

        assert run.true_conductance_s is not None
        told = None if run.read_back_s is None else Scatter.of(run.true_conductance_s, run.read_back_s)
        return cls(programming=Scatter.of(run.target_s, run.true_conductance_s), read_back=told)

    def variance(self, target_s: Matrix, still: Matrix | None = None, *, read_back: bool) -> Matrix:
        """Return the relative variance that is left of each cell of a target, (N, M).

        Slow noise that stands still over a run, of the variance `still`, is as unknown as the error of
        programming; a read-back just before the run has seen it already.
        """
        still = np.zeros_like(target_s) if still is None else still
        programming = self.programming(target_s) + still
        if not read_back or self.read_back is None:
            return programming
        told = np.maximum(self.read_back(target_s) - still, 0.0)
        return programming * told / np.maximum(programming + told, np.finfo(float).tiny)


def reference_of_unknown_cells(
    truth: str, run: Run, scatter: CellScatter, *, counts: Sequence[int] = (0,), read_back: bool = True
) -> np.ndarray:
    """Compute the reference of each matrix of a run, by numbers of known vectors, (len(counts), K).

    Cells are Gaussian around the true circuit, to first order; what is left of them is noise of the currents,
    as it is correlated. Slow noise of the cells is taken apart: what all other readings of the run leave
    unknown is noise of a reading, independent from one to the next; the rest adds to the error of cells.

    Args:
        truth: bench.toml or profile.
        run: measured on it.
        scatter: of its cells.
        counts: of known vectors; the first of each matrix are known.
        read_back: whether the cells were read back.

    Raises:
        InputError: the run holds no true conductances, is of another size than the bench, or has too few
            vectors.
    """
    from crosscal.simulated_bench.linear_gaussian import reference_of_sensed
    from crosscal.simulated_bench.unknown_cells import posterior_covariance

    bench, sigma_v, reading = bench_of_run(truth, run), input_deviation_v(run), reading_settings(run)
    assert run.true_conductance_s is not None
    most, vectors = max(counts), run.voltage_v.shape[1]
    if most + REFERENCE_VECTORS > vectors:
        raise InputError(
            wanted(
                got=f"{most} known of {vectors} vectors",
                allowed=f"at most {vectors - REFERENCE_VECTORS}, for others are scored",
                remedy="measure more vectors of each matrix",
            )
        )
    references = np.empty((len(counts), len(run.target_s)))
    for k, (target_s, true_s) in enumerate(zip(run.target_s, run.true_conductance_s, strict=True)):
        recall_matrix(bench, run, k)
        range_a = float(run.range_a[k])
        inputs_v = run.voltage_v[k, : most + REFERENCE_VECTORS]
        change_a = bench.cell_sensitivities(true_s, inputs_v, range_a)
        sensed = bench.sensed(true_s, inputs_v, range_a, **reading, among=succession(run, k))
        prior = scatter.variance(target_s, sensed.still_variance, read_back=read_back)
        scored_a = change_a[-REFERENCE_VECTORS:]
        for place, count in enumerate(counts):
            left = posterior_covariance(prior, change_a[:count], sensed.part(slice(0, count)))
            scored = sensed.part(slice(-REFERENCE_VECTORS, None))
            cells_a2 = scored_a @ left @ scored_a.transpose(0, 2, 1)
            total_a2 = cells_a2 if scored.covariance_a2 is None else scored.covariance_a2 + cells_a2
            known = replace(scored, covariance_a2=total_a2)
            references[place, k] = reference_of_sensed(known, target_s, prior_sigma_v=sigma_v).nmse
    return references
