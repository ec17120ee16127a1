"""Protocols of a kind of calibrator: the fold of its file, and the correction that a read runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from crosscal.core.errors import ShapeError, wanted
from crosscal.runtime.reading_window import ReadingTest
from crosscal.runtime.recalibration.linearisation import Linearisation
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET, ColumnPosterior
from crosscal.runtime.recalibration.report import RecalibrationReport
from crosscal.runtime.reference.reading_noise import Averaging
from crosscal.runtime.reference.temperature_law import ANY_TEMPERATURE, KnownTemperature

Evaluate = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""Gives the tensors of a matrix [S], (N, M), by name."""

ACCEPTED = -1
"""Result of `Correction.apply` when it has calibrated every vector."""


@runtime_checkable
class Correction(Protocol):
    """Compiled form of one programmed matrix: currents in, calibrated currents out, from any thread."""

    @property
    def columns_independent(self) -> bool:
        """Whether a column is calibrated from its own current alone, so that NaN stays in its column."""
        ...

    def apply(
        self,
        current_a: np.ndarray,
        calibrated_a: np.ndarray,
        limit_a: float,
        only_explained: bool = False,
    ) -> int:
        """Calibrate into `calibrated_a` if every current is a number of magnitude at most `limit_a`.

        Args:
            current_a: [A], (M,) or (B, M), float32 or float64, contiguous and aligned.
            calibrated_a: the same shape and type; it may be `current_a` itself.
            limit_a: largest magnitude that counts as a reading [A].
            only_explained: refuse a vector that no inputs of the trained window explain.

        Returns:
            -1; the flat index of the first current that is no reading; or -2 less the index of the first
            vector that no inputs explain. If it is not -1, nothing was written.
        """
        ...

    def trimmed(self, gain: np.ndarray, offset_a: np.ndarray) -> Correction:
        """Return a correction with the output `gain · calibrated + offset_a`, both (M,)."""
        ...


@runtime_checkable
class Uncertain(Protocol):
    """A correction that knows how far off its answers may be."""

    def apply_with_deviation(
        self,
        current_a: np.ndarray,
        calibrated_a: np.ndarray,
        deviation_a: np.ndarray,
        limit_a: float,
        only_explained: bool = False,
    ) -> int:
        """Do as `Correction.apply` does, and write the standard deviation of each answer [A] as well."""
        ...

    def correlation(self, current_a: np.ndarray) -> np.ndarray:
        """Tell how errors of the answers to readings (B, M) go together, (B, M, M)."""
        ...

    def plausible(self, current_a: np.ndarray) -> np.ndarray:
        """Tell whether inputs behind readings (B, M) look like those trained on, (B,)."""
        ...


@runtime_checkable
class ReadingTestable(Protocol):
    """A correction that does not look for the inputs, and is told how to test its readings."""

    def tested(self, test: ReadingTest) -> Correction:
        """Return the same correction with this test."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recalibrated:
    """Result of a recalibration.

    Attributes:
        correction: of reads from now on.
        posterior: prior for the next time; None when nothing was learned and nothing known before.
        report: its level, and the readings behind it.
    """

    correction: Correction
    posterior: ColumnPosterior | None
    report: RecalibrationReport


@runtime_checkable
class Recalibratable(Protocol):
    """A correction, as programmed, that knows more of its matrix than gains and offsets, and can learn it
    anew.
    """

    @property
    def voltage_range_v(self) -> tuple[float, float]:
        """Smallest and largest input trained on [V]."""
        ...

    def linearised(self, posterior: ColumnPosterior | None) -> Linearisation:
        """Linearise readings in what is unknown of the cells, about what is known of them."""
        ...

    def recalibrated(
        self,
        voltage_v: np.ndarray,
        current_a: np.ndarray,
        usable: np.ndarray,
        posterior: ColumnPosterior | None,
        age_s: float | None = None,
        prior: ColumnPosterior | None = None,
        drive_noise_v: float = 0.0,
    ) -> Recalibrated:
        """Learn from known vectors, on top of the earlier posterior.

        Args:
            voltage_v: inputs [V], (K, N). current_a: measured [A], (K, M). usable: False where there is none,
                (K, M). posterior: of the last recalibration, if any.
            age_s: time since the matrix was programmed; None where it is not known.
            prior: knowledge of a freshly programmed matrix, for the first recalibration; None if there is
                none.
            drive_noise_v: standard deviation of inputs as driven [V], see `CellLaw`.
        """
        ...

    def prepare(self) -> None:
        """Compile the kernels that the first read would otherwise wait for."""
        ...

    def with_posterior(self, posterior: ColumnPosterior) -> Correction:
        """Return a correction that believes this of its columns from the start.

        Raises:
            ShapeError: a posterior of another array.
        """
        ...


@runtime_checkable
class Movable(Protocol):
    """A correction, as programmed, that other unknowns of its columns can be put into."""

    def moved(
        self,
        unknowns: np.ndarray | None,
        averaging: Averaging | None = None,
        known: KnownTemperature = ANY_TEMPERATURE,
    ) -> Correction:
        """Return it for columns that differ by these from those it was compiled for, (M, N + 2), for readings
        that average otherwise (None: as trained on), and with deviations of a known temperature.
        """
        ...


@runtime_checkable
class Fold(Protocol):
    """The `fold` entry of a file: tensors that depend on the matrix alone, and their correction."""

    @property
    def tensor_names(self) -> tuple[str, ...]:
        """Tensors to evaluate at program time."""
        ...

    def compile(
        self,
        tensors: Mapping[str, np.ndarray],
        conductance_s: np.ndarray,
        evaluate: Evaluate | None = None,
    ) -> Correction:
        """Build the correction of one matrix.

        Args:
            tensors: name → value, float32, for every name in `tensor_names`.
            conductance_s: the matrix [S], (N, M).
            evaluate: gives the tensors of other matrices; None where there is no need.

        Raises:
            CalibratorFileError: tensors of the wrong shape, or not finite.
        """
        ...


def correction_with(original: Correction, posterior: ColumnPosterior) -> Correction:
    """Return a correction, as programmed, with the posterior of a recalibration.

    Raises:
        ShapeError: a posterior of another array, or of another kind of calibrator.
    """
    if isinstance(original, Recalibratable):
        return original.with_posterior(posterior)
    if posterior.cells_known:
        raise ShapeError(
            wanted(
                got=f"a posterior of {posterior.mean.shape}",
                allowed=f"{(len(posterior.mean), CELLS)}, an offset and a gain for each column",
                remedy="use what a recalibration of this very calibrator returned",
            )
        )
    return original.trimmed(1.0 + posterior.mean[:, GAIN], posterior.mean[:, OFFSET])
