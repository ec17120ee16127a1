"""Calibration around missing currents (NaN)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError
from crosscal.runtime.correction import ACCEPTED


@dataclass(frozen=True, slots=True)
class AroundGaps:
    """Calibrates what is there of vectors with currents missing.

    Attributes:
        limit_a: currents beyond this magnitude are no readings [A].
        columns_independent: whether only missing columns lack an answer; else whole vectors do.
        refusal: error for currents and a result that is not `ACCEPTED`.
    """

    limit_a: float
    columns_independent: bool
    refusal: Callable[[np.ndarray, int], RangeError]

    def apply(
        self, apply: Callable[..., int], current_a: np.ndarray, only_explained: bool, *targets: np.ndarray
    ) -> None:
        """Calibrate around NaN; anything else that is no reading is still refused.

        Where a current is missing, nobody can tell whether inputs explain a vector: whole vectors alone are
        tested.

        Args:
            apply: of a correction, as `Correction.apply`.
            current_a: [A], (M,) or (B, M).
            only_explained: whether whole vectors that no inputs explain are refused.
            targets: receive the answers, NaN where there is none.
        """
        missing = np.isnan(current_a)
        complete = np.where(missing, current_a.dtype.type(0), current_a)
        answers = [np.empty_like(complete) for _ in targets]
        refused = apply(complete, *answers, self.limit_a, False)
        if refused != ACCEPTED:
            raise self.refusal(complete, refused)
        whole = np.flatnonzero(~missing.reshape(-1, missing.shape[-1]).any(axis=-1))
        if only_explained and whole.size:
            tested = complete.reshape(-1, missing.shape[-1])[whole]
            refused = apply(tested, *(np.empty_like(tested) for _ in targets), self.limit_a, True)
            if refused != ACCEPTED:
                raise self.refusal(complete, -2 - int(whole[-2 - refused]))
        if not self.columns_independent:
            missing = missing.any(axis=-1, keepdims=True)
        for target, answer in zip(targets, answers, strict=True):
            np.copyto(target, np.where(missing, current_a.dtype.type(np.nan), answer))
