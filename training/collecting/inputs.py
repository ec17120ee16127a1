"""Kinds of inputs that a run is measured with, for any number of rows and any window of voltages.

The paper does not say how its sinusoidal and DC inputs are spread over the rows; here one generator drives
every row, the harder reading: the sum of all currents swings much further than random inputs ever
move it, so a calibrator that was trained on random inputs has to extrapolate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Vectors
from crosscal.core.errors import InputError, wanted

PAPER_VOLTAGE_RANGE_V = (0.1, 0.5)
"""Window of inputs in the seed paper's protocol (Rezaeifar et al., MemSys 2025)."""

_SINE_PERIODS = (1.0, 5.0)  # along the rows of an array: from one bow to waves of some rows

Window = tuple[float, float]
"""Lowest and highest input [V]."""


def random_vectors(count: int, rows: int, window_v: Window, rng: np.random.Generator) -> Vectors:
    """Draw every element on its own, uniform in the window, (count, rows)."""
    return rng.uniform(*window_v, (count, rows))


def sine_vectors(count: int, rows: int, window_v: Window, rng: np.random.Generator) -> Vectors:
    """Sample one sinusoid that fills the window and drives every row, (count, rows).

    The vectors are successive samples of 1 to 5 periods (drawn, not whole), from a drawn phase.
    """
    low_v, high_v = window_v
    periods, phase = rng.uniform(*_SINE_PERIODS), rng.uniform(0.0, 1.0)
    turns = periods * np.arange(count) / max(count, 1) + phase
    level_v = (low_v + high_v) / 2 + (high_v - low_v) / 2 * np.sin(2 * np.pi * turns)
    return np.repeat(level_v[:, None], rows, axis=1)


def dc_vectors(count: int, rows: int, window_v: Window, rng: np.random.Generator) -> Vectors:
    """Hold every row at one level, drawn per vector, uniform in the window, (count, rows)."""
    return np.repeat(rng.uniform(*window_v, (count, 1)), rows, axis=1)


def fir_vectors(count: int, rows: int, window_v: Window, rng: np.random.Generator) -> Vectors:
    """Shift a random signal, uniform in the window, through a tapped delay line, (count, rows).

    Row `n` sees the signal `n` samples late, so that each column is a finite impulse response filter with
    its conductances for coefficients.
    """
    signal_v = rng.uniform(*window_v, count + rows - 1)
    now = rows - 1 + np.arange(count)
    return signal_v[now[:, None] - np.arange(rows)[None, :]]


def binary_vectors(count: int, rows: int, window_v: Window, rng: np.random.Generator) -> Vectors:
    """Drive each row at the lowest or the highest voltage, equally likely, (count, rows)."""
    return np.array(window_v)[rng.integers(2, size=(count, rows))]


def ternary_vectors(count: int, rows: int, window_v: Window, rng: np.random.Generator) -> Vectors:
    """Drive each row at the lowest, the middle or the highest voltage, equally likely, (count, rows)."""
    low_v, high_v = window_v
    return np.array([low_v, (low_v + high_v) / 2, high_v])[rng.integers(3, size=(count, rows))]


def one_hot_vectors(count: int, rows: int, window_v: Window, rng: np.random.Generator) -> Vectors:
    """Drive one row, drawn per vector, at the highest voltage, (count, rows).

    The others are at 0 V where the window holds it, else at its lowest voltage.
    """
    low_v, high_v = window_v
    vectors_v = np.full((count, rows), 0.0 if low_v <= 0.0 < high_v else low_v)
    vectors_v[np.arange(count), rng.integers(rows, size=count)] = high_v
    return vectors_v


_KINDS: dict[str, Callable[[int, int, Window, np.random.Generator], Vectors]] = {
    "random": random_vectors,
    "sine": sine_vectors,
    "dc": dc_vectors,
    "fir": fir_vectors,
    "binary": binary_vectors,
    "ternary": ternary_vectors,
    "one-hot": one_hot_vectors,
}

INPUT_KINDS = tuple(_KINDS)

INDEPENDENT = ("random", "binary", "ternary")
"""Kinds that draw every element on its own, as the prior of the linear-Gaussian reference has it."""

GIVEN = "given"
"""Kind of inputs that nobody drew: the vectors that a board is used with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Some successive vectors of one kind.

    Attributes:
        kind: one of `INPUT_KINDS`.
        count: number of vectors.
    """

    kind: str
    count: int

    def __post_init__(self) -> None:
        if self.kind not in (*_KINDS, GIVEN):
            raise InputError(
                wanted(
                    got=f"inputs of kind {self.kind!r}",
                    allowed=", ".join(INPUT_KINDS),
                    remedy="give one, or several with counts such as random:100,sine:50",
                )
            )
        if self.count < 1:
            raise InputError(
                wanted(got=f"{self.count} vectors of {self.kind}", allowed="1 or more", remedy="ask for more")
            )


def parse_inputs(text: str, vectors: int) -> tuple[Segment, ...]:
    """Parse the inputs of a run's matrices, such as `random` or `random:100,sine:50`.

    Args:
        text: one kind for all vectors, or `kind:count` parts joined by commas.
        vectors: vectors per matrix in all.

    Raises:
        InputError: an unknown kind, no number, or counts that do not add up to `vectors`.
    """
    if text.startswith(f"{GIVEN}:"):
        # What follows is the digest of the vectors, see `CollectionPlan.inputs_text`.
        return (Segment(kind=GIVEN, count=vectors),)
    if ":" not in text:
        return (Segment(kind=text.strip(), count=vectors),)
    segments = tuple(_parse_segment(part) for part in text.split(","))
    kinds = [segment.kind for segment in segments]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise InputError(
                wanted(
                    got=f"{kind} twice in {text!r}", allowed="each kind once", remedy="add their counts up"
                )
            )
    total = sum(segment.count for segment in segments)
    if total != vectors:
        raise InputError(
            wanted(
                got=f"inputs {text!r}, {total} vectors in all, for {vectors} vectors per matrix",
                allowed="counts that add up to the vectors per matrix",
                remedy=f"ask for {total} vectors, or change the counts",
            )
        )
    return segments


def draw_vectors(
    segments: tuple[Segment, ...],
    rows: int,
    rng: np.random.Generator,
    *,
    voltage_range_v: Window = PAPER_VOLTAGE_RANGE_V,
) -> Vectors:
    """Draw the vectors of all segments in order [V], (vectors, rows), from a window of voltages."""
    return np.concatenate(
        [_KINDS[segment.kind](segment.count, rows, voltage_range_v, rng) for segment in segments]
    )


def _parse_segment(part: str) -> Segment:
    kind, _, count = part.partition(":")
    try:
        return Segment(kind=kind.strip(), count=int(count))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            wanted(
                got=f"inputs {part!r}",
                allowed="kind:count, the kind one of " + ", ".join(INPUT_KINDS),
                remedy="write for example random:100,sine:50",
            )
        ) from error
