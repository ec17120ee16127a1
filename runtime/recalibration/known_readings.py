"""Readings of known vectors, batch after batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.core.errors import ReadingError, wanted
from crosscal.core.port import CrossbarPort
from crosscal.runtime.programmed import ProgrammedCalibrator

_AT_ONCE = 16  # vectors between two steps of the progress bar, and two looks at the clock
_SPOILING = frozenset({101, 103})
"""Codes of a board's complaints that put readings in doubt although their status bits do not show it: a
driver at its compliance limit, over temperature."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownReadings:
    """Known vectors and the currents measured for them.

    Attributes:
        voltage_v: [V], (K, N). current_a: [A], (K, M). usable: whether each current is, (K, M).
    """

    voltage_v: Vectors
    current_a: Currents
    usable: np.ndarray

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Self:
        """Begin without any, of an array of this shape."""
        rows, columns = shape
        nothing = np.empty((0, columns))
        return cls(voltage_v=np.empty((0, rows)), current_a=nothing, usable=nothing.astype(bool))

    def __len__(self) -> int:
        return len(self.voltage_v)

    @property
    def seen_a(self) -> Currents:
        """Currents [A], NaN where they are not usable, (K, M)."""
        return np.where(self.usable, self.current_a, np.nan)

    def followed_by(self, more: KnownReadings) -> KnownReadings:
        """Join with readings made later."""
        return KnownReadings(
            voltage_v=np.concatenate([self.voltage_v, more.voltage_v]),
            current_a=np.concatenate([self.current_a, more.current_a]),
            usable=np.concatenate([self.usable, more.usable]),
        )

    def learned_by(self, programmed: ProgrammedCalibrator) -> ProgrammedCalibrator:
        """Return a calibrator that has learned from all of them; raises as its `recalibrated` does."""
        return programmed.recalibrated(self.voltage_v, self.current_a, usable=self.usable)


def measured(
    port: CrossbarPort,
    voltage_v: Vectors,
    told: Callable[[int], None],
    *,
    begun: int = 0,
    late: Callable[[], bool] = lambda: False,
) -> KnownReadings:
    """Measure vectors [V], (K, N); fewer where time is up, but some.

    Args:
        port: the board.
        voltage_v: inputs.
        told: how many vectors are measured by now, `begun` included.
        begun: vectors that were measured before.
        late: tells whether time is up; asked every few vectors.

    Raises:
        ReadingError: the board complains of compliance or temperature.
        BoardError: from the board.
    """
    readouts = []
    for start in range(0, len(voltage_v), _AT_ONCE):
        if readouts and late():
            break
        part_v = voltage_v[start : start + _AT_ONCE]
        readout = port.read(part_v)
        # A driver's readout may bring the board's own complaints with it; the port does not ask for them.
        spoiled = [c for c in getattr(readout, "conditions", ()) if c.code in _SPOILING]
        if spoiled:
            raise ReadingError(
                wanted(
                    got=f"{', '.join(map(str, spoiled))} from the board while known vectors were measured",
                    allowed="readings without such complaints",
                    remedy="mend the cause and recalibrate again; the calibration stays as it is",
                )
            )
        readouts.append(readout)
        told(begun + start + len(part_v))
    current_a = np.concatenate([readout.current_a for readout in readouts])
    return KnownReadings(
        voltage_v=voltage_v[: len(current_a)],
        current_a=current_a,
        usable=np.concatenate([readout.usable for readout in readouts]),
    )
