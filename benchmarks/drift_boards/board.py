"""Boards with ohmic cells and no wires, their exact calibrators, and what happens to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from drift_boards.kernel import alarm_of_board

from crosscal.runtime import InverseTensors, ProgrammedCalibrator
from crosscal.runtime.drift import Diagnosis, DriftMonitor, DriftTest, LearnedNoise, Sentinels, diagnose
from crosscal.runtime.drift.drift_test import MOST_DEVIATIONS
from crosscal.runtime.drift.prediction import Prediction
from crosscal.runtime.drift.residual_filter import ResidualFilter
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.recalibration.vectors import informative_vectors

ROWS, COLUMNS, VECTORS = 16, 8, 4
LOW_V, HIGH_V = 0.1, 0.5
RATES = 10.0 ** -np.arange(0.0, 5.01, 0.5)
"""Of the processes that together are 1/f from one reading to 100,000."""

LEARNED_FROM = 16384
"""Readings: so many does a monitor keep."""
SLOPE, SLOPE_DEVIATION = 1e-3, 2e-4


def exact_calibrator(conductance_s: np.ndarray, noise: float) -> ProgrammedCalibrator:
    """Calibrator of an array without wires; noise relative to the largest current."""
    middle_v, spread_v = (LOW_V + HIGH_V) / 2, (HIGH_V - LOW_V) / np.sqrt(12)
    rows, columns = conductance_s.shape
    scale = 1.0 / full_scale_a(conductance_s)
    slopes = conductance_s * spread_v * scale
    polynomial = np.zeros((3, rows, columns))
    polynomial[0] = slopes
    constant = middle_v * conductance_s.sum(axis=0) * scale
    tensors = InverseTensors(
        polynomial=polynomial,
        coupling=np.zeros((1, rows, columns)),
        quadratic=np.zeros((rows, columns)),
        column_terms=np.zeros((2, columns)),
        loading=conductance_s / conductance_s.mean(),
        moment=np.ones((1, rows)),
        constant=constant,
        variance=np.full(columns, noise**2),
        gain=np.linalg.solve(slopes @ slopes.T / noise**2 + np.eye(rows), slopes / noise**2),
        linear=slopes,
        offset=constant,
        input_bounds=np.array([-np.sqrt(3), np.sqrt(3), 0.0, -3.0, 3.0]),
        damping=np.zeros(3),
        step_tolerance=np.array([3.0, 0.0]),
        input_variance=np.zeros(rows),
        prediction_bias=np.zeros(columns),
        inflation=np.ones(1),
        current_scale=np.full(columns, scale),
        current_shift=np.zeros(columns),
        expansion=np.array([middle_v, spread_v]),
        conductance=conductance_s,
    )
    trim = AffineCorrection(gain=np.ones(columns), offset_a=np.zeros(columns))
    return ProgrammedCalibrator(
        conductance_s=conductance_s,
        kind="structured",
        correction=InverseCorrection(tensors, trim),
        limit_a=1.0,
        current_range_a=None,
        voltage_range_v=(LOW_V, HIGH_V),
    )


def full_scale_a(conductance_s: np.ndarray) -> float:
    return float(HIGH_V * conductance_s.sum(axis=0).max())


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A board that has changed, and readings of known vectors."""

    programmed: ProgrammedCalibrator
    voltage_v: np.ndarray
    current_a: np.ndarray
    warmer_c: float
    where: tuple[int, ...]

    def diagnosis(self) -> Diagnosis:
        """What the readings say has changed."""
        return diagnose(
            self.programmed,
            self.voltage_v,
            self.current_a,
            temperature_change_c=self.warmer_c,
            temperature_slope=(SLOPE, SLOPE_DEVIATION),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board with read noise and 1/f noise of its cells, and what was learned of them.

    Attributes:
        prediction: of the sentinels. noise: of a reading, relative to full scale. wander: standard
            deviation of a cell's relative error that a decade of 1/f noise adds.
        learned: of the noise.
    """

    prediction: Prediction
    noise: float
    wander: float
    learned: LearnedNoise

    @classmethod
    def with_noise(
        cls, *, wander: float, noise: float = 1e-3, seed: int = 1, readings: int = LEARNED_FROM
    ) -> Self:
        """Make a board, and learn its noise from readings through a whole monitor."""
        rng = np.random.default_rng(seed)
        conductance_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
        programmed = exact_calibrator(conductance_s, noise)
        sentinels = Sentinels.design(programmed, VECTORS, rng=rng)
        monitor = DriftMonitor(programmed, sentinels, run_length=1e9, interval_s=1.0)
        step_s = wander / np.sqrt(2.0)
        state = rng.standard_normal((len(RATES), ROWS, COLUMNS))
        keep = np.exp(-RATES)[:, None, None]
        for reading in range(readings):
            state = keep * state + np.sqrt(1.0 - keep**2) * rng.standard_normal(state.shape)
            real_s = conductance_s * (1.0 + step_s * state.sum(axis=0))
            current_a = sentinels.voltage_v @ real_s
            current_a += noise * full_scale_a(conductance_s) * rng.standard_normal(current_a.shape)
            monitor.update(current_a, time_s=float(reading))
        return cls(
            prediction=Prediction.of(programmed, sentinels.voltage_v),
            noise=noise,
            wander=step_s,
            learned=monitor.learned,
        )

    def described(self) -> str:
        """What was learned."""
        slow = ", ".join(f"{100 * np.sqrt(each):.3f}" for each in self.learned.slow)
        return f"white {np.sqrt(self.learned.white.mean()):.3f} of the stated, slow {slow} %"

    def run(self, rng: np.random.Generator, *, run_length: float) -> int:
        """Readings to a false alarm after a recalibration."""
        return self._to_alarm(rng, run_length, np.zeros((COLUMNS, VECTORS)), 0, 1)

    def delay(
        self,
        rng: np.random.Generator,
        kind: str,
        drift: float,
        *,
        ramp: int,
        run_length: float,
        begun: int = 100,
    ) -> int:
        """Readings from a change to its alarm; runs with a false alarm before are drawn again."""
        while True:
            found = self._to_alarm(rng, run_length, self._change(kind, drift, rng), begun, ramp)
            if found > begun:
                return found - begun

    def _change(self, kind: str, drift: float, rng: np.random.Generator) -> np.ndarray:
        """Change of the residuals, (M, S) combinations."""
        relative = np.zeros((COLUMNS, ROWS))
        if kind == "gain":
            relative[:] = drift
        elif kind == "relaxation":
            relative = drift * rng.standard_normal(relative.shape)
        else:
            relative[rng.integers(COLUMNS), rng.integers(ROWS)] = drift
        moved = np.einsum("mkn,mn->km", self.prediction.sensitivity[:, :, 2:], relative)
        return ResidualFilter(self.prediction, self.learned).combine(moved, np.ones(moved.shape, dtype=bool))[
            0
        ]

    def _to_alarm(
        self, rng: np.random.Generator, run_length: float, change: np.ndarray, begun: int, ramp: int
    ) -> int:
        fresh = ResidualFilter(self.prediction, self.learned)
        test = DriftTest(VECTORS, COLUMNS, run_length=run_length)
        return alarm_of_board(
            fresh.mean,
            fresh.covariance,
            np.full(fresh.gain.shape, self.noise),
            np.full(fresh.gain.shape, self.noise),
            self.wander * np.sqrt(fresh.signal),
            RATES,
            rng.standard_normal((len(RATES), COLUMNS, VECTORS)),
            change,
            begun,
            ramp,
            fresh.gain,
            fresh.weight,
            np.exp(-1.0 / self.learned.time_constants_s),
            fresh.slow,
            fresh.noise,
            test.taken_off,
            test.thresholds,
            MOST_DEVIATIONS,
            2_000_000,
            rng,
        )

    @staticmethod
    def changed(kind: str, vectors: int, rng: np.random.Generator) -> Case:
        """A board that was recalibrated from 64 vectors, then changed."""
        noise, rows, columns = 1e-3, 16, 12
        target_s = rng.uniform(20e-6, 95e-6, (rows, columns))
        real_s = target_s * (1.0 + 0.01 * rng.standard_normal(target_s.shape))
        noise_a = noise * full_scale_a(target_s)

        def measured_a(voltage_v: np.ndarray, now_s: np.ndarray) -> np.ndarray:
            current_a = voltage_v @ now_s
            return current_a + noise_a * rng.standard_normal(current_a.shape)

        learned_v = informative_vectors(64, rows, low_v=LOW_V, high_v=HIGH_V, rng=rng)
        programmed = exact_calibrator(target_s, noise).recalibrated(learned_v, measured_a(learned_v, real_s))
        size = 10.0 ** rng.uniform(-1.7, -0.7) * rng.choice([-1.0, 1.0])  # 2 % to 20 %
        row, column = int(rng.integers(rows)), int(rng.integers(columns))
        now_s, offset_a, warmer_c, where = real_s.copy(), np.zeros(columns), 0.0, ()
        if kind == "gain":
            now_s *= 1.0 + size
        elif kind == "temperature":
            warmer_c = float(rng.uniform(5.0, 20.0) * rng.choice([-1.0, 1.0]))
            now_s *= 1.0 + warmer_c * (SLOPE + SLOPE_DEVIATION * rng.standard_normal())
        elif kind == "offsets":
            offset_a = 0.2 * size * full_scale_a(target_s) * rng.standard_normal(columns)
        elif kind == "relaxation":
            now_s *= 1.0 + abs(size) * rng.standard_normal(now_s.shape)
        elif kind == "column":
            now_s[:, column] *= 1.0 + size
            where = (column,)
        elif kind == "row":
            now_s[row] *= 1.0 + 2.0 * size
            where = (row,)
        elif kind == "cell":
            now_s[row, column] *= rng.choice([0.0, 0.5, 1.5, 2.0])
            where = (row, column)
        voltage_v = informative_vectors(vectors, rows, low_v=LOW_V, high_v=HIGH_V, rng=rng)
        return Case(
            programmed=programmed,
            voltage_v=voltage_v,
            current_a=measured_a(voltage_v, now_s) + offset_a,
            warmer_c=warmer_c,
            where=where,
        )


@numba.njit
def simulated_plain(h: float, shift: float, rng: np.random.Generator) -> int:
    """Run of a plain two-sided CUSUM with k = 0.5."""
    upper, lower, readings = 0.0, 0.0, 0
    while upper <= h and lower <= h:
        z = shift + rng.standard_normal()
        upper, lower = max(0.0, upper + z - 0.5), max(0.0, lower - z - 0.5)
        readings += 1
    return readings
