"""Table of scores that several commands print."""

from __future__ import annotations

from rich import box
from rich.table import Table

from crosscal.training import Evaluation


def score_table(evaluation: Evaluation) -> Table:
    """Lay out all four error measures by kind of input and method, with the factor against no calibration."""
    rows, columns = evaluation.data.shape
    table = Table(
        title=f"{evaluation.calibrator}, {rows}×{columns}, {evaluation.data.matrices} matrices",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("inputs")
    table.add_column("calibration", no_wrap=True)
    for name in ("MSE (mA²)", "factor", "NMSE", "bits", "RMSE %", "× ref."):
        table.add_column(name, justify="right", no_wrap=True)
    for kind in evaluation.kinds:
        raw = next(iter(kind.scores.values()))
        for index, (method, score) in enumerate(kind.scores.items()):
            name = evaluation.calibrator if method == "calibrator" else method
            table.add_row(
                kind.kind if index == 0 else "",
                name,
                f"{score.mse_ma2:.2e}",
                f"{raw.mse_ma2 / score.mse_ma2:.3g}",
                f"{score.nmse:.3g}",
                f"{score.effective_bits:.2f}",
                f"{score.rmse_percent_of_full_scale:.3g}",
                "" if score.reference_ratio is None else f"{score.reference_ratio:.3g}",
                end_section=index == len(kind.scores) - 1,
            )
    return table
