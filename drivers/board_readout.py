"""Currents of a batch of vectors, with the conditions that the board queued about the acquisition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import ReadingError, wanted
from crosscal.core.readout import Readout
from crosscal.drivers.scpi.error_queue import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReadout(Readout):
    """A `Readout` with the conditions that the board queued about the acquisition.

    Attributes:
        conditions: such as over-temperature or a hardware fault; saturation shows in the status bits too.
    """

    conditions: tuple[Condition, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence[BoardReadout]) -> BoardReadout:
        """Join readouts of one batch that was measured in parts."""
        return cls(
            current_a=np.concatenate([part.current_a for part in parts]),
            status=np.concatenate([part.status for part in parts]),
            # With automatic ranging the parts may differ: the largest bounds them all.
            range_a=max(part.range_a for part in parts),
            conditions=tuple(dict.fromkeys(c for part in parts for c in part.conditions)),
        )

    def require_usable(self) -> np.ndarray:
        """Return the currents, or refuse them for their status bits or the conditions that the board queued.

        Raises:
            ReadingError: readings are over range or missing, or the board queued a condition.
        """
        # Not super(): a class with slots is made twice, and super() would look for the first.
        currents = Readout.require_usable(self)
        if self.conditions:
            raise ReadingError(
                wanted(
                    got=f"{', '.join(map(str, self.conditions))} from the board about this acquisition",
                    allowed="an acquisition without complaints",
                    remedy="mend the cause, or call read() to get the currents with their status bits",
                )
            )
        return currents
