"""What a collection is to measure, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.training.collecting.inputs import Segment, parse_inputs

CONDUCTANCE_RANGE_S = (16.6e-6, 100e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPlan:
    """What to measure; validated on construction.

    Attributes:
        matrices: number of matrices.
        vectors: vectors per matrix.
        inputs: kind of inputs, such as `random`, or parts with counts, such as `random:100,sine:50`.
        seed: what matrices and vectors are drawn from.
        conductance_range_s: targets are uniform in this range [S], as far as the board's limits reach.
    """

    matrices: int
    vectors: int
    inputs: str = "random"
    seed: int
    conductance_range_s: tuple[float, float] = CONDUCTANCE_RANGE_S

    def __post_init__(self) -> None:
        for name, value, least in (
            ("matrices", self.matrices, 1),
            ("vectors", self.vectors, 1),
            ("seed", self.seed, 0),
        ):
            if value < least:
                raise InputError(
                    wanted(got=f"{name} = {value}", allowed=f"{least} or more", remedy=f"correct {name}")
                )
        low_s, high_s = self.conductance_range_s
        if not 0.0 < low_s < high_s < np.inf:
            raise RangeError(
                wanted(
                    got=f"conductances from {low_s} to {high_s} S",
                    allowed="0 < low < high",
                    remedy="give siemens, low before high",
                )
            )
        self.segments()

    def segments(self) -> tuple[Segment, ...]:
        """The parts of `inputs`, in the order they are measured."""
        return parse_inputs(self.inputs, self.vectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionProgress:
    """How far a collection is, after each matrix and once at the start.

    Attributes:
        finished, total: matrices.
        readings: currents measured by this call so far.
        unusable: of these, saturated or missing.
        cells_failed: cells that write-verify gave up on.
    """

    finished: int
    total: int
    readings: int
    unusable: int
    cells_failed: int
