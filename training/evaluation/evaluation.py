"""Evaluation of a calibrator on a run it was never trained on, beside no calibration and the affine fit.

Vectors known to the affine baseline come from the beginning of each matrix and are scored for no one, so that
every method is scored on the same vectors. The calibrator is the runtime's own, as it will run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import IncompatibleBoardError, ShapeError, TrainingError, wanted
from crosscal.core.run.layout import RunPlan
from crosscal.core.run_file import Run
from crosscal.core.short_repr import ShortRepr
from crosscal.runtime import Calibrator, CalibratorMetadata, ProgrammedCalibrator, Uncertain
from crosscal.training.calibrators.affine_fit import affine_per_matrix
from crosscal.training.collecting.inputs import INDEPENDENT, Segment, parse_inputs
from crosscal.training.evaluation.score import Score, score
from crosscal.training.measurements import Measurements

RAW = "nothing"
CALIBRATED = "calibrator"
TARGET_ALONE = "calibrator, target alone"
"""The calibrator without the read-backs of a run that has them."""

KNOWN_VECTORS = (8, 32, 100)  # of the plain fits that a calibrator is compared with: few, some, many

Stack = Float[np.ndarray, "matrices vectors columns"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class KindEvaluation(ShortRepr):
    """Scores on the vectors of one kind of input.

    Attributes:
        kind: such as `random` or `sine`.
        vectors: slice of each matrix's vectors that were scored.
        scores: by method: `nothing`, `affine K=8`, …, `calibrator`.
    """

    kind: str
    vectors: slice
    scores: dict[str, Score]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Evaluation(ShortRepr):
    """A calibrator scored on a run.

    Attributes:
        calibrator: kind of the calibrator.
        metadata: of its file; None for a file of another maker.
        plan: of the run.
        data: the run.
        estimates_a: by method, estimates of every vector [A], (K, V, M); NaN where the calibrator was not
            asked because a reading was not usable.
        deviation_a: standard deviations stated with the calibrator's estimates [A], (K, V, M), NaN where it
            was not asked for them; None if it states none.
        full_scale_a: largest usable measured current of the run [A], to which the RMSE is relative.
        reference_nmse: the linear-Gaussian reference on inputs of the first kind, (K,); None if the truth is
            not known.
        kinds: scores by kind of input.
        skipped: affine baselines that the run has too few vectors for.
    """

    calibrator: str
    metadata: CalibratorMetadata | None
    plan: RunPlan
    data: Measurements
    estimates_a: dict[str, np.ndarray]
    deviation_a: Stack | None
    full_scale_a: float
    reference_nmse: np.ndarray | None
    kinds: tuple[KindEvaluation, ...]
    skipped: tuple[str, ...]

    @property
    def matrices_trained_on(self) -> int:
        """Matrices of the run that the calibrator was trained or validated on, by its provenance."""
        known = () if self.metadata is None else self.metadata.provenance.get("matrix_digests", ())
        return len(set(known) & set(self.data.matrix_digests()))

    @property
    def title(self) -> str:
        """Calibrator, array and matrices; says so when the run is one that was trained on."""
        rows, columns = self.data.shape
        total, trained_on = self.data.matrices, self.matrices_trained_on
        text = f"{self.calibrator}, {rows}×{columns}, {total} matrices"
        if trained_on == 0:
            return text
        return f"{text}, trained on {'this run' if trained_on == total else f'{trained_on} of them'}"

    @property
    def calibrated_a(self) -> Stack:
        """Calibrated currents of every vector [A], (K, V, M)."""
        return self.estimates_a[CALIBRATED]


def evaluate(
    calibrator: Calibrator,
    run: Run,
    *,
    reference_nmse: np.ndarray | None = None,
    deviations: int | None = 0,
    others_a: Mapping[str, np.ndarray] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a calibrator on a run.

    Args:
        calibrator: as loaded by the runtime.
        run: matrices never trained on.
        reference_nmse: linear-Gaussian reference of each matrix, (K,), on inputs of the first kind.
        deviations: how many of the scored vectors of each matrix are asked for stated deviations, too: of
            each kind of inputs, from its first on; None for all.
        others_a: estimates of every usable vector by other methods [A], (K, V, M), to be scored beside it.
        progress: called with matrices done and their number.

    Raises:
        IncompatibleBoardError: the run is of another array size than the calibrator.
        ShapeError: not one reference for each matrix.
        TrainingError: nothing in the run can be scored.
        RangeError: a matrix outside the range that the calibrator was trained on.
    """
    data = Measurements.from_run(run)
    data.require_learnable()
    _require_fit(calibrator, data, reference_nmse)
    segments = parse_inputs(run.plan.inputs, run.plan.vectors)
    known = [count for count in KNOWN_VECTORS if count <= _known_limit(segments)]
    estimates = {RAW: data.current_a}
    estimates |= {_affine_name(count): affine_per_matrix(data, count) for count in known}
    estimates |= others_a or {}
    scored = tuple(_scored(segments, max(known, default=0)))
    calibrated, deviation_a = _calibrated(calibrator, data, progress, _first(scored, deviations))
    estimates |= calibrated
    full_scale_a = float(np.abs(data.current_a[data.usable]).max())
    kinds = tuple(
        _score_kind(
            data,
            estimates,
            kind,
            vectors,
            full_scale_a,
            reference_nmse if kind == segments[0].kind and kind in INDEPENDENT else None,
        )
        for kind, vectors in scored
    )
    return Evaluation(
        calibrator="unknown" if calibrator.metadata is None else calibrator.metadata.kind,
        metadata=calibrator.metadata,
        plan=run.plan,
        data=data,
        estimates_a=estimates,
        deviation_a=deviation_a,
        full_scale_a=full_scale_a,
        reference_nmse=reference_nmse,
        kinds=kinds,
        skipped=tuple(_affine_name(count) for count in KNOWN_VECTORS if count not in known),
    )


def calibrate_run(
    calibrator: Calibrator, data: Measurements, *, progress: Callable[[int, int], None] | None = None
) -> Stack:
    """Calibrate every usable vector of every matrix, with its read-back where there is one [A], (K, V, M).

    NaN where the reading was not usable.
    """
    estimates, _ = _calibrated(calibrator, data, progress, np.arange(0))
    return estimates[CALIBRATED]


def program_matrix(calibrator: Calibrator, data: Measurements, k: int) -> ProgrammedCalibrator:
    """Program matrix `k`, with its read-back where the run has one and the calibrator knows its error."""
    return _informed(calibrator, calibrator.program(data.conductance_s[k]), data, k)


def _informed(
    calibrator: Calibrator, programmed: ProgrammedCalibrator, data: Measurements, k: int
) -> ProgrammedCalibrator:
    """Tell of matrix `k`'s read-back, where the run has one and the calibrator knows its error."""
    if data.read_back_s is None or not calibrator.uses_read_backs:
        return programmed
    return programmed.with_read_back(data.read_back_s[k])


def _calibrated(
    calibrator: Calibrator,
    data: Measurements,
    progress: Callable[[int, int], None] | None,
    doubted: np.ndarray,
) -> tuple[dict[str, Stack], Stack | None]:
    """Calibrate a run with its read-backs and, where it has some, without; by method.

    Also give the deviations that are stated for the `doubted` vectors; None of a kind that states none.
    """
    informed = data.read_back_s is not None and calibrator.uses_read_backs
    methods = (TARGET_ALONE, CALIBRATED) if informed else (CALIBRATED,)
    found = {method: np.full_like(data.current_a, np.nan) for method in methods}
    deviation_a = np.full_like(data.current_a, np.nan)
    stating = False
    for k in range(data.matrices):
        usable = data.usable[k]
        if usable.any():
            programmed = calibrator.program(data.conductance_s[k])
            for method, calibrated_a in found.items():
                if method == CALIBRATED:
                    programmed = _informed(calibrator, programmed, data, k)
                # A score is of all readings: refusing some would make the rest look better.
                calibrated_a[k, usable] = programmed(data.current_a[k, usable], allow_extrapolation=True)
            asked = doubted[usable[doubted]]
            stating = isinstance(programmed.correction, Uncertain)
            if stating and asked.size:
                _, deviation_a[k, asked] = programmed.with_uncertainty(
                    data.current_a[k, asked], allow_extrapolation=True
                )
        if progress is not None:
            progress(k + 1, data.matrices)
    return found, deviation_a if stating else None


def _first(scored: tuple[tuple[str, slice], ...], count: int | None) -> np.ndarray:
    """List the first `count` vectors of each kind of inputs, or all."""
    chosen = [np.arange(vectors.start, vectors.stop)[:count] for _, vectors in scored]
    return np.concatenate([np.arange(0), *chosen])


def _affine_name(known: int) -> str:
    return f"affine K={known}"


def _known_limit(segments: tuple[Segment, ...]) -> int:
    """How many vectors the baselines may know: at least half of a lone kind is left to score."""
    first = segments[0]
    return first.count if len(segments) > 1 else first.count // 2


def _scored(segments: tuple[Segment, ...], known: int) -> Iterator[tuple[str, slice]]:
    start = 0
    for segment in segments:
        first = max(start, known)
        start += segment.count
        if start - first >= 2:
            yield segment.kind, slice(first, start)


def _score_kind(
    data: Measurements,
    estimates: dict[str, np.ndarray],
    kind: str,
    vectors: slice,
    full_scale_a: float,
    reference_nmse: np.ndarray | None,
) -> KindEvaluation:
    part = data.of_vectors(vectors)
    ideal_a = part.ideal_a
    scores = {
        name: score(
            estimate_a[:, vectors],
            ideal_a,
            part.usable,
            full_scale_a=full_scale_a,
            reference_nmse=reference_nmse,
        )
        for name, estimate_a in estimates.items()
    }
    return KindEvaluation(kind=kind, vectors=vectors, scores=scores)


def _require_fit(calibrator: Calibrator, data: Measurements, reference_nmse: np.ndarray | None) -> None:
    trained = tuple(calibrator.shape)
    if any(have is not None and have != want for have, want in zip(trained, data.shape, strict=True)):
        raise IncompatibleBoardError(
            wanted(
                got=f"a run of a {data.shape[0]}×{data.shape[1]} board",
                allowed=f"{trained[0]}×{trained[1]}, what the calibrator was trained for",
                remedy="evaluate on a run of that board, or train another calibrator",
            )
        )
    if data.vectors < 2:
        raise TrainingError(
            wanted(got="1 vector per matrix", allowed="2 or more", remedy="collect with more --vectors")
        )
    if reference_nmse is not None and np.shape(reference_nmse) != (data.matrices,):
        raise ShapeError(
            wanted(
                got=f"references of shape {np.shape(reference_nmse)}",
                allowed=f"({data.matrices},), one for each matrix of the run",
                remedy="compute them for this run",
            )
        )
