"""Measured currents beside the ideal ones, in memory: the data of training and evaluation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import ShapeError, TrainingError, wanted
from crosscal.core.readout import UNUSABLE
from crosscal.core.run.layout import RepeatedReadings
from crosscal.core.run_file import Run
from crosscal.core.short_repr import ShortRepr

FEW_LEVELS = 8
"""Levels of the inputs, binary or ternary ones say, that cubic polynomials cannot be told apart on."""

_DIGEST_DIGITS = 16
"""64 bits: two of a million matrices agree by chance once in 4e7 times."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Measurements(ShortRepr):
    """Currents of K matrices with V vectors each; shapes are checked on construction.

    Attributes:
        conductance_s: target matrices [S], (K, N, M).
        voltage_v: inputs [V], (K, V, N).
        current_a: measured currents [A], (K, V, M); anything where `usable` is False.
        usable: whether a vector was read without a saturated or missing current in any column, (K, V). A
            calibrator takes all columns at once, so one bad reading spoils its vector.
        conductance_range_s: range that targets were drawn from [S], if the run says it.
        voltage_range_v: window that inputs were drawn from [V], if the run says it.
        read_back_s: conductances that the board measured after programming [S], (K, N, M), NaN where it could
            not; None if the run has none.
        draw, inputs: how targets and inputs were drawn, if the run says it.
        temperature_c: of the board while each matrix was measured [°C], (K,), NaN where it is not known; None
            if the run says nothing.
        repeats: of one vector on the run's first matrix, with its target [S]; None if the run has none.
    """

    conductance_s: Float[np.ndarray, "matrices rows columns"]
    voltage_v: Float[np.ndarray, "matrices vectors rows"]
    current_a: Float[np.ndarray, "matrices vectors columns"]
    usable: np.ndarray
    conductance_range_s: tuple[float, float] | None = None
    voltage_range_v: tuple[float, float] | None = None
    read_back_s: Float[np.ndarray, "matrices rows columns"] | None = None
    draw: str | None = None
    inputs: str | None = None
    temperature_c: Float[np.ndarray, " matrices"] | None = None
    repeats: tuple[np.ndarray, RepeatedReadings] | None = None

    def __post_init__(self) -> None:
        shapes = [np.shape(a) for a in (self.conductance_s, self.voltage_v, self.current_a, self.usable)]
        if [len(shape) for shape in shapes] != [3, 3, 3, 2]:
            raise ShapeError(_shapes_message(shapes))
        (k, n, m), v = shapes[0], shapes[1][1]
        if shapes != [(k, n, m), (k, v, n), (k, v, m), (k, v)]:
            raise ShapeError(_shapes_message(shapes))

    @classmethod
    def from_run(cls, run: Run) -> Measurements:
        """Take a run.h5 as read; readings with a bad status, or no number, make their vector unusable."""
        bad = ((run.status & int(UNUSABLE)) != 0) | ~np.isfinite(run.current_a)
        return cls(
            conductance_s=run.target_s,
            voltage_v=run.voltage_v,
            current_a=run.current_a,
            usable=~bad.any(axis=2),
            conductance_range_s=run.plan.conductance_range_s,
            voltage_range_v=run.plan.voltage_range_v,
            read_back_s=run.read_back_s,
            draw=run.plan.draw,
            inputs=run.plan.inputs,
            temperature_c=run.temperature_c,
            repeats=None if run.repeats is None else (run.target_s[0], run.repeats),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """The array, (N, M)."""
        return self.conductance_s.shape[1], self.conductance_s.shape[2]

    @property
    def matrices(self) -> int:
        """Number of matrices, K."""
        return self.conductance_s.shape[0]

    @property
    def vectors(self) -> int:
        """Vectors per matrix, V."""
        return self.voltage_v.shape[1]

    def input_levels_v(self) -> np.ndarray | None:
        """Find the values that every usable input has [V], ascending; None if they are more than a few."""
        inputs_v = self.voltage_v[self.usable]
        # Of most runs a few vectors tell already.
        if len(np.unique(inputs_v[:100])) > FEW_LEVELS:
            return None
        levels_v = np.unique(inputs_v)
        return levels_v if 1 < len(levels_v) <= FEW_LEVELS else None

    @property
    def ideal_a(self) -> Float[np.ndarray, "matrices vectors columns"]:
        """Currents of the targets without any parasitic, `Gᵀ v` [A], (K, V, M)."""
        return self.voltage_v @ self.conductance_s

    def matrix_digests(self) -> list[str]:
        """Digest of every matrix with its inputs and readings: tells later whether it was trained on."""
        digests = []
        for k in range(self.matrices):
            digest = hashlib.sha256()
            for array in (self.conductance_s, self.voltage_v, self.current_a):
                digest.update(np.ascontiguousarray(array[k], dtype="<f8").tobytes())
            digests.append(digest.hexdigest()[:_DIGEST_DIGITS])
        return digests

    def of_matrices(self, index: np.ndarray | slice) -> Measurements:
        """Pick matrices."""
        return replace(
            self,
            conductance_s=self.conductance_s[index],
            voltage_v=self.voltage_v[index],
            current_a=self.current_a[index],
            usable=self.usable[index],
            read_back_s=None if self.read_back_s is None else self.read_back_s[index],
            temperature_c=None if self.temperature_c is None else self.temperature_c[index],
        )

    def of_vectors(self, index: np.ndarray | slice) -> Measurements:
        """Pick the same vectors of every matrix."""
        return replace(
            self,
            voltage_v=self.voltage_v[:, index],
            current_a=self.current_a[:, index],
            usable=self.usable[:, index],
        )

    def with_variation(self) -> Measurements:
        """The matrices that say how currents vary with the inputs: those with two usable vectors or more.

        Raises:
            TrainingError: there is none.
        """
        varied = self.usable.sum(axis=1) >= 2
        if not varied.any():
            raise TrainingError(
                f"got no matrix with two usable vectors among {self.matrices} of {self.vectors} vectors; "
                "allowed: two or more usable vectors per matrix; collect with more vectors, or in a higher "
                "current range"
            )
        return self.of_matrices(varied)

    def require_learnable(self) -> None:
        """Refuse data from which nothing can be learned.

        Raises:
            TrainingError: no usable vector, or targets that are not finite.
        """
        if not np.isfinite(self.conductance_s).all() or not np.isfinite(self.voltage_v).all():
            raise TrainingError(
                "got targets or inputs that are not finite numbers; allowed: finite siemens and volts; "
                "collect the run again"
            )
        if not self.usable.any():
            raise TrainingError(
                f"got {self.usable.size} vectors, each with a saturated or missing reading; allowed: runs "
                "with usable vectors; use a higher current range, or repair the amplifier at fault"
            )


def split_matrices(
    data: Measurements, validation_share: float, rng: np.random.Generator
) -> tuple[Measurements, Measurements]:
    """Divide by matrices into training and validation, so that validation sees matrices never trained on.

    Args:
        data: at least two matrices.
        validation_share: part of the matrices kept for validation, in (0, 1); at least one matrix each.
        rng: decides on them.

    Raises:
        TrainingError: fewer than two matrices.
    """
    if not 0.0 < validation_share < 1.0:
        raise TrainingError(
            wanted(
                got=f"a validation share of {validation_share}",
                allowed="more than 0, less than 1",
                remedy="use 0.1",
            )
        )
    if data.matrices < 2:
        raise TrainingError(
            wanted(
                got=f"{data.matrices} matrix",
                allowed="2 or more: one at least is kept for validation",
                remedy="collect more matrices",
            )
        )
    held = min(max(1, round(validation_share * data.matrices)), data.matrices - 1)
    order = rng.permutation(data.matrices)
    return data.of_matrices(np.sort(order[held:])), data.of_matrices(np.sort(order[:held]))


def _shapes_message(shapes: list[tuple[int, ...]]) -> str:
    return wanted(
        got=f"conductances {shapes[0]}, voltages {shapes[1]}, currents {shapes[2]}, usable {shapes[3]}",
        allowed="(K, N, M), (K, V, N), (K, V, M), (K, V)",
        remedy="rows are inputs, columns are outputs",
    )
