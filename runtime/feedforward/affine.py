"""Gain and offset per column: the baseline that every other calibrator has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from crosscal.runtime.correction import Evaluate
from crosscal.runtime.feedforward.affine_kernel import scale_and_shift
from crosscal.runtime.file_format.folded_tensor import per_column
from crosscal.runtime.reading_window import ReadingTest
from crosscal.runtime.reading_window_kernel import NO_TEST


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AffineCorrection:
    """`gain · current + offset`, per column, in double precision.

    Attributes:
        gain: (M,). offset_a: [A], (M,).
        test: of readings; None tells no reading from another.
    """

    gain: np.ndarray
    offset_a: np.ndarray
    test: ReadingTest | None = None
    _packed: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_packed", NO_TEST if self.test is None else self.test.packed())

    @property
    def columns_independent(self) -> bool:
        """Each column is its own."""
        return True

    def apply(
        self,
        current_a: np.ndarray,
        calibrated_a: np.ndarray,
        limit_a: float,
        only_explained: bool = False,
    ) -> int:
        """See `Correction.apply`."""
        # `reshape` of a contiguous array is a view: the kernel sees one run of vectors whatever the rank.
        return scale_and_shift(
            current_a.reshape(-1),
            calibrated_a.reshape(-1),
            self.gain,
            self.offset_a,
            limit_a,
            self._packed if only_explained else NO_TEST,
        )

    def trimmed(self, gain: np.ndarray, offset_a: np.ndarray) -> AffineCorrection:
        """See `Correction.trimmed`."""
        return AffineCorrection(
            gain=gain * self.gain,
            offset_a=gain * self.offset_a + offset_a,
            test=None if self.test is None else self.test.trimmed(gain, offset_a),
        )

    def tested(self, test: ReadingTest) -> AffineCorrection:
        """See `ReadingTestable.tested`."""
        return replace(self, test=test)


@dataclass(frozen=True, slots=True, kw_only=True)
class AffineFold:
    """Names of the graph's tensors that hold gain and offset, one value or one per column each."""

    gain: str
    offset: str

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> AffineFold:
        """Read a file's `fold` entry."""
        return cls(gain=str(document["gain"]), offset=str(document["offset"]))

    @property
    def tensor_names(self) -> tuple[str, ...]:
        """See `Fold.tensor_names`."""
        return self.gain, self.offset

    def compile(
        self,
        tensors: Mapping[str, np.ndarray],
        conductance_s: np.ndarray,
        evaluate: Evaluate | None = None,
    ) -> AffineCorrection:
        """See `Fold.compile`."""
        del evaluate
        columns = conductance_s.shape[1]
        return AffineCorrection(
            gain=per_column(tensors, self.gain, columns).astype(np.float64),
            offset_a=per_column(tensors, self.offset, columns).astype(np.float64),
        )
