"""Tables of a suite, board by board: methods side by side, and the text of their cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crosscal.training.evaluation.evaluation import RAW
from crosscal.training.evaluation.geometric_mean import geometric_mean_text
from crosscal.training.evaluation.stated_deviations import coverage_text
from crosscal.training.suite.results import (
    AFFINE,
    INVERSE,
    LINEAR_ESTIMATE,
    RECALIBRATED,
    RIDGE,
    BoardResult,
    label_of,
)

FAILED = "failed"

PLAIN = (
    (RAW, 0),
    (AFFINE, 8),
    (AFFINE, 32),
    (AFFINE, 100),
    (RIDGE, 100),
    (INVERSE, 0),
    (LINEAR_ESTIMATE, 0),
)
"""Methods without a calibrator that every table shows: method and known vectors."""


def suite_methods(calibrators: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Columns of a table, in order: method and known vectors."""
    return (*PLAIN, *((name, 0) for name in calibrators))


def nmse_cell(result: BoardResult, method: str, known: int) -> str:
    """NMSE of a method on a board; empty where it was not measured."""
    found = result.find(method, known)
    return _absent(result, method, known) if found is None else scientific(found.score.nmse)


def reference_ratio_cell(result: BoardResult, method: str, known: int) -> str:
    """NMSE relative to the reference; empty where either was not measured."""
    found = result.find(method, known)
    if found is None:
        return _absent(result, method, known)
    value = found.score.reference_ratio
    if value is None:
        return ""
    return f"{value:.3g}" if value < 1e4 else scientific(value)


def deviation_cell(result: BoardResult, method: str, known: int) -> str:
    """Standard deviation of errors in parts of those stated with them; empty where none were."""
    found = result.find(method, known)
    return "" if found is None or found.error_over_deviation is None else f"{found.error_over_deviation:.2f}"


def interval_cell(result: BoardResult, method: str, known: int) -> str:
    """Geometric mean of the matrices' ratios to the reference, and its 95 % interval."""
    found = result.find(method, known)
    if found is None:
        return ""
    score = found.score
    if score.reference_ratio_geometric is None:
        return ""
    return geometric_mean_text(
        score.reference_ratio_geometric, score.reference_ratio_low, score.reference_ratio_high
    )


def coverage_cell(result: BoardResult, method: str, known: int) -> str:
    """Shares inside stated intervals [%]; error / deviation of smallest and largest tenth, worst matrix."""
    found = result.find(method, known)
    if found is None or found.coverage is None or found.furthest_matrix is None:
        return ""
    tenths = "" if found.deviation_tenths is None else " {:.2f}–{:.2f};".format(*found.deviation_tenths)
    return f"{coverage_text(found.coverage)};{tenths} {found.furthest_matrix:.2f}"


def _absent(result: BoardResult, method: str, known: int) -> str:
    plain = "data-sheet" if method in (INVERSE, LINEAR_ESTIMATE) else "baselines"
    return FAILED if known == 0 and {method, "measuring", plain} & set(result.failures) else ""


def scientific(value: float) -> str:
    """Three digits and an exponent that is no longer than it must be: `2.41e-3`."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def markdown_tables(results: Sequence[BoardResult], calibrators: Sequence[str]) -> str:
    """Lay out all tables of `suite.md`."""
    methods = suite_methods(calibrators)
    parts = [
        "K: known vectors of each matrix that a fit was given; calibrators were given none. All methods are "
        "scored on the same vectors of matrices that no calibrator was trained on.\n",
        "## NMSE: squared error over the variance that the inputs cause\n",
        _markdown_table(results, methods, nmse_cell),
        "## NMSE relative to the linear-Gaussian reference\n",
        _markdown_table(results, methods, reference_ratio_cell),
        "## The same, geometric mean over the matrices (95 % interval of it)\n",
        _markdown_table(results, methods, interval_cell),
    ]
    known = sorted({score.known_vectors for result in results for score in result.scores} - {0})
    recalibrated = [
        (method, count)
        for count in known
        for method in (AFFINE, *(name + RECALIBRATED for name in calibrators if name != AFFINE))
    ]
    if recalibrated:
        parts += [
            "## NMSE when everyone is given the same K known vectors\n",
            _markdown_table(results, recalibrated, nmse_cell),
        ]
    uncertain = [
        method
        for method in (*((name, 0) for name in calibrators), *recalibrated)
        if any(deviation_cell(result, *method) for result in results)
    ]
    if uncertain:
        parts += [
            "## Errors in parts of the standard deviations stated with them; 1 is honest\n",
            _markdown_table(results, uncertain, deviation_cell),
            "## Ideal currents inside stated intervals of 50/90/99 % (in %); errors over deviations of the "
            "tenth with the smallest and with the largest; the matrix furthest from 1\n",
            _markdown_table(results, uncertain, coverage_cell),
        ]
    return "\n".join(parts)


def _markdown_table(
    results: Sequence[BoardResult], methods: Sequence[tuple[str, int]], cell: Callable[..., str]
) -> str:
    head = ["board", "N×M", "reference", *(label_of(*method) for method in methods)]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for result in results:
        reference = "" if result.reference_nmse is None else scientific(result.reference_nmse)
        cells = [cell(result, *method) for method in methods]
        rows, columns = result.shape
        lines.append("| " + " | ".join([result.board, f"{rows}×{columns}", reference, *cells]) + " |")
    return "\n".join(lines) + "\n"
