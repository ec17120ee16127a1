"""Calibrator of a matrix that is read in passes: the rows in groups, one after the other, the others at 0 V.

With more rows than columns one reading does not tell the inputs apart, whatever is done with it. Two passes
have twice as many readings for as many inputs, and half the current in the wires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.array_types import Currents, Float, Matrix, Vectors
from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.core.readout import row_groups
from crosscal.core.validation import real_array
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.inverse.inverse import MOST_MISFIT, Inverse
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.pass_errors import PassErrors
from crosscal.runtime.pass_tensors import pass_tensors
from crosscal.runtime.programmed import ProgrammedCalibrator

_TRIAL_VECTORS = 400
"""Of a plan: they tell a mean squared error to some 5 %."""

_FINE = 4001  # points of the inverse of volts; between them a straight line errs by 1e-7 of their range

PassCurrents = Float[np.ndarray, "batch passes columns"]
"""Currents of each pass [A]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassPlan:
    """Expected error of a number of passes.

    Attributes:
        passes: P.
        nmse: mean squared error expected, relative to the variance that the inputs cause.
    """

    passes: int
    nmse: float


class PassReader:
    """Finds the inputs of readings in passes, group by group.

    Args:
        tensors: of the matrix.
        passes: P.

    Attributes:
        variance: of a reading about the surrogate, mean over columns, of scaled currents.
    """

    def __init__(self, tensors: InverseTensors, passes: int) -> None:
        self._groups = row_groups(len(tensors.loading), passes)
        self._parts = [tensors if passes == 1 else pass_tensors(tensors, group) for group in self._groups]
        self._inverses = [Inverse(part) for part in self._parts]
        self.variance = float(tensors.variance.mean())

    @property
    def window_v(self) -> tuple[float, float]:
        """Inputs trained on [V]."""
        part = self._parts[0]
        low_v, high_v = np.polynomial.polynomial.polyval(part.input_bounds[:2], part.expansion)
        return float(low_v), float(high_v)

    def read(
        self, current_a: PassCurrents, *, deviation: bool = False, most_misfit: float = np.inf
    ) -> tuple[Currents, Currents]:
        """Sum the answers of all passes, and their variances if asked for [A²].

        Args:
            current_a: [A], (B, P, M), finite.
            deviation: whether to work out variances.
            most_misfit: of a reading that inputs explain.

        Raises:
            RangeError: a reading that no inputs explain.
        """
        total_a = np.zeros((len(current_a), current_a.shape[2]))
        variance = np.zeros_like(total_a)
        for p, inverse in enumerate(self._inverses):
            reading = inverse.read(np.ascontiguousarray(current_a[:, p]), deviation=deviation)
            unexplained = np.flatnonzero(~(reading.misfit <= most_misfit))
            if unexplained.size:
                raise RangeError(
                    wanted(
                        got=f"a reading, vector {unexplained[0] + 1}, pass {p + 1} (counted from 1), that no "
                        "inputs explain",
                        allowed="readings of the trained inputs, all other rows at 0 V",
                        remedy="check the order of passes, or recalibrate a board that has drifted",
                    )
                )
            total_a += reading.calibrated_a
            if reading.deviation_a is not None:
                variance += reading.deviation_a**2
        return total_a, variance

    def expected_a(
        self, voltage_v: Vectors, extra: float, normal: PassCurrents, driven: Vectors | None = None
    ) -> PassCurrents:
        """Expect readings of inputs [V], (B, N): by the surrogate, with noise.

        Args:
            voltage_v: inputs [V], (B, N).
            extra: variance of scaled currents beyond the surrogate's own.
            normal: standard normal numbers, (B, P, M).
            driven: the same for errors of the inputs as driven, (B, N); None leaves these out. Rows at rest
                are taken to have none.
        """
        current_a = np.empty_like(normal)
        for p, (part, group) in enumerate(zip(self._parts, self._groups, strict=True)):
            least, most = part.input_bounds[3:]
            fine = np.linspace(least, most, _FINE)
            fine_v = np.polynomial.polynomial.polyval(fine, part.expansion)
            z = np.interp(voltage_v[:, group], fine_v, fine)
            if driven is not None:
                z = z + np.sqrt(part.drive_variance) * driven[:, group]
            y = part.predicted(z)
            y = y + np.sqrt(part.variance + extra) * normal[:, p]
            current_a[:, p] = y / part.current_scale + part.current_shift
        return current_a


class ProgrammedPasses:
    """Calibrates currents (B, P, M) of P passes of a matrix to (B, M); any number of threads may call it.

    Args:
        programmed: calibrator of the matrix, recalibrated or not, of a kind that finds the inputs.
        passes: P.

    Raises:
        InputError: a calibrator of another kind.
        RangeError: fewer than one pass or more than rows; a calibrator that was not trained down to 0 V.
    """

    def __init__(self, programmed: ProgrammedCalibrator, passes: int) -> None:
        correction = programmed.correction
        if not isinstance(correction, InverseCorrection):
            raise InputError(
                wanted(
                    got=f"passes of a calibrator of kind {programmed.kind!r}",
                    allowed="kinds that find the inputs: structured, whitebox",
                    remedy="train one of these (crosscal train --calibrator structured)",
                )
            )
        self._programmed, self._passes = programmed, passes
        self._reader, self._trim = PassReader(correction.tensors, passes), correction.trim
        self._errors = _errors_of(programmed.pass_errors, passes)

    @property
    def conductance_s(self) -> Matrix:
        """The target matrix [S], (N, M)."""
        return self._programmed.conductance_s

    @property
    def passes(self) -> int:
        """P."""
        return self._passes

    def at(self, **conditions: float) -> ProgrammedPasses:
        """Return it for readings under other conditions, as `ProgrammedCalibrator.at` does."""
        return ProgrammedPasses(self._programmed.at(**conditions), self._passes)

    def __call__(self, current_a: Any, *, allow_extrapolation: bool = False) -> np.ndarray:
        """Calibrate.

        Args:
            current_a: measured currents [A], (P, M) or (B, P, M), the passes in the order of
                `crosscal.core.readout.row_groups`, as `board.read(v, passes=P)` gives them.
            allow_extrapolation: calibrate readings that no inputs of the trained window explain, too.

        Returns:
            Calibrated currents of the whole vectors [A], (M,) or (B, M), float64.

        Raises:
            ShapeError: another number of passes or columns.
            RangeError: currents that are no readings, or that no inputs explain.
        """
        return self._read(current_a, deviation=False, allow_extrapolation=allow_extrapolation)[0]

    def with_uncertainty(
        self, current_a: Any, *, allow_extrapolation: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Calibrate as a call does, and tell how far off each current may be [A], of the same shape."""
        return self._read(current_a, deviation=True, allow_extrapolation=allow_extrapolation)

    def expected_nmse(self, rng: np.random.Generator, *, vectors: int = _TRIAL_VECTORS) -> float:
        """Tell the squared error to expect, relative to the variance that inputs cause: by trial on the
        model.

        Args:
            rng: draws inputs, uniform in the trained window, and noise.
            vectors: of the trial.
        """
        rows, columns = self._programmed.shape
        voltage_v = rng.uniform(*self._reader.window_v, (vectors, rows))
        ideal_a = voltage_v @ self.conductance_s
        normal = rng.standard_normal((vectors, self._passes, columns))
        driven = rng.standard_normal((vectors, rows))
        trial_a = self._reader.expected_a(voltage_v, self._errors.variance, normal, driven)
        wrong_a = self(trial_a, allow_extrapolation=True) - ideal_a
        return float(np.mean(wrong_a**2) / np.mean((ideal_a - ideal_a.mean(axis=0)) ** 2))

    def _read(
        self, current_a: Any, *, deviation: bool, allow_extrapolation: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        given = real_array(current_a, "currents")
        columns, limit_a = self._programmed.shape[1], self._programmed.limit_a
        if given.ndim not in (2, 3) or given.shape[-2:] != (self._passes, columns):
            raise ShapeError(
                wanted(
                    got=f"currents of shape {given.shape}",
                    allowed=f"({self._passes}, {columns}), or (B, {self._passes}, {columns})",
                    remedy=f"read the board in as many passes: board.read(v, passes={self._passes})",
                )
            )
        batch_a = given.reshape(-1, self._passes, columns)
        if not (np.abs(batch_a) <= limit_a).all():
            raise RangeError(
                wanted(
                    got="currents that are no readings",
                    allowed=f"finite readings of at most {limit_a:.3g} A",
                    remedy="measure these vectors again in a higher range, or leave them out",
                )
            )
        tested = self._programmed.only_explained and not allow_extrapolation
        most = MOST_MISFIT * max(1.0, self._errors.inflation**2)
        total_a, variance = self._reader.read(
            batch_a, deviation=deviation, most_misfit=most if tested else np.inf
        )
        answer_a = self._trim.gain * total_a + self._trim.offset_a
        deviation_a = np.abs(self._trim.gain) * self._errors.inflation * np.sqrt(variance)
        shape = (*given.shape[:-2], columns)
        return answer_a.reshape(shape), deviation_a.reshape(shape)


def plan_passes(
    programmed: ProgrammedCalibrator, rng: np.random.Generator, *, most: int = 4, nmse: float = 0.0
) -> list[PassPlan]:
    """Tell the error to expect of 1, 2, … passes, until one reaches a wanted accuracy.

    Args:
        programmed: calibrator of the matrix.
        rng: draws inputs and noise of the trials.
        most: passes at most.
        nmse: squared error wanted, relative to the variance that inputs cause.
    """
    plans = list[PassPlan]()
    for passes in range(1, min(most, programmed.shape[0]) + 1):
        plans.append(PassPlan(passes=passes, nmse=ProgrammedPasses(programmed, passes).expected_nmse(rng)))
        if plans[-1].nmse <= nmse:
            break
    return plans


def _errors_of(learned: tuple[PassErrors, ...], passes: int) -> PassErrors:
    """Errors of so many passes; of more than were learned, those of the most."""
    nothing = PassErrors(passes=passes, variance=0.0, inflation=1.0)
    if passes == 1 or not learned:
        return nothing
    return min(learned, key=lambda errors: abs(errors.passes - passes))
