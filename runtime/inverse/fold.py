"""Calibrators that find the inputs: the fold of their file, and the correction of a read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.core.errors import CalibratorFileError, InputError
from crosscal.runtime.correction import Evaluate, Recalibrated
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.inverse.inverse import (
    DOUBTFUL_MISFIT,
    MOST_MISFIT,
    Inverse,
    InverseReading,
    InverseTensors,
)
from crosscal.runtime.reading_kernel import first_unreadable
from crosscal.runtime.recalibration.cell_model import with_changes
from crosscal.runtime.recalibration.cell_recalibration import recalibrate
from crosscal.runtime.recalibration.linearisation import Linearisation, SurrogateAt, posterior_tensors
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET, ColumnPosterior
from crosscal.runtime.reference.reading_noise import Averaging
from crosscal.runtime.reference.temperature_law import ANY_TEMPERATURE, KnownTemperature

_NOT_FOLDED = {"conductance", "drive_variance"}
FOLDED = tuple(field.name for field in fields(InverseTensors) if field.name not in _NOT_FOLDED)
"""Tensors that the graph computes; the target is given, and knowledge of one matrix comes later."""


class InverseCorrection:
    """Reads of one matrix by way of its inputs; any number of threads may use it."""

    def __init__(
        self,
        tensors: InverseTensors,
        trim: AffineCorrection,
        surrogate_at: SurrogateAt | None = None,
        unknowns: np.ndarray | None = None,
        averaging: Averaging | None = None,
        known: KnownTemperature = ANY_TEMPERATURE,
    ) -> None:
        """Read with the surrogate of a matrix: columns differ from it by `unknowns`, (M, N + 2), and
        readings may average otherwise than those trained on.
        """
        self._compiled, self._compute = tensors, surrogate_at
        self._unknowns, self._averaging, self._known = unknowns, averaging, known
        self._tensors, self._trim, self._surrogate_at = tensors, trim, surrogate_at
        if unknowns is not None or averaging is not None:
            self._tensors = _under(tensors, unknowns, averaging, known)
        if unknowns is not None and surrogate_at is not None:
            self._surrogate_at = lambda cells_s: _under(surrogate_at(cells_s), unknowns, averaging, known)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the tensors; compiled arrays stay behind, and the graph, a process's own: cells that are
        learned over there are scaled.
        """
        fields = self._compiled, self._trim, None, self._unknowns, self._averaging, self._known
        return InverseCorrection, fields

    def prepare(self) -> None:
        """See `Recalibratable.prepare`."""
        _ = self._inverse

    @property
    def tensors(self) -> InverseTensors:
        """Tensors of the matrix, after any recalibration."""
        return self._tensors

    def linearised(self, posterior: ColumnPosterior | None) -> Linearisation:
        """See `Recalibratable.linearised`."""
        mean = None if posterior is None else posterior.mean
        return Linearisation.about(self._tensors, mean, self._surrogate_at)

    @property
    def trim(self) -> AffineCorrection:
        """Gain and offset of every answer."""
        return self._trim

    @property
    def voltage_range_v(self) -> tuple[float, float]:
        """Smallest and largest input trained on [V]."""
        low_v, high_v = np.polynomial.polynomial.polyval(
            self._tensors.input_bounds[:2], self._tensors.expansion
        )
        return float(low_v), float(high_v)

    @property
    def columns_independent(self) -> bool:
        """All columns decide about every input."""
        return False

    def apply(
        self,
        current_a: np.ndarray,
        calibrated_a: np.ndarray,
        limit_a: float,
        only_explained: bool = False,
    ) -> int:
        """See `Correction.apply`."""
        refused = self._inverse.read_into(current_a, calibrated_a, limit_a, DOUBTFUL_MISFIT)
        if refused >= -1:
            return refused
        reading = self._read_in_any_range(current_a, deviation=False)
        return _take(reading, (calibrated_a,), only_explained)

    def apply_with_deviation(
        self,
        current_a: np.ndarray,
        calibrated_a: np.ndarray,
        deviation_a: np.ndarray,
        limit_a: float,
        only_explained: bool = False,
    ) -> int:
        """See `Uncertain.apply_with_deviation`."""
        unreadable = first_unreadable(current_a.reshape(-1), limit_a)
        if unreadable >= 0:
            return unreadable
        reading = self._read_in_any_range(current_a, deviation=True)
        return _take(reading, (calibrated_a, deviation_a), only_explained)

    def correlation(self, current_a: np.ndarray) -> np.ndarray:
        """See `Uncertain.correlation`."""
        batch_a = np.ascontiguousarray(current_a, dtype=np.float64)
        reading = self._read_in_any_range(batch_a, deviation=False)
        sign = np.sign(self._trim.gain)
        return self._inverse.correlation(reading.mode) * (sign[:, None] * sign[None, :])

    def plausible(self, current_a: np.ndarray) -> np.ndarray:
        """See `Uncertain.plausible`."""
        batch_a = np.ascontiguousarray(current_a, dtype=np.float64)
        return self._inverse.plausible(batch_a, self._read_in_any_range(batch_a, deviation=False).mode)

    def read(self, current_a: Currents) -> InverseReading:
        """Calibrate with uncertainties: a batch [A], (B, M), finite."""
        return self._read(self._inverse, current_a, deviation=True)

    def _read_in_any_range(self, current_a: np.ndarray, *, deviation: bool) -> InverseReading:
        """Read with the channels' offsets, and without them where inputs then explain a reading better.

        A board that chooses its current range takes small currents in a lower one. Offsets are errors of a
        range, and in proportion to it: in a lower range those that were learned are not there.
        """
        batch_a = current_a.reshape(-1, self._tensors.conductance.shape[1]).astype(np.float64)
        reading = self._read(self._inverse, batch_a, deviation=deviation)
        doubtful = np.flatnonzero(reading.misfit > DOUBTFUL_MISFIT)
        if not doubtful.size:
            return reading
        other = self._read(self._without_offsets, batch_a[doubtful], deviation=deviation)
        better = other.misfit < reading.misfit[doubtful]
        changes = {}
        for field in fields(InverseReading):
            value, found = getattr(reading, field.name), getattr(other, field.name)
            if value is not None:
                value[doubtful[better]] = found[better]
                changes[field.name] = value
        return replace(reading, **changes)

    def _read(self, inverse: Inverse, current_a: Currents, *, deviation: bool) -> InverseReading:
        reading = inverse.read(current_a, deviation=deviation)
        if reading.deviation_a is not None:
            reading.deviation_a[:] *= abs(self._trim.gain)
        return reading

    @cached_property
    def _inverse(self) -> Inverse:
        return Inverse(self._tensors, self._trim.gain, self._trim.offset_a)

    @cached_property
    def _without_offsets(self) -> Inverse:
        tensors = replace(self._tensors, current_shift=np.zeros_like(self._tensors.current_shift))
        return Inverse(tensors, self._trim.gain, self._trim.offset_a)

    def trimmed(self, gain: np.ndarray, offset_a: np.ndarray) -> InverseCorrection:
        """See `Correction.trimmed`."""
        trim = self._trim.trimmed(gain, offset_a)
        return InverseCorrection(self._compiled, trim, self._compute, self._unknowns)

    def recalibrated(
        self,
        voltage_v: Vectors,
        current_a: Currents,
        usable: np.ndarray,
        posterior: ColumnPosterior | None,
        age_s: float | None = None,
        prior: ColumnPosterior | None = None,
        drive_noise_v: float = 0.0,
    ) -> Recalibrated:
        """See `Recalibratable.recalibrated`; a trim is dropped, as measured currents decide anew."""
        done = recalibrate(
            self._tensors,
            voltage_v,
            current_a,
            usable=usable,
            posterior=posterior,
            age_s=age_s,
            first_prior=prior,
            surrogate_at=self._surrogate_at,
            drive_noise_v=drive_noise_v,
        )
        trim = _no_trim(len(self._trim.gain))
        return Recalibrated(
            correction=InverseCorrection(done.tensors, trim), posterior=done.posterior, report=done.report
        )

    def moved(
        self,
        unknowns: np.ndarray | None,
        averaging: Averaging | None = None,
        known: KnownTemperature = ANY_TEMPERATURE,
    ) -> InverseCorrection:
        """See `Movable.moved`."""
        return InverseCorrection(self._compiled, self._trim, self._compute, unknowns, averaging, known)

    def with_posterior(self, posterior: ColumnPosterior) -> InverseCorrection:
        """See `Recalibratable.with_posterior`; a trim is dropped."""
        tensors = posterior_tensors(self._tensors, posterior, self._surrogate_at)
        return InverseCorrection(tensors, _no_trim(len(self._trim.gain)))


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseFold:
    """Names of the graph's tensors, by the fields of `InverseTensors`."""

    names: Mapping[str, str]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> InverseFold:
        """Read a file's `fold` entry."""
        if set(document) != set(FOLDED):
            raise ValueError(f"entries {sorted(document)} instead of {sorted(FOLDED)}")
        return cls(names={key: str(name) for key, name in document.items()})

    @property
    def tensor_names(self) -> tuple[str, ...]:
        """See `Fold.tensor_names`."""
        return tuple(self.names.values())

    def compile(
        self,
        tensors: Mapping[str, np.ndarray],
        conductance_s: np.ndarray,
        evaluate: Evaluate | None = None,
    ) -> InverseCorrection:
        """See `Fold.compile`."""
        folded = self._folded(tensors, conductance_s)
        surrogate_at = None
        if evaluate is not None:
            surrogate_at = _LatestSurrogate(lambda cells_s: self._folded(evaluate(cells_s), cells_s))
        return InverseCorrection(folded, _no_trim(conductance_s.shape[1]), surrogate_at)

    def _folded(self, tensors: Mapping[str, np.ndarray], conductance_s: np.ndarray) -> InverseTensors:
        found = {key: tensors[name] for key, name in self.names.items()}
        try:
            return InverseTensors.from_mapping({**found, "conductance": conductance_s})
        except InputError as error:
            raise CalibratorFileError(
                f"its folded tensors cannot be used for this matrix: {error}"
            ) from error


class _LatestSurrogate:
    """Computes surrogates, and keeps the latest: learning and what follows ask for the same one."""

    def __init__(self, compute: SurrogateAt) -> None:
        self._compute = compute
        self._latest: InverseTensors | None = None

    def __call__(self, cells_s: np.ndarray) -> InverseTensors:
        """Compute the surrogate of cells [S], (N, M)."""
        latest = self._latest
        if latest is None or not np.array_equal(latest.conductance, cells_s):
            self._latest = latest = self._compute(cells_s)
        return latest


def _take(reading: InverseReading, targets: tuple[np.ndarray, ...], only_explained: bool) -> int:
    """Write calibrated currents and their deviations, unless a reading is refused; see `Correction.apply`."""
    unexplained = np.flatnonzero(~(reading.misfit <= MOST_MISFIT))
    if only_explained and unexplained.size:
        return -2 - int(unexplained[0])
    for target, found in zip(targets, (reading.calibrated_a, reading.deviation_a), strict=False):
        if found is not None:
            target[:] = found.reshape(target.shape)
    return -1


def _under(
    tensors: InverseTensors,
    unknowns: np.ndarray | None,
    averaging: Averaging | None,
    known: KnownTemperature,
) -> InverseTensors:
    """Surrogate of columns that differ by these, (M, N + 2), which count as known, and of such readings."""
    if unknowns is None:
        unknowns = np.zeros((tensors.conductance.shape[1], tensors.conductance.shape[0] + CELLS))
    variance = known.variance * tensors.variance
    return with_changes(
        tensors,
        offset=unknowns[:, OFFSET],
        relative=(unknowns[:, CELLS:] + unknowns[:, GAIN, None]).T,
        variance=variance if averaging is None else averaging.left(variance, tensors, before=1.0),
        inflation=known.inflation * tensors.inflation,
    )


def _no_trim(columns: int) -> AffineCorrection:
    return AffineCorrection(gain=np.ones(columns), offset_a=np.zeros(columns))
