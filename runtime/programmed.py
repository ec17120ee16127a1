"""A calibrator compiled for the matrix that is programmed: what every read goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.runtime.column_refit import refit_columns
from crosscal.runtime.correction import Correction, Recalibratable, Uncertain
from crosscal.runtime.given_arrays import given_vectors, readable_currents, writable_output


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgrammedCalibrator:
    """Calibrates the currents of one programmed matrix; any number of threads may call it.

    Attributes:
        conductance_s: the target matrix [S], (N, M), read-only.
        kind: name of the calibrator.
        correction: what a read runs.
        limit_a: currents beyond this magnitude are no readings [A].
        current_range_a: measured currents trained on [A]; None if the file does not say.
    """

    conductance_s: Matrix
    kind: str
    correction: Correction
    limit_a: float
    current_range_a: tuple[float, float] | None

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`."""
        rows, columns = self.conductance_s.shape
        return rows, columns

    def __call__(
        self, current_a: Any, out: np.ndarray | None = None, *, allow_nan: bool = False
    ) -> np.ndarray:
        """Calibrate measured currents.

        Args:
            current_a: [A], (M,) or (B, M); float32 and float64 as they are, other real types are converted.
            out: where the answer goes: shape and type of `current_a`, contiguous; may be `current_a` itself.
                With it, and with contiguous currents, a call allocates nothing.
            allow_nan: let missing readings (NaN) through, as NaN: in every column of their vector, or, for a
                kind that takes each column by itself, in their own.

        Returns:
            Calibrated currents [A], shape and type of `current_a`; `out` if it was given.

        Raises:
            ShapeError: currents of a board of another size.
            RangeError: NaN without `allow_nan`, infinity, or a current that no reading of this board can be.
            InputError: no real numbers, or an `out` that cannot be used. After any error `out` is as it was.
        """
        current_a = readable_currents(current_a, self.conductance_s.shape[1])
        target = np.empty_like(current_a) if out is None else writable_output(out, current_a)
        unreadable = self.correction.apply(current_a, target, self.limit_a)
        if unreadable >= 0:
            if not allow_nan:
                raise self._refusal(current_a, unreadable)
            self._apply_with_gaps(self.correction.apply, current_a, target)
        return target if out is None else out

    def with_uncertainty(self, current_a: Any, *, allow_nan: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Calibrate measured currents, and tell how far off each may be.

        `structured` and `whitebox` can; it takes several times as long as calibrating alone. The deviation is
        that of the answer from the ideal current, by what noise, the circuit's misfit and the inputs' spread
        leave open; its scale was learned from validation matrices.

        Args:
            current_a, allow_nan: as for a call.

        Returns:
            Calibrated currents and their standard deviations [A], each of shape and type of `current_a`.

        Raises:
            InputError: a calibrator of another kind, which does not know.
            ShapeError, RangeError: as for a call.
        """
        if not isinstance(self.correction, Uncertain):
            raise InputError(
                wanted(
                    got=f"a request for uncertainties of a calibrator of kind {self.kind!r}",
                    allowed="kinds that find the inputs: structured, whitebox",
                    remedy="train one of these (crosscal train --calibrator structured)",
                )
            )
        current_a = readable_currents(current_a, self.conductance_s.shape[1])
        calibrated_a, deviation_a = np.empty_like(current_a), np.empty_like(current_a)
        apply = self.correction.apply_with_deviation
        unreadable = apply(current_a, calibrated_a, deviation_a, self.limit_a)
        if unreadable >= 0:
            if not allow_nan:
                raise self._refusal(current_a, unreadable)
            self._apply_with_gaps(apply, current_a, calibrated_a, deviation_a)
        return calibrated_a, deviation_a

    def within_trained_range(self, current_a: Any) -> np.ndarray | np.bool_:
        """Tell which vectors lie within the currents that were trained on; outside, a correction is a guess.

        Args:
            current_a: [A], (M,) or (B, M).

        Returns:
            True where every current of a vector does, () or (B,).

        Raises:
            RangeError: the calibrator's file does not say what it was trained on.
        """
        current_a = readable_currents(current_a, self.conductance_s.shape[1])
        if self.current_range_a is None:
            raise RangeError(
                "got a calibrator whose file gives no range of currents; train it with crosscal train"
            )
        low, high = self.current_range_a
        return ((current_a >= low) & (current_a <= high)).all(axis=-1)

    def recalibrated(self, voltage_v: Any, current_a: Any, *, ridge: float = 1e-3) -> ProgrammedCalibrator:
        """Learn from known vectors what gains and offsets have become, and the cells too where the kind can.

        `structured` and `whitebox` can: see `recalibration.recalibrate`; one vector is enough, missing
        readings are left out, and each time builds on the last. Any other kind gets a gain and an offset per
        column behind the present calibration.

        Args:
            voltage_v: vectors that were applied [V], (K, N), two or more.
            current_a: currents measured for them [A], (K, M).
            ridge: how strongly gains are held where they are, see `column_refit.refit_columns`; unused where
                the cells are learned, as their prior holds them.

        Returns:
            A new calibrator; this one stays as it is.

        Raises:
            ShapeError: other shapes, or too few vectors.
            RangeError: NaN, infinity, or vectors too much alike to tell a gain from an offset.
        """
        rows, columns = self.conductance_s.shape
        if isinstance(self.correction, Recalibratable):
            voltage_v, current_a = np.asarray(voltage_v, dtype=float), np.asarray(current_a, dtype=float)
            usable = np.abs(current_a) <= self.limit_a
            return replace(self, correction=self.correction.recalibrated(voltage_v, current_a, usable))
        voltage_v = given_vectors(voltage_v, "voltages", rows)
        current_a = given_vectors(current_a, "currents", columns)
        if len(voltage_v) != len(current_a):
            raise ShapeError(
                f"got {len(voltage_v)} voltages for {len(current_a)} currents; allowed: as many of both"
            )
        gain, offset_a = refit_columns(self(current_a), voltage_v @ self.conductance_s, ridge=ridge)
        return replace(self, correction=self.correction.trimmed(gain, offset_a))

    def _refusal(self, current_a: np.ndarray, index: int) -> RangeError:
        vector, column = divmod(index, current_a.shape[-1])
        return RangeError(
            wanted(
                got=f"a current of {current_a.reshape(-1)[index]} A in vector {vector + 1}, column "
                f"{column + 1} (counted from 1)",
                allowed=f"finite readings of at most {self.limit_a:.3g} A",
                remedy="measure that vector again in a higher range, leave it out, or pass allow_nan=True to "
                "get NaN for what is missing",
            )
        )

    def _apply_with_gaps(
        self, apply: Callable[..., int], current_a: np.ndarray, *targets: np.ndarray
    ) -> None:
        """Calibrate around NaN; anything else that is no reading is still refused."""
        missing = np.isnan(current_a)
        complete = np.where(missing, current_a.dtype.type(0), current_a)
        answers = [np.empty_like(complete) for _ in targets]
        unreadable = apply(complete, *answers, self.limit_a)
        if unreadable >= 0:
            raise self._refusal(complete, unreadable)
        if not self.correction.columns_independent:
            missing = missing.any(axis=-1, keepdims=True)
        for target, answer in zip(targets, answers, strict=True):
            np.copyto(target, np.where(missing, current_a.dtype.type(np.nan), answer))
