"""Table of scores that several commands print."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from crosscal.training import Evaluation, deviation_test
from crosscal.training.evaluation.evaluation import CALIBRATED, TARGET_ALONE

COLUMNS = {
    "MSE (mA²)": "mean squared error of the currents",
    "factor": "MSE without calibration / MSE",
    "NMSE": "MSE / variance that the inputs cause in the ideal currents",
    "bits": "effective bits, −log2(√NMSE)",
    "RMSE %": "√MSE in percent of the largest measured current",
    "× ref.": "NMSE / linear-Gaussian reference (with --truth)",
}


WITH_READ_BACK = "and read-back"


def _name_of(method: str, evaluation: Evaluation) -> str:
    """Name a method; a calibrator that was given read-backs stands below itself without."""
    if TARGET_ALONE in evaluation.estimates_a and method in (TARGET_ALONE, CALIBRATED):
        return evaluation.calibrator if method == TARGET_ALONE else WITH_READ_BACK
    return evaluation.calibrator if method == CALIBRATED else method


def score_table(evaluation: Evaluation) -> Table:
    """Lay out all four error measures by kind of input and method, with the factor against no calibration."""
    table = Table(title=evaluation.title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("inputs")
    table.add_column("calibration", no_wrap=True)
    with_reference = any(
        score.reference_ratio is not None for kind in evaluation.kinds for score in kind.scores.values()
    )
    named = {name: text for name, text in COLUMNS.items() if with_reference or name != "× ref."}
    table.caption = "\n".join(f"{name}: {text}" for name, text in named.items())
    table.caption_justify = "left"
    for name in named:
        table.add_column(name, justify="right", no_wrap=True)
    for kind in evaluation.kinds:
        raw = next(iter(kind.scores.values()))
        for index, (method, score) in enumerate(kind.scores.items()):
            name = _name_of(method, evaluation)
            cells = [
                f"{score.mse_ma2:.2e}",
                f"{raw.mse_ma2 / score.mse_ma2:.3g}",
                f"{score.nmse:.3g}",
                f"{score.effective_bits:.2f}",
                f"{score.rmse_percent_of_full_scale:.3g}",
            ]
            if with_reference:
                cells.append("" if score.reference_ratio is None else f"{score.reference_ratio:.3g}")
            table.add_row(
                kind.kind if index == 0 else "",
                name,
                *cells,
                end_section=index == len(kind.scores) - 1,
            )
    return table


def print_stated_deviations(evaluation: Evaluation) -> None:
    """Print how errors agree with the deviations stated with them, by kind of input, if any are."""
    for kind in evaluation.kinds:
        tested = deviation_test(evaluation, kind)
        if tested is not None:
            inputs = f"{kind.kind} inputs, " if len(evaluation.kinds) > 1 else ""
            Console().print(f"{inputs}{tested}", highlight=False)
