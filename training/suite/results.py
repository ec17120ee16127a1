"""Results of a suite of boards, as values that can be written and read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from crosscal.core.errors import FileFormatError
from crosscal.core.whole_file import whole_file
from crosscal.training.evaluation.evaluation import RAW
from crosscal.training.evaluation.score import Score

AFFINE = "affine"
RIDGE = "ridge"
INVERSE = "data-sheet inverse"
LINEAR_ESTIMATE = "data-sheet estimate"
RECALIBRATED = " recalibrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodScore:
    """One way to calibrate, scored on one board.

    Attributes:
        method: `nothing`; `affine` or `ridge`, fitted to each matrix's own known vectors; `data-sheet
            inverse` or `estimate`; the name of a calibrator, with none; or that name with ` recalibrated`.
        known_vectors: vectors of each matrix with their ideal currents that it was given; 0 for none.
        score: on the vectors that every method is scored on.
        multiply_accumulates: cost of a read at most; None if it was not counted.
        error_over_deviation: rms of errors in parts of the deviations that were stated with them: 1 is
            honest, less is timid; None for a method that states none.
        coverage: shares of errors inside the stated intervals of 50, 90 and 99 %.
        deviation_tenths: as `error_over_deviation`, of the tenth of currents with the smallest stated
            deviations and of that with the largest.
        furthest_matrix: rms error over rms stated deviation of the matrix where it is furthest from 1.
    """

    method: str
    known_vectors: int
    score: Score
    multiply_accumulates: int | None
    error_over_deviation: float | None = None
    coverage: tuple[float, ...] | None = None
    deviation_tenths: tuple[float, float] | None = None
    furthest_matrix: float | None = None

    @property
    def label(self) -> str:
        """Method and known vectors, for people."""
        return label_of(self.method, self.known_vectors)

    @property
    def affine_fit(self) -> bool:
        """Whether it is gain and offset per column fitted to known vectors, not the calibrator `affine`."""
        return self.method == AFFINE and self.known_vectors > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardResult:
    """All that was found on one board.

    Attributes:
        board: its name in the suite.
        bench: its settings, tables of a bench.toml.
        matrices: test matrices, none of them trained on.
        training_matrices: matrices that calibrators learned from.
        reference_nmse: mean of the linear-Gaussian reference; None if it is not known.
        scores: of every method that could be scored.
        failures: error messages by step: a calibrator's name, `measuring`, `baselines`, `data-sheet`.
    """

    board: str
    bench: dict[str, Any]
    matrices: int
    training_matrices: int
    reference_nmse: float | None
    scores: tuple[MethodScore, ...]
    failures: dict[str, str]

    @property
    def shape(self) -> tuple[int, int]:
        """The array, (N, M)."""
        return self.bench["array"]["rows"], self.bench["array"]["columns"]

    @property
    def noise_relative(self) -> float:
        """Read noise in parts of full scale."""
        return self.bench["noise"]["read_relative"]

    def find(self, method: str, known_vectors: int = 0) -> MethodScore | None:
        """The score of a method, or None if it has none here."""
        for score in self.scores:
            if (score.method, score.known_vectors) == (method, known_vectors):
                return score
        return None

    def best_plain_nmse(self) -> float | None:
        """Smallest NMSE of nothing and of gain and offset per column, whatever they were given."""
        plain = (score for score in self.scores if score.method == RAW or score.affine_fit)
        return min((score.score.nmse for score in plain), default=None)


def label_of(method: str, known_vectors: int) -> str:
    """Phrase a method and the vectors it knows of each matrix."""
    if known_vectors:
        return f"{method} K={known_vectors}"
    # The calibrator of that name, beside the fits to known vectors.
    return {RAW: "raw", AFFINE: "affine trained"}.get(method, method)


def write_scores(scores: Sequence[MethodScore], path: Path) -> None:
    """Write scores whole or not at all."""
    with whole_file(path) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(list(scores))))


def read_scores(path: Path) -> tuple[MethodScore, ...]:
    """Read a file of `write_scores`.

    Raises:
        FileFormatError: it is something else.
    """
    try:
        return tuple(msgspec.json.decode(path.read_bytes(), type=list[MethodScore]))
    except msgspec.MsgspecError as error:
        raise FileFormatError(f"{path} holds no scores ({error}); delete it, they are found again") from error
