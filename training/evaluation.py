"""Scores a calibrator on a run it was never trained on, beside nothing, the affine fit and the floor.

Vectors known to the affine baseline come from the beginning of each matrix and are scored for no one, so that
every method is scored on the same vectors. The calibrator is the runtime's: what is scored is what will run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import IncompatibleBoardError, TrainingError, wanted
from crosscal.core.run_file import Run
from crosscal.runtime import Calibrator
from crosscal.training.affine_fit import fit_affine
from crosscal.training.inputs import Segment, parse_inputs
from crosscal.training.measurements import Measurements
from crosscal.training.measures import Score, score

RAW = "nothing"
CALIBRATED = "calibrator"
KNOWN_VECTORS = (8, 32, 100)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KindEvaluation:
    """Scores on the vectors of one kind of input.

    Attributes:
        kind: such as `random` or `sine`.
        vectors: which vectors of each matrix were scored, a slice.
        scores: by method: `nothing`, `affine K=8`, …, `calibrator`.
    """

    kind: str
    vectors: slice
    scores: dict[str, Score]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """A calibrator scored on a run.

    Attributes:
        calibrator: kind of the calibrator.
        data: the run.
        calibrated_a: calibrated currents [A], (K, V, M); 0 where the reading was not usable.
        full_scale_a: `rows × largest target × largest input` [A], what RMSE is a part of.
        floor_nmse: mean of what no calibrator can beat on random inputs; None if the truth is not known.
        kinds: scores by kind of input.
        skipped: affine baselines that the run has too few vectors for.
    """

    calibrator: str
    data: Measurements
    calibrated_a: Float[np.ndarray, "matrices vectors columns"]
    full_scale_a: float
    floor_nmse: float | None
    kinds: tuple[KindEvaluation, ...]
    skipped: tuple[str, ...]


def evaluate(
    calibrator: Calibrator,
    run: Run,
    *,
    floor_nmse: np.ndarray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a calibrator on a run.

    Args:
        calibrator: as loaded by the runtime.
        run: matrices never trained on.
        floor_nmse: what no calibrator can beat, matrix by matrix, (K,), on random inputs.
        progress: called with matrices done and their number.

    Raises:
        IncompatibleBoardError: the run is of another array size than the calibrator.
        TrainingError: nothing in the run can be scored.
        RangeError: a matrix outside the range that the calibrator was trained on.
    """
    data = Measurements.from_run(run)
    data.require_learnable()
    _require_same_shape(calibrator, data)
    segments = parse_inputs(run.plan.inputs, run.plan.vectors)
    known = [count for count in KNOWN_VECTORS if count <= _known_limit(segments)]
    estimates = {RAW: data.current_a, CALIBRATED: calibrate_run(calibrator, data, progress=progress)}
    estimates |= {_affine_name(count): affine_per_matrix(data, count) for count in known}
    full_scale_a = data.shape[0] * float(data.conductance_s.max()) * float(np.abs(data.voltage_v).max())
    kinds = tuple(
        _score_kind(data, estimates, kind, vectors, full_scale_a, floor_nmse)
        for kind, vectors in _scored(segments, max(known, default=0))
    )
    return Evaluation(
        calibrator="unknown" if calibrator.metadata is None else calibrator.metadata.kind,
        data=data,
        calibrated_a=estimates[CALIBRATED],
        full_scale_a=full_scale_a,
        floor_nmse=None if floor_nmse is None else float(np.mean(floor_nmse)),
        kinds=kinds,
        skipped=tuple(_affine_name(count) for count in KNOWN_VECTORS if count not in known),
    )


def calibrate_run(
    calibrator: Calibrator, data: Measurements, *, progress: Callable[[int, int], None] | None = None
) -> Float[np.ndarray, "matrices vectors columns"]:
    """Calibrate every usable vector of every matrix [A], (K, V, M); 0 where the reading was not usable."""
    calibrated_a = np.zeros_like(data.current_a)
    for k in range(data.matrices):
        usable = data.usable[k]
        if usable.any():
            programmed = calibrator.program(data.conductance_s[k])
            calibrated_a[k, usable] = programmed(data.current_a[k, usable])
        if progress is not None:
            progress(k + 1, data.matrices)
    return calibrated_a


def affine_per_matrix(data: Measurements, known: int) -> Float[np.ndarray, "matrices vectors columns"]:
    """Fit gain and offset per column on each matrix's first `known` vectors, and apply them, (K, V, M)."""
    ideal_a = data.ideal_a
    estimate_a = data.current_a.copy()
    for k in range(data.matrices):
        chosen = np.flatnonzero(data.usable[k, :known])
        if chosen.size:
            fit = fit_affine(data.current_a[k, chosen], ideal_a[k, chosen])
            estimate_a[k] = fit(data.current_a[k])
    return estimate_a


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
    floor_nmse: np.ndarray | None,
) -> KindEvaluation:
    ideal_a, usable = data.ideal_a[:, vectors], data.usable[:, vectors]
    scores = {
        name: score(
            estimate_a[:, vectors],
            ideal_a,
            usable,
            full_scale_a=full_scale_a,
            # The floor's prior is that of random inputs; other inputs have another.
            floor_nmse=floor_nmse if kind == "random" else None,
        )
        for name, estimate_a in estimates.items()
    }
    order = [RAW, *(name for name in scores if name not in (RAW, CALIBRATED)), CALIBRATED]
    return KindEvaluation(kind=kind, vectors=vectors, scores={name: scores[name] for name in order})


def _require_same_shape(calibrator: Calibrator, data: Measurements) -> None:
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
