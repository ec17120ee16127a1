"""The board as the upkeep has it: its time, its known vectors, its thermometer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.upkeep.board_time import BoardTime
from crosscal.daemon.upkeep.condition import KeptHardware
from crosscal.daemon.upkeep.known_vectors import KnownReadings, VectorReader, joined


class KeptBoard:
    """A board that is connected; all that is read here is charged to its account of time.

    Args:
        hardware: the board.
        identity: answer to `*IDN?`.
        clock: time.
        time: account of board time; None begins one.
        share: of all time, for such an account.
    """

    def __init__(
        self,
        hardware: KeptHardware,
        identity: str,
        *,
        clock: DaemonClock,
        time: BoardTime | None,
        share: float,
    ) -> None:
        self.hardware, self.identity = hardware, identity
        self.reader = VectorReader(hardware, clock.monotonic)
        # A start is a recalibration of cells and its verification.
        start_s = (4 * hardware.facts.rows + 24) * self.reader.vector_s
        self.time = time or BoardTime(
            share, monotonic=clock.monotonic, advance_s=2 * start_s, most_s=8 * start_s
        )

    @property
    def vector_s(self) -> float:
        """Time of one known vector [s]."""
        return self.reader.vector_s

    @property
    def affordable(self) -> int:
        """Known vectors that the board's time allows at present."""
        return int(self.time.balance_s / self.vector_s)

    def read(self, voltage_v: np.ndarray) -> KnownReadings:
        """Read known vectors at once."""
        parts = self.reader.slices(voltage_v)
        return joined([self._charged(part) for part in parts])

    def read_in_slices(self, voltage_v: np.ndarray) -> Iterator[KnownReadings]:
        """Read known vectors a few at a time.

        Raises:
            RangeError: the board is too hot, or a driver at its limit; nothing of it counts.
        """
        for part in self.reader.slices(voltage_v):
            yield _cool(self._charged(part))

    def temperature_c(self) -> float | None:
        """Ask the thermometer; None without one."""
        if "TEMP" not in self.hardware.facts.capabilities:
            return None
        temperature_c = self.hardware.temperature_c()
        return temperature_c if np.isfinite(temperature_c) else None

    def _charged(self, known: KnownReadings) -> KnownReadings:
        self.time.spend(known.board_s)
        return known


def _cool(known: KnownReadings) -> KnownReadings:
    if known.over_temperature:
        raise RangeError(
            wanted(
                got="a board over its temperature limit, or a driver at its limit, while known vectors "
                "were read",
                allowed="readings without such complaints",
                remedy="mend the cause; the calibration stays as it is",
            )
        )
    return known
