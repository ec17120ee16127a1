"""Tables that a suite prints: boards down, methods side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.table import Table

from crosscal.training import (
    BoardResult,
    coverage_cell,
    label_of,
    nmse_cell,
    reference_ratio_cell,
    scientific,
    suite_methods,
)


def suite_tables(results: Sequence[BoardResult], calibrators: Sequence[str]) -> Iterator[Table]:
    """Lay out NMSE, NMSE relative to the reference, and how stated intervals hold, where any are stated."""
    methods = suite_methods(calibrators)
    known = "K known vectors of each matrix"
    yield _table(f"NMSE; {known}", results, methods, nmse_cell)
    yield _table(f"NMSE relative to the reference; {known}", results, methods, reference_ratio_cell)
    stating = [method for method in methods if any(coverage_cell(result, *method) for result in results)]
    if stating:
        title = (
            "ideal currents inside stated intervals of 50/90/99 % (in %); error / deviation of the tenth "
            "with the smallest and with the largest deviations, and of the matrix furthest from 1"
        )
        yield _table(title, results, stating, coverage_cell)


def _table(
    title: str,
    results: Sequence[BoardResult],
    methods: Sequence[tuple[str, int]],
    cell: Callable[[BoardResult, str, int], str],
) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("board", no_wrap=True)
    table.add_column("reference", justify="right", no_wrap=True)
    for method in methods:
        # The method above its K: narrower.
        table.add_column(label_of(*method).replace(" ", "\n"), justify="right", no_wrap=True)
    for result in results:
        reference = "" if result.reference_nmse is None else scientific(result.reference_nmse)
        cells = [cell(result, *method) for method in methods]
        table.add_row(result.board, reference, *cells)
    return table
