"""Recalibrations in turn on a board that goes on changing: are the stated errors of cells the true ones?

    python benchmarks/recalibration_in_turn.py
    python benchmarks/recalibration_in_turn.py --law walk-0.1 --law ballistic --steps 100

An ohmic array without wires and its exact calibrator, one recalibration an hour from K known vectors, 1 %
error of cells at the start. For each law of change: root mean square of (believed − true)/stated error of the
cells over steps 10 to the end, and at the last; recalibrations that found nothing; error of reads that the
cells' errors cause, relative to read noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from drift_boards.board import exact_calibrator, full_scale_a

from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET
from crosscal.runtime.recalibration.vectors import informative_vectors

SIZE, NOISE, START = 24, 1e-3, 0.01
FROM = 10
_OPENS_AT = 25
HOUR_S = 3600.0
LOW_V, HIGH_V = 0.1, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the board's ageing: ages before and after it [s], its number, and a source of chance."""

    before_s: float
    age_s: float
    number: int
    rng: np.random.Generator

    @property
    def folds(self) -> float:
        """Growth of the logarithm of the age."""
        return float(np.log(self.age_s / self.before_s))


Change = Callable[[np.ndarray, Step], np.ndarray]
"""Relative errors of the cells before and after a step."""


def _walk(size: float) -> Change:
    return lambda now, step: now + size * step.rng.standard_normal(now.shape)


def _ramp(size: float) -> Change:
    return lambda now, _: now + size * _direction(now.shape)


def _ballistic(size: float) -> Change:
    return lambda now, step: now + size * step.folds * _direction(now.shape)


def _walk_in_log_time(size: float) -> Change:
    return lambda now, step: now + size * np.sqrt(step.folds) * step.rng.standard_normal(now.shape)


def _all(size: float) -> Change:
    return lambda now, _: (1.0 + now) * (1.0 + size) - 1.0


def _one_opens(now: np.ndarray, step: Step) -> np.ndarray:
    then = now.copy()
    if step.number == _OPENS_AT:
        then[3, 5] = -1.0
    return then


def _direction(shape: tuple[int, ...]) -> np.ndarray:
    """One number for each cell, the same at every step."""
    return np.random.default_rng(99).standard_normal(shape)


LAWS: dict[str, Change] = {
    "none": lambda now, _: now,
    "walk-0.03": _walk(3e-4),
    "walk-0.1": _walk(1e-3),
    "walk-0.5": _walk(5e-3),
    "ramp-0.1": _ramp(1e-3),
    "ballistic": _ballistic(0.02),
    "walk-in-log-time": _walk_in_log_time(0.02),
    "all-0.1": _all(-1e-3),
    "all-0.02": _all(-2e-4),
    "one-opens": _one_opens,
}
"""Of a step of one hour, in percent; `ballistic` and `walk-in-log-time`: 2 % per e-fold of the age."""


def recalibrations(
    law: str, steps: int, vectors: int, size: int, seed: int
) -> Iterator[tuple[float, bool, float]]:
    """Yield mean square z of the cells, whether nothing was found, and relative error of reads."""
    rng = np.random.default_rng(seed)
    target_s = rng.uniform(20e-6, 95e-6, (size, size))
    noise_a = NOISE * full_scale_a(target_s)
    error = START * rng.standard_normal(target_s.shape)
    current = exact_calibrator(target_s, NOISE)
    for step in range(steps):
        age_s = (step + 1) * HOUR_S
        if step:
            aged = Step(before_s=step * HOUR_S, age_s=age_s, number=step, rng=rng)
            error = LAWS[law](error, aged)
        real_s = target_s * (1.0 + error)
        known_v = informative_vectors(vectors, size, low_v=LOW_V, high_v=HIGH_V, rng=rng)
        known_a = known_v @ real_s
        known_a += noise_a * rng.standard_normal(known_a.shape)
        current = current.recalibrated(known_v, known_a, age_s=age_s)
        fresh_v = rng.uniform(LOW_V, HIGH_V, (64, size))
        left_a = fresh_v @ (target_s * (1.0 + error - _believed(current.posterior, target_s.shape)))
        if current.posterior is not None:
            left_a -= current.posterior.mean[:, OFFSET] * full_scale_a(target_s)
        z = (_believed(current.posterior, target_s.shape) - error) / _deviation(
            current.posterior, target_s.shape
        )
        found = current.report is None or current.report.level == "nothing"
        yield float((z**2).mean()), found, float(np.std(left_a - fresh_v @ target_s) / noise_a)


def _believed(posterior, shape: tuple[int, int]) -> np.ndarray:
    if posterior is None:
        return np.zeros(shape)
    return (posterior.mean[:, GAIN, None] + posterior.mean[:, CELLS:]).T


def _deviation(posterior, shape: tuple[int, int]) -> np.ndarray:
    if posterior is None:
        return np.full(shape, START)
    covariance = posterior.covariance
    own = np.diagonal(covariance, axis1=1, axis2=2)[:, CELLS:]
    return np.sqrt(own + covariance[:, GAIN, GAIN, None] + 2.0 * covariance[:, GAIN, CELLS:]).T


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--law", action="append", choices=sorted(LAWS))
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--vectors", type=int, default=16)
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"{given.size}×{given.size}, K = {given.vectors}, noise {NOISE:g}, {given.steps} recalibrations")
    print("  law                 rms z, steps 10…  last    nothing found  error of reads / noise")
    for law in given.law or LAWS:
        found = list(recalibrations(law, given.steps, given.vectors, given.size, given.seed))
        squares, nothing, error = (np.array(each) for each in zip(*found, strict=True))
        z, last, read = np.sqrt(squares[FROM:].mean()), np.sqrt(squares[-1]), error[FROM:].mean()
        print(
            f"  {law:18s}  {z:6.2f}            {last:6.2f}  {nothing.sum():4d}/{given.steps}      {read:6.2f}"
        )


if __name__ == "__main__":
    main()
