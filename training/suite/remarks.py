"""Remarks on a suite: failures and misleading calibrators, for the reader of its tables."""

from __future__ import annotations

from collections.abc import Sequence

from crosscal.training.evaluation.stated_deviations import HONEST
from crosscal.training.suite.results import AFFINE, RECALIBRATED, BoardResult, MethodScore

_SAME = 1.02
"""Ratio of errors that counts as the same: a few recalibrated matrices scatter by two percent."""


def suite_remarks(results: Sequence[BoardResult], calibrators: Sequence[str]) -> list[str]:
    """List the failures, and the places where a calibrator misleads.

    That is where it does worse than plain fits, worse after recalibration than before or than the fit to the
    same vectors, and where errors do not agree with its stated deviations.
    """
    said = []
    for result in results:
        said += [f"{result.board}: {step} failed: {message}" for step, message in result.failures.items()]
        for name in calibrators:
            remarks = [_against_plain(result, name), *_after_recalibration(result, name)]
            remarks += [_of_deviations(found) for found in result.scores if _base_of(found) == name]
            said += [f"{result.board}: {remark}" for remark in remarks if remark]
    return said


def _against_plain(result: BoardResult, name: str) -> str | None:
    plain, found = result.best_plain_nmse(), result.find(name)
    # One gain and offset per column for all matrices cannot but be worse than one for each.
    if name == AFFINE or plain is None or found is None or found.score.nmse <= plain:
        return None
    return (
        f"{found.label}, NMSE {found.score.nmse:.3g}, is worse than the best of raw and gain and offset per "
        f"column, {plain:.3g}"
    )


def _after_recalibration(result: BoardResult, name: str) -> list[str]:
    said, alone = [], result.find(name)
    for found in result.scores:
        if name == AFFINE or found.method != name + RECALIBRATED:
            continue
        fit = result.find(AFFINE, found.known_vectors)
        for other in (fit, alone):
            if other is not None and found.score.nmse > _SAME * other.score.nmse:
                said.append(
                    f"{found.label}, NMSE {found.score.nmse:.3g}, is worse than {other.label}, "
                    f"{other.score.nmse:.3g}"
                )
    return said


def _of_deviations(found: MethodScore) -> str | None:
    ratio = found.error_over_deviation
    if ratio is None or HONEST[0] <= ratio <= HONEST[1]:
        return None
    return f"{found.label} errs by {ratio:.2f} of the standard deviations that it states"


def _base_of(found: MethodScore) -> str:
    return found.method.removesuffix(RECALIBRATED)
