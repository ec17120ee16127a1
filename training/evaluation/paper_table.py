"""The seed paper's table: its published rows beside ours, measured by its protocol.

1000 matrices with 100 random vectors each are trained on; validation, sinusoidal and DC rows are of matrices
never trained on. The paper gives squared errors alone; ours come with the NMSE, that the mean current cannot
flatter, and with gain and offset per column fitted to each matrix's own known vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crosscal.core.errors import InputError, wanted
from crosscal.training.evaluation.evaluation import CALIBRATED, RAW, Evaluation, KindEvaluation
from crosscal.training.evaluation.stated_deviations import deviation_test

PUBLISHED_BEFORE_AFTER_MA2 = {
    "training": (0.131878, 0.000139),
    "validation": (0.122114, 0.000149),
    "sine": (0.032687, 0.003398),
    "dc": (0.031794, 0.003185),
}
"""Mean squared error before and after calibration [mA²], as published."""

_TEST_KINDS = {"validation": "random", "sine": "sine", "dc": "dc", "fir": "fir"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """One line of the table.

    Attributes:
        row: `training`, `validation`, `sine`, `dc` or `fir`.
        method: `published`, `affine K=8`, … or the name of a calibrator.
        before_ma2, after_ma2: mean squared error without and with calibration [mA²].
        nmse: with calibration, mean over the matrices; None where it was not published, as the rest.
        nmse_geometric: geometric mean over the matrices.
        nmse_low, nmse_high: its 95 % interval; None for fewer than three matrices.
        coverage: shares of ideal currents inside the stated intervals of 50, 90 and 99 %; None where none
            were stated.
        error_over_deviation: rms of errors over that of the deviations stated with them.
    """

    row: str
    method: str
    before_ma2: float
    after_ma2: float
    nmse: float | None
    nmse_geometric: float | None = None
    nmse_low: float | None = None
    nmse_high: float | None = None
    coverage: tuple[float, ...] | None = None
    error_over_deviation: float | None = None

    @property
    def factor(self) -> float:
        """How many times smaller the squared error is after calibration; infinite for none left."""
        return self.before_ma2 / self.after_ma2 if self.after_ma2 > 0.0 else float("inf")


def paper_rows(evaluations: Mapping[str, tuple[Evaluation, Evaluation]]) -> list[PaperRow]:
    """Lay out the table, row by row: published, the affine fits, each calibrator.

    Args:
        evaluations: by name of a calibrator, how it scores on the matrices it was trained on, and on others
            with random, sinusoidal and DC inputs (FIR inputs, if there are any, add a row).

    Raises:
        InputError: no calibrator, or a kind of input was not evaluated.
    """
    if not evaluations:
        raise InputError(
            wanted(got="no evaluation", allowed="one calibrator or more", remedy="evaluate one first")
        )
    rows: list[PaperRow] = []
    for row in ("training", *_TEST_KINDS):
        if row in PUBLISHED_BEFORE_AFTER_MA2:
            before_ma2, after_ma2 = PUBLISHED_BEFORE_AFTER_MA2[row]
            rows.append(
                PaperRow(row=row, method="published", before_ma2=before_ma2, after_ma2=after_ma2, nmse=None)
            )
        rows.extend(_own_rows(row, evaluations))
    return rows


def _own_rows(row: str, evaluations: Mapping[str, tuple[Evaluation, Evaluation]]) -> Iterator[PaperRow]:
    for index, (name, (on_training, on_test)) in enumerate(evaluations.items()):
        found = _found(row, on_training, on_test)
        if found is None:
            continue
        evaluation, kind = found
        scores, stated = kind.scores, deviation_test(evaluation, kind)
        for method, score in scores.items():
            # The affine fits know the same vectors whichever calibrator stands beside them: once is enough.
            if method == CALIBRATED or (index == 0 and method != RAW):
                yield PaperRow(
                    row=row,
                    method=name if method == CALIBRATED else method,
                    before_ma2=scores[RAW].mse_ma2,
                    after_ma2=score.mse_ma2,
                    nmse=score.nmse,
                    nmse_geometric=score.nmse_geometric,
                    nmse_low=score.nmse_low,
                    nmse_high=score.nmse_high,
                    coverage=stated.coverage if stated and method == CALIBRATED else None,
                    error_over_deviation=stated.ratio if stated and method == CALIBRATED else None,
                )


def _found(
    row: str, on_training: Evaluation, on_test: Evaluation
) -> tuple[Evaluation, KindEvaluation] | None:
    evaluation, kind = (on_training, "random") if row == "training" else (on_test, _TEST_KINDS[row])
    for found in evaluation.kinds:
        if found.kind == kind:
            return evaluation, found
    if row not in PUBLISHED_BEFORE_AFTER_MA2:
        return None
    raise InputError(
        wanted(
            got=f"an evaluation without {kind} inputs for the row {row!r}",
            allowed="random inputs of the training matrices; random, sine and dc inputs of others",
            remedy="collect the test run with random:200,sine:100,dc:100",
        )
    )
