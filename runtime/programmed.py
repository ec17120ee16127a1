"""Calibrator compiled for the matrix that is programmed; every read goes through it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.runtime.combination import combined
from crosscal.runtime.correction import (
    ACCEPTED,
    Correction,
    Movable,
    Recalibratable,
    Uncertain,
    correction_with,
)
from crosscal.runtime.gaps import AroundGaps
from crosscal.runtime.learning import learn
from crosscal.runtime.pass_errors import PassErrors
from crosscal.runtime.quantiles import standard_quantiles
from crosscal.runtime.reading_kernel import first_unreadable
from crosscal.runtime.recalibration.cell_law import CellLaw
from crosscal.runtime.recalibration.linearisation import Linearisation
from crosscal.runtime.recalibration.posterior import ColumnPosterior, RecalibrationLevel
from crosscal.runtime.recalibration.read_back import informed_by_read_back
from crosscal.runtime.recalibration.report import RecalibrationReport
from crosscal.runtime.reference.reading_conditions import AS_TRAINED, ReadingConditions
from crosscal.runtime.refusal import refusal, trained_window
from crosscal.runtime.validation import known_readings, readable_currents, writable_output

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgrammedCalibrator:
    """Calibrates the currents of one programmed matrix; any number of threads may call it.

    Attributes:
        conductance_s: the target matrix [S], (N, M), read-only.
        kind: name of the calibrator.
        correction: correction of every read.
        limit_a: currents beyond this magnitude are no readings [A].
        current_range_a: measured currents trained on [A]; None if the file does not say.
        voltage_range_v: inputs trained on [V]; None if the file does not say.
        input_levels_v: the few values that inputs trained on had [V]; None if they were not a few.
        as_programmed: correction before any recalibration; None if there was none.
        posterior: knowledge of this matrix by recalibrations, now or before the file was written.
        report: report of the last recalibration; None before the first since the matrix was programmed.
        only_explained: whether a reading that no inputs of the trained window explain is refused.
        cell_law: how far cells of this board lie from their targets; None if it is not known.
        temperature_c: that `at` was asked for [°C]; None: that of the training run.
        conditions: of readings, as far as they are not those trained on.
        pass_errors: errors of reading in passes beyond the surrogate's own; empty if they are not known.
    """

    conductance_s: Matrix
    kind: str
    correction: Correction
    limit_a: float
    current_range_a: tuple[float, float] | None
    voltage_range_v: tuple[float, float] | None = None
    input_levels_v: tuple[float, ...] | None = None
    as_programmed: Correction | None = None
    posterior: ColumnPosterior | None = None
    report: RecalibrationReport | None = None
    only_explained: bool = True
    cell_law: CellLaw | None = None
    pass_errors: tuple[PassErrors, ...] = ()
    temperature_c: float | None = None
    conditions: ReadingConditions = AS_TRAINED

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as its fields; they are compiled again on arrival."""
        return _restored, ({field.name: getattr(self, field.name) for field in fields(self)},)

    def __post_init__(self) -> None:
        if isinstance(self.correction, Recalibratable):
            self.correction.prepare()

    def __repr__(self) -> str:
        rows, columns = self.shape
        inputs = "" if self.voltage_range_v is None else f", {trained_window(self.voltage_range_v)}"
        return f"<ProgrammedCalibrator {self.kind} {rows}x{columns}{inputs}, recalibrated: {self.level}>"

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`."""
        rows, columns = self.conductance_s.shape
        return rows, columns

    def __call__(
        self,
        current_a: Any,
        out: np.ndarray | None = None,
        *,
        allow_nan: bool = False,
        allow_extrapolation: bool = False,
    ) -> np.ndarray:
        """Calibrate measured currents.

        Args:
            current_a: [A], (M,) or (B, M); float32 and float64 as they are, other real types are converted.
            out: where the answer goes: shape and type of `current_a`, contiguous; may be `current_a` itself.
                With it, and with contiguous currents, a call allocates nothing.
            allow_nan: let missing readings (NaN) through, as NaN: in every column of their vector, or, for a
                kind that takes each column by itself, in their own.
            allow_extrapolation: calibrate readings that no inputs of the trained window explain, too; a
                correction may then be worse than none.

        Returns:
            Calibrated currents [A], shape and type of `current_a`; `out` if it was given.

        Raises:
            ShapeError: currents of a board of another size.
            RangeError: NaN without `allow_nan`, infinity, a current that no reading of this board can be, or
                a vector that no inputs of `voltage_range_v` explain.
            InputError: no real numbers, or an `out` that cannot be used. After any error `out` is as it was.
        """
        current_a = readable_currents(current_a, self.conductance_s.shape[1])
        target = np.empty_like(current_a) if out is None else writable_output(out, current_a)
        only_explained = self.only_explained and not allow_extrapolation
        refused = self.correction.apply(current_a, target, self.limit_a, only_explained)
        if refused != ACCEPTED:
            if refused < 0 or not allow_nan:
                raise self._refusal(current_a, refused)
            self._around_gaps.apply(self.correction.apply, current_a, only_explained, target)
        return target if out is None else out

    def with_uncertainty(
        self,
        current_a: Any,
        *,
        combine: Any = None,
        allow_nan: bool = False,
        allow_extrapolation: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Calibrate measured currents, and tell how far off each may be.

        `structured` and `whitebox` can; it takes several times as long as calibrating alone. The deviation is
        that of the answer from the ideal current, by noise, the circuit's misfit and the inputs' spread; its
        scale was learned from validation matrices. A reading that inputs explain badly, or not at all, states
        as much more as remains unexplained; one whose inputs are no likely draw of those
        trained on (`inputs_plausible`), as much more as that may have filled in wrongly.

        Args:
            current_a: as for a call.
            allow_nan: as for a call.
            allow_extrapolation: as for a call.
            combine: weights C of sums and differences of columns, (M, P), such as those of differential
                pairs. Columns share their inputs and so their errors: deviations alone do not tell how far
                off a difference is.

        Returns:
            Calibrated currents and their standard deviations [A], each of shape and type of `current_a`. With
            `combine` the P sums [A], (P,) or (B, P), and their covariance [A²], (P, P) or (B, P, P).

        Raises:
            InputError: a calibrator of another kind: it does not know.
            ShapeError, RangeError: as for a call.
        """
        correction = self._uncertain
        current_a = readable_currents(current_a, self.conductance_s.shape[1])
        calibrated_a, deviation_a = np.empty_like(current_a), np.empty_like(current_a)
        apply = correction.apply_with_deviation
        only_explained = self.only_explained and not allow_extrapolation
        refused = apply(current_a, calibrated_a, deviation_a, self.limit_a, only_explained)
        if refused != ACCEPTED:
            if refused < 0 or not allow_nan:
                raise self._refusal(current_a, refused)
            self._around_gaps.apply(apply, current_a, only_explained, calibrated_a, deviation_a)
        if combine is None:
            return calibrated_a, deviation_a
        return combined(correction, current_a, calibrated_a, deviation_a, combine)

    def quantiles(
        self, current_a: Any, levels: Any, *, allow_nan: bool = False, allow_extrapolation: bool = False
    ) -> np.ndarray:
        """Calibrate measured currents, and give quantiles of what the ideal current may be.

        Args:
            current_a: as for a call.
            levels: probabilities between 0 and 1, one or (L,); [0.05, 0.95] bound an interval of 90 %.
            allow_nan: as for a call.
            allow_extrapolation: as for a call.

        Returns:
            Quantiles [A], float64: (M,) or (B, M) for one level, (L, M) or (L, B, M) for several. Half of all
            ideal currents lie below that of level 0.5, which is the calibrated current.

        Raises:
            InputError: a calibrator of a kind that does not know.
            RangeError: levels that are no probabilities; otherwise as for a call.
        """
        standard = standard_quantiles(levels)
        calibrated_a, deviation_a = self.with_uncertainty(
            current_a, allow_nan=allow_nan, allow_extrapolation=allow_extrapolation
        )
        return calibrated_a + standard.reshape(*standard.shape, *[1] * calibrated_a.ndim) * deviation_a

    def inputs_plausible(self, current_a: Any) -> np.ndarray | np.bool_:
        """Tell behind which vectors the inputs look like those trained on: independent, of that spread.

        Others are calibrated as well, and their deviations grow, but the calibration relies on inputs that it
        was not trained on: nearly all rows low, rows that go together, images.

        Args:
            current_a: [A], (M,) or (B, M), finite.

        Returns:
            True where they do, () or (B,). Of independent inputs, one vector in some hundred is taken for
            another.

        Raises:
            InputError: a calibrator of a kind that does not find the inputs.
            RangeError: currents that are no readings.
        """
        correction = self._uncertain
        current_a = readable_currents(current_a, self.conductance_s.shape[1])
        unreadable = first_unreadable(current_a.reshape(-1), self.limit_a)
        if unreadable >= 0:
            raise self._refusal(current_a, unreadable)
        plausible = correction.plausible(current_a.reshape(-1, current_a.shape[-1]))
        return plausible.reshape(current_a.shape[:-1])[()]

    def explains(self, current_a: Any) -> np.ndarray | np.bool_:
        """Tell, of each vector, whether inputs of the trained window explain it; a call refuses the others.

        Args:
            current_a: [A], (M,) or (B, M). A vector with a current that is no reading is not explained.

        Returns:
            True where inputs of `voltage_range_v` do, () or (B,); of a calibrator whose file does not say how
            its inputs appear in currents, True for every vector of readings.
        """
        current_a = readable_currents(current_a, self.conductance_s.shape[1])
        answer = np.empty(current_a.shape[-1], dtype=current_a.dtype)
        explained = [
            self.correction.apply(vector_a, answer, self.limit_a, True) == ACCEPTED
            for vector_a in current_a.reshape(-1, current_a.shape[-1])
        ]
        return np.array(explained).reshape(current_a.shape[:-1])[()]

    def within_trained_range(self, current_a: Any) -> np.ndarray | np.bool_:
        """Tell whether each vector lies within the currents trained on; outside, a correction is a guess.

        Args:
            current_a: [A], (M,) or (B, M).

        Returns:
            True where every current of a vector does, () or (B,).

        Raises:
            RangeError: the calibrator's file does not state its range of currents.
        """
        current_a = readable_currents(current_a, self.conductance_s.shape[1])
        if self.current_range_a is None:
            raise RangeError(
                "got a calibrator whose file gives no range of currents; train it with crosscal train"
            )
        low, high = self.current_range_a
        return ((current_a >= low) & (current_a <= high)).all(axis=-1)

    def recalibrated(
        self, voltage_v: Any, current_a: Any, *, usable: Any = None, age_s: float | None = None
    ) -> ProgrammedCalibrator:
        """Learn the present offsets and gains from known vectors, and the cells too where the kind can.

        `structured` and `whitebox` can, from one vector on. Any other kind gets a gain and an offset per
        column behind its calibration, from two vectors on. Evidence decides how far to go, each time builds
        on the last, and `report` holds the findings. Readings that are missing, not usable or impossible
        are left out; a column without any stays as it was.

        Args:
            voltage_v: vectors that were applied [V], (K, N): where `learns_cells`, `informative_vectors`
                makes good ones; elsewhere inputs like those trained on are best.
            current_a: currents measured for them [A], (K, M).
            usable: False for a saturated or faulty reading, (K, M), as `Readout.usable` is; None: all that
                are finite.
            age_s: time since the matrix was programmed, on one clock for all its recalibrations: devices
                drift with its logarithm. None where it is not known: recalibrations then count as equally
                far apart.

        Returns:
            A new calibrator; this one stays as it is.

        Raises:
            ShapeError: arrays that do not go together, or too few vectors.
            RangeError: inputs that are not finite, outside the trained window, or too much alike.
            InputError: not one usable reading.
        """
        voltage_v, current_a, present = known_readings(voltage_v, current_a, usable, self.shape)
        present &= np.abs(current_a) <= self.limit_a
        done = learn(
            self._as_programmed,
            voltage_v,
            current_a,
            present,
            conductance_s=self.conductance_s,
            posterior=self.posterior,
            age_s=age_s,
            law=self.cell_law,
            around=self._around_gaps,
        )
        report, correction, posterior = done.report, done.correction, done.posterior
        if posterior is not None:
            posterior = self.conditions.learned(posterior, self.cell_law, len(voltage_v))
            served = self._served(self._as_programmed, posterior)
            if served is not posterior:
                correction = correction_with(self._as_programmed, served)
        logger.info(
            "recalibrated %s from %d readings, %d missing",
            report.level,
            report.readings_used,
            report.readings_missing,
        )
        return replace(
            self,
            correction=correction,
            as_programmed=self._as_programmed,
            posterior=posterior,
            report=report,
        )

    def with_read_back(self, read_back_s: Any, read_back_std_s: Any = None) -> ProgrammedCalibrator:
        """Learn the cells from what the board reads back of them; answers still refer to the target.

        It adds to what recalibrations have learned. Cells that lie farther off than the board's programming
        lets expect have changed since, and are believed to.

        Args:
            read_back_s: conductances [S], (N, M), or (R, N, M) of R times, which are averaged; NaN where
                there is none.
            read_back_std_s: standard deviation of one read-back about its cell [S], one or (N, M); learned
                from the training run if left out.

        Returns:
            A new calibrator; this one stays as it is.

        Raises:
            InputError: a kind that does not know cells, or a calibrator that knows no error of read-backs.
            ShapeError, RangeError: read-backs that do not go with the matrix.
        """
        if not self.learns_cells:
            raise self._knows_no_cells("read-backs")
        posterior = informed_by_read_back(
            self.cell_law, self.conductance_s, read_back_s, read_back_std_s, posterior=self.posterior
        )
        return self.with_posterior(posterior)

    def with_posterior(self, posterior: ColumnPosterior) -> ProgrammedCalibrator:
        """Return a calibrator that takes `posterior`, of an earlier recalibration, for known.

        Raises:
            ShapeError: a posterior of another array, or of another kind of calibrator.
        """
        original = self._as_programmed
        correction = correction_with(original, self._served(original, posterior))
        return replace(self, correction=correction, as_programmed=original, posterior=posterior, report=None)

    def at(
        self,
        *,
        temperature_c: float | None = None,
        averages: float | None = None,
        later_s: float | None = None,
    ) -> ProgrammedCalibrator:
        """Return a calibrator for readings under other conditions than those trained on.

        Training learns what a degree changes in channels and cells where its run spans some. What this
        calibrator knows of the matrix stays known: recalibrate at the temperature that the known vectors are
        measured at, `programmed.at(temperature_c=31.0).recalibrated(…)`.

        Readings that average more, or means of several, have less noise, but not as 1/n: cells fluctuate
        for longer than a reading takes, and since the known vectors. Recalibrate with the averages that the
        known vectors are read with, `programmed.at(averages=10).recalibrated(…).at(averages=100)`.

        Args:
            temperature_c: of the board [°C]; far outside `cell_law.temperature.span_c` slopes are a guess.
            averages: readings as trained on whose mean is calibrated.
            later_s: time from the last known vectors to the reads [s]; if left out, as long as these took.

        Conditions that are left out stay as they are.

        Returns:
            A new calibrator; this one stays as it is.

        Raises:
            InputError: a kind that knows no slopes or no noise, or a training run that tells nothing of them.
            RangeError: a temperature that is no finite number, averages of 0 or less, or a time before.
        """
        original, law = self._as_programmed, None if self.cell_law is None else self.cell_law.temperature
        temperature_c = self.temperature_c if temperature_c is None else temperature_c
        before = self.conditions
        conditions = ReadingConditions(
            averages=before.averages if averages is None else averages,
            later_s=before.later_s if later_s is None else later_s,
        )
        averaging = conditions.averaging(self.cell_law, self.kind)
        if temperature_c is not None and (not isinstance(original, Movable) or law is None):
            raise InputError(
                wanted(
                    got=f"a temperature for a calibrator of kind {self.kind!r} that knows no slopes",
                    allowed="structured and whitebox, trained on a run that spans 2 °C or more, and shows it",
                    remedy="collect at several temperatures and train again, or recalibrate at the new one",
                )
            )
        if temperature_c is not None and not np.isfinite(temperature_c):
            raise RangeError(f"got a temperature of {temperature_c} °C; allowed: a finite number")
        moved = original
        if isinstance(original, Movable):
            if law is None or temperature_c is None:
                moved = original.moved(None, averaging)
            else:
                change = law.change(self.conductance_s, temperature_c)
                moved = original.moved(change, averaging, law.known)
        there = replace(
            self,
            correction=moved,
            as_programmed=moved,
            temperature_c=None if temperature_c is None else float(temperature_c),
            conditions=conditions,
        )
        if self.posterior is None:
            return there
        return replace(there, correction=correction_with(moved, there._served(moved, self.posterior)))

    @property
    def learns_cells(self) -> bool:
        """Whether recalibration can tell single cells, and not only gain and offset of a column."""
        return isinstance(self._as_programmed, Recalibratable)

    @property
    def linearised(self) -> Linearisation:
        """Readings of the matrix, linear in what is unknown of its cells, about what is known.

        Raises:
            InputError: a kind that does not know cells.
        """
        original = self._as_programmed
        if isinstance(original, Recalibratable):
            return original.linearised(self.posterior)
        raise self._knows_no_cells("a request for a surrogate")

    @property
    def uses_read_backs(self) -> bool:
        """Whether `with_read_back` needs no `read_back_std_s`: training has learned the error."""
        return self.learns_cells and self.cell_law is not None and self.cell_law.read_back is not None

    @property
    def served_posterior(self) -> ColumnPosterior | None:
        """Knowledge of the matrix as reads under these conditions find it; None before any recalibration."""
        return None if self.posterior is None else self._served(self._as_programmed, self.posterior)

    @property
    def level(self) -> RecalibrationLevel:
        """How far recalibration corrects this matrix."""
        return RecalibrationLevel.NOTHING if self.posterior is None else self.posterior.level

    def enough_averages(self, learned: int) -> int | None:
        """Tell from how many averages on, of readings as trained on, more no longer pay.

        Cells fluctuate for longer than a reading takes: beyond, white noise adds less than 5 % to the
        deviation of a reading, and only newer known vectors help.

        Args:
            learned: known vectors of the last recalibration.

        Returns:
            A power of two; `MOST_AVERAGES` if noise is white; None if the calibrator does not know.
        """
        noise = None if self.cell_law is None else self.cell_law.reading_noise
        if noise is None or not self.learns_cells:
            return None
        return noise.enough_averages(self.linearised.tensors, learned=learned)

    def _served(self, original: Correction, posterior: ColumnPosterior) -> ColumnPosterior:
        if not isinstance(original, Recalibratable):
            return posterior
        return self.conditions.served(posterior, self.cell_law, original.linearised(None).tensors)

    def _knows_no_cells(self, asked: str) -> InputError:
        return InputError(
            wanted(
                got=f"{asked} for a calibrator of kind {self.kind!r}",
                allowed="kinds that know single cells: structured, whitebox",
                remedy="train one of these (crosscal train --calibrator structured)",
            )
        )

    @property
    def _uncertain(self) -> Uncertain:
        # By name: asking a protocol takes as long as calibrating a small reading.
        if hasattr(self.correction, "apply_with_deviation"):
            return cast(Uncertain, self.correction)
        raise InputError(
            wanted(
                got=f"a request for uncertainties of a calibrator of kind {self.kind!r}",
                allowed="kinds that find the inputs: structured, whitebox",
                remedy="train one of these (crosscal train --calibrator structured)",
            )
        )

    @property
    def _as_programmed(self) -> Correction:
        return self.correction if self.as_programmed is None else self.as_programmed

    @property
    def _around_gaps(self) -> AroundGaps:
        return AroundGaps(self.limit_a, self.correction.columns_independent, self._refusal)

    def _refusal(self, current_a: np.ndarray, refused: int) -> RangeError:
        level = "" if self.learns_cells else f", or of a level that {self.kind} was not trained on"
        return refusal(current_a, refused, self.limit_a, self.voltage_range_v, level)


def _restored(values: dict[str, Any]) -> ProgrammedCalibrator:
    values["conductance_s"].flags.writeable = False
    return ProgrammedCalibrator(**values)
