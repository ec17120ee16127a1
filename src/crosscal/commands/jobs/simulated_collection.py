"""Collection on a simulated board: every matrix has a fresh board of its own.

Each matrix is measured on a board that was just switched on, with randomness of its own. So its record
depends on the bench's settings, the plan and the matrix's number alone: a run that was cut off and resumed,
or that a cluster measured in any order, equals an uninterrupted local one to the bit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from crosscal.commands.benches.simulated_board import RESOURCE
from crosscal.commands.jobs.cluster import cluster, map_unordered
from crosscal.commands.jobs.collection import kept_matrices
from crosscal.commands.options.measurement import plan_text
from crosscal.commands.terminal.interrupt import keeping
from crosscal.commands.terminal.progress import collection_bar, console, working
from crosscal.core.run.layout import MatrixRecord
from crosscal.front_door import open_board
from crosscal.simulated_bench import BenchSettings, load_settings, settings_text
from crosscal.training import (
    BoardDescription,
    CollectionPlan,
    CollectionProgress,
    collect_with,
    measure_matrix,
)


def collect_simulated(
    bench: str | Path,
    path: Path,
    plan: CollectionPlan,
    *,
    resource: str = RESOURCE,
    timeout_s: float | None = None,
    resume: bool,
    scheduler: str | None = None,
    label: str = "collecting",
) -> CollectionProgress:
    """Collect on the board that a bench.toml or a profile describes, with a progress bar on standard error.

    Args:
        bench: path of the bench.toml, or the profile's name.
        path: the run.h5.
        plan: counts, inputs and seed.
        resource: VISA resource name of the board.
        timeout_s: how long to wait for a reply's first byte [s].
        resume: continue a run that was cut off.
        scheduler: address of a Dask scheduler; its workers measure. This process does when None.
        label: of the progress bar.

    Raises:
        ClusterError: the scheduler does not answer, or its workers gave up.
        Others: as `training.collect`.
    """
    with (
        working("switching the board on"),
        open_board(resource, backend=f"{bench}@crosscal", timeout_s=timeout_s) as board,
    ):
        description = BoardDescription.of(board)
    settings = load_settings(bench)
    plan = within_bench_window(plan, settings).resolved(description)
    console.print(f"{label}: {plan_text(plan)}", highlight=False)
    measure_one = partial(_measure, settings, resource, timeout_s, plan)

    def measure_there(indices: Sequence[int]) -> Iterator[tuple[int, MatrixRecord]]:
        with cluster(str(scheduler)) as client:
            yield from map_unordered(client, measure_one, indices)

    measure = partial(map, measure_one) if scheduler is None else measure_there
    with keeping(lambda: kept_matrices(path)), collection_bar(plan, label) as show:
        return collect_with(measure, description, path, plan, resume=resume, progress=show)


def within_bench_window(plan: CollectionPlan, settings: BenchSettings) -> CollectionPlan:
    """Take a simulated board's own window of inputs, where a plan leaves it to the board."""
    if plan.voltage_range_v is not None or plan.vectors_v is not None:
        return plan
    return replace(plan, voltage_range_v=settings.array.inputs_v)


def _measure(
    settings: BenchSettings, resource: str, timeout_s: float | None, plan: CollectionPlan, index: int
) -> tuple[int, MatrixRecord]:
    """Measure one matrix on a board just switched on; on a worker too, where the bench's file may not be."""
    seed = np.random.SeedSequence([settings.seed, plan.seed, index]).generate_state(1)[0]
    with tempfile.TemporaryDirectory() as folder:
        bench = Path(folder) / "bench.toml"
        own = msgspec.structs.replace(settings, seed=int(seed))
        bench.write_text(settings_text(own), encoding="utf-8")
        # Code that these settings name was allowed, or refused, when their own file was read.
        with open_board(resource, backend=f"{bench}@crosscal", timeout_s=timeout_s, allow_code=True) as board:
            return index, measure_matrix(board, plan, index)
