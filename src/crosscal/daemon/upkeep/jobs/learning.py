"""Learning from known vectors: they are measured in slices, some are kept back to verify on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.errors import CrosscalError
from crosscal.daemon.upkeep.kept_board import KeptBoard
from crosscal.daemon.upkeep.known_inputs import ordinary_inputs, telling_inputs
from crosscal.daemon.upkeep.known_vectors import joined
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.recalibration.verification import Verification, verify

FRESH_VECTORS = 16
"""Vectors that a recalibration is verified on, as `crosscal recalibrate` has it."""

_MOMENT_S = 1e-3  # clients wait no longer for it than for a read

Aside = Callable[[Callable[[], Any]], Future[Any]]
"""Computes what takes long; in another thread, where clients are served meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """Lesson of known vectors.

    Attributes:
        programmed: recalibrated. vectors: that it has learned from.
        before, after: errors on vectors that it has not.
    """

    programmed: ProgrammedCalibrator
    vectors: int
    before: Verification
    after: Verification


def learn(
    board: KeptBoard,
    programmed: ProgrammedCalibrator,
    vectors: int,
    *,
    age_s: float | None,
    rng: np.random.Generator,
    aside: Aside,
) -> Generator[None, None, Learned]:
    """Measure known vectors and learn from them, a slice for each step.

    Args:
        board: that holds the matrix.
        programmed: its calibrator.
        vectors: to learn from; `FRESH_VECTORS` more are measured to verify on.
        age_s: of the matrix; None where it is not known.
        rng: draws the vectors.
        aside: computes.

    Raises:
        CrosscalError: nothing can be learned from them. BoardError: from the board.
    """
    # Of its own, as another thread draws from it.
    of_design = rng.spawn(1)[0]
    designing = aside(lambda: telling_inputs(programmed, vectors, of_design, age_s=age_s))
    yield from until_done(designing)
    voltage_v = np.concatenate([designing.result(), ordinary_inputs(programmed, FRESH_VECTORS, rng)])
    parts = []
    for part in board.read_in_slices(voltage_v):
        parts.append(part)
        yield
    known = joined(parts)
    first, rest = slice(0, vectors), slice(vectors, None)
    learning = aside(
        lambda: programmed.recalibrated(
            voltage_v[first], known.present_a[first], usable=known.usable[first], age_s=age_s
        )
    )
    yield from until_done(learning)
    better = learning.result()
    return Learned(
        programmed=better,
        vectors=vectors,
        before=verify(programmed, voltage_v[rest], known.current_a[rest]),
        after=verify(better, voltage_v[rest], known.present_a[rest]),
    )


def until_done(work: Future[Any]) -> Iterator[None]:
    """Wait for a result, a step at a time; each leaves the processor to the computation for a moment."""
    while not work.done():
        wait([work], timeout=_MOMENT_S)
        yield


def at_once(work: Callable[[], Any]) -> Future[Any]:
    """Compute here and now."""
    done: Future[Any] = Future()
    try:
        done.set_result(work())
    except CrosscalError as error:
        done.set_exception(error)
    return done
