"""Scorer of all methods of a suite on one board: all on the same vectors, by the same measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.run_file import Run
from crosscal.runtime import Calibrator, ProgrammedCalibrator, Uncertain
from crosscal.training.calibrators.affine_fit import affine_per_matrix
from crosscal.training.evaluation.evaluation import KNOWN_VECTORS, RAW, program_matrix
from crosscal.training.evaluation.score import Score, score
from crosscal.training.evaluation.stated_deviations import errors_beside_deviations
from crosscal.training.evaluation.weight_error import weight_error_percent
from crosscal.training.measurements import Measurements
from crosscal.training.suite.read_cost import affine_cost, ridge_cost
from crosscal.training.suite.results import AFFINE, RECALIBRATED, RIDGE, MethodScore
from crosscal.training.suite.ridge import ridge_per_matrix

LEAST_KNOWN = 2
"""Known vectors that every kind of calibrator can be recalibrated on."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredMethods:
    """Scores of one step of a suite.

    Attributes:
        scores: of its methods.
        weight_error_percent: by label, the error over the array [% of the mean target], (N, M).
    """

    scores: tuple[MethodScore, ...]
    weight_error_percent: dict[str, np.ndarray]


@dataclass(slots=True, kw_only=True, eq=False)
class _Estimates:
    """Estimates of a calibrator for every usable vector [A], (K, V, M); NaN for the others.

    Attributes:
        current_a: estimates.
        deviation_a: standard deviations stated with them; None if none are.
    """

    current_a: np.ndarray
    deviation_a: np.ndarray | None

    @classmethod
    def blank(cls, data: Measurements) -> _Estimates:
        return cls(current_a=np.full_like(data.current_a, np.nan), deviation_a=None)

    def add(self, k: int, programmed: ProgrammedCalibrator, data: Measurements) -> None:
        """Calibrate the usable vectors of matrix `k`, with deviations if the calibrator states them."""
        usable = data.usable[k]
        if not isinstance(programmed.correction, Uncertain):
            self.current_a[k, usable] = programmed(data.current_a[k, usable], allow_extrapolation=True)
            return
        if self.deviation_a is None:
            self.deviation_a = np.full_like(self.current_a, np.nan)
        found = programmed.with_uncertainty(data.current_a[k, usable], allow_extrapolation=True)
        self.current_a[k, usable], self.deviation_a[k, usable] = found


class BoardScorer:
    """Scores estimates on a board's test run.

    The vectors known to fits come from the beginning of each matrix, at most half of them, and are scored for
    no one: the same that `evaluate` leaves out of a run with inputs of one kind.

    Args:
        run: random inputs, on matrices that no calibrator was trained on.
        reference_nmse: linear-Gaussian reference of each matrix, (K,).

    Raises:
        TrainingError: nothing in the run can be scored.
    """

    def __init__(self, run: Run, reference_nmse: np.ndarray | None) -> None:
        self._data = Measurements.from_run(run)
        self._data.require_learnable()
        self._reference_nmse = reference_nmse
        self._full_scale_a = float(np.abs(self._data.current_a[self._data.usable]).max())
        self._known = tuple(count for count in KNOWN_VECTORS if count <= self._data.vectors // 2)
        self._vectors = slice(max(self._known, default=0), self._data.vectors)

    def baselines(self) -> ScoredMethods:
        """Score no calibration, and fits to each matrix's own known vectors."""
        columns = self._data.shape[1]
        found = [self._method(RAW, 0, self._data.current_a, 0)]
        for known in self._known:
            affine_a = affine_per_matrix(self._data, known)
            found.append(self._method(AFFINE, known, affine_a, affine_cost(columns)))
        for known in self._known:
            ridge_a = ridge_per_matrix(self._data, known)
            found.append(self._method(RIDGE, known, ridge_a, ridge_cost(columns)))
        most = max(self._known, default=0)
        return _collected(found, shown=lambda method: method.known_vectors in (0, most))

    def data_sheet(self, estimates_a: Mapping[str, np.ndarray]) -> ScoredMethods:
        """Score estimates of every usable vector by a data sheet [A], (K, V, M), by method."""
        cost = ridge_cost(self._data.shape[1])
        found = [self._method(method, 0, current_a, cost) for method, current_a in estimates_a.items()]
        return _collected(found, shown=lambda _: True)

    def calibrator(
        self,
        calibrator: Calibrator,
        *,
        name: str,
        multiply_accumulates: int | None,
        progress: Progress | None = None,
    ) -> ScoredMethods:
        """Score a calibrator that knows of a matrix its target and read-back, and the deviations it states.

        Args:
            calibrator: trained on other matrices of this board.
            name: in the suite.
            multiply_accumulates: cost of a read.
            progress: called with matrices done and their number.

        Raises:
            RangeError: estimates that are not finite.
        """
        estimates = _Estimates.blank(self._data)
        for k, programmed in self._programmed(calibrator, progress):
            estimates.add(k, programmed, self._data)
        found = [self._method(name, 0, estimates.current_a, multiply_accumulates, estimates.deviation_a)]
        return _collected(found, shown=lambda _: True)

    def recalibrated(
        self,
        calibrator: Calibrator,
        *,
        name: str,
        multiply_accumulates: int | None,
        progress: Progress | None = None,
    ) -> ScoredMethods:
        """Score a calibrator that was recalibrated on each matrix's own known vectors.

        Args:
            calibrator, name, multiply_accumulates, progress: as above.

        Raises:
            InputError: known vectors that it cannot use; estimates that are not finite.
        """
        data = self._data
        estimates = {known: _Estimates.blank(data) for known in self._known}
        for k, programmed in self._programmed(calibrator, progress):
            for known, of_known in estimates.items():
                given = np.flatnonzero(data.usable[k, :known])
                better = programmed
                if len(given) >= LEAST_KNOWN:
                    better = programmed.recalibrated(data.voltage_v[k, given], data.current_a[k, given])
                of_known.add(k, better, data)
        found = [
            self._method(name + RECALIBRATED, known, own.current_a, multiply_accumulates, own.deviation_a)
            for known, own in estimates.items()
        ]
        return _collected(found, shown=lambda _: False)

    def _programmed(
        self, calibrator: Calibrator, progress: Progress | None
    ) -> Iterator[tuple[int, ProgrammedCalibrator]]:
        """Every matrix with something to score, programmed once: that may take seconds."""
        for k in range(self._data.matrices):
            if self._data.usable[k].any():
                yield k, program_matrix(calibrator, self._data, k)
            if progress is not None:
                progress(k + 1, self._data.matrices)

    def _method(
        self,
        method: str,
        known: int,
        estimate_a: np.ndarray,
        cost: int | None,
        deviation_a: np.ndarray | None = None,
    ) -> tuple[MethodScore, np.ndarray | None]:
        part = self._data.of_vectors(self._vectors)
        scored_a = estimate_a[:, self._vectors]
        stated: dict[str, Any] = {}
        if deviation_a is not None:
            stated = _of_deviations(scored_a, part, deviation_a[:, self._vectors])
        found = MethodScore(
            method=method,
            known_vectors=known,
            score=self._score(part, scored_a),
            multiply_accumulates=cost,
            **stated,
        )
        return found, weight_error_percent(part, scored_a)

    def _score(self, part: Measurements, scored_a: np.ndarray) -> Score:
        return score(
            scored_a,
            part.ideal_a,
            part.usable,
            full_scale_a=self._full_scale_a,
            reference_nmse=self._reference_nmse,
        )


def _of_deviations(scored_a: np.ndarray, part: Measurements, deviation_a: np.ndarray) -> dict[str, Any]:
    """Hold errors against the deviations stated with them, as keys of `MethodScore`."""
    ratios = ((scored_a - part.ideal_a) / deviation_a)[part.usable]
    tested = errors_beside_deviations(scored_a, part.ideal_a, deviation_a)
    return {
        "error_over_deviation": float(np.sqrt(np.mean(np.square(ratios)))),
        "coverage": None if tested is None else tested.coverage,
        "deviation_tenths": None if tested is None else tested.tenths,
        "furthest_matrix": None if tested is None else tested.furthest[1],
    }


def _collected(
    found: Sequence[tuple[MethodScore, np.ndarray | None]], *, shown: Callable[[MethodScore], bool]
) -> ScoredMethods:
    return ScoredMethods(
        scores=tuple(method for method, _ in found),
        weight_error_percent={
            method.label: error for method, error in found if error is not None and shown(method)
        },
    )
