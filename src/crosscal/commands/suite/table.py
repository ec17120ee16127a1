"""Table that a suite prints: boards down, methods side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from crosscal.training import (
    BoardResult,
    label_of,
    nmse_cell,
    reference_ratio_cell,
    scientific,
    suite_methods,
)


def suite_table(results: Sequence[BoardResult], calibrators: Sequence[str], *, of_reference: bool) -> Table:
    """Lay out NMSE, or NMSE relative to the reference, of every method on every board."""
    measure = "NMSE relative to the reference" if of_reference else "NMSE"
    table = Table(
        title=f"{measure}; K known vectors of each matrix",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("board", no_wrap=True)
    table.add_column("reference", justify="right", no_wrap=True)
    cell = reference_ratio_cell if of_reference else nmse_cell
    methods = suite_methods(calibrators)
    for method in methods:
        # The method above its K: narrower.
        table.add_column(label_of(*method).replace(" ", "\n"), justify="right", no_wrap=True)
    for result in results:
        reference = "" if result.reference_nmse is None else scientific(result.reference_nmse)
        cells = [cell(result, *method) for method in methods]
        table.add_row(result.board, reference, *cells)
    return table
