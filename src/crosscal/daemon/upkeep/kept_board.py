"""The board as the upkeep has it: its time, its known vectors, its thermometer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.upkeep.board_time import BoardTime
from crosscal.daemon.upkeep.condition import KeptHardware
from crosscal.daemon.upkeep.kept_reference import Inputs, KeptReference
from crosscal.daemon.upkeep.known_vectors import KnownReadings, VectorReader, joined
from crosscal.runtime.reference.referral import Referral


class KeptBoard:
    """A board that is connected; all that is read here is charged to its account of time.

    Args:
        hardware: the board.
        identity: answer to `*IDN?`.
        clock: time.
        time: account of board time; None begins one.
        share: of all time, for such an account.
        reference: conditions that its readings are referred to.
        inputs: that current ranges are compared with.
    """

    def __init__(
        self,
        hardware: KeptHardware,
        identity: str,
        *,
        clock: DaemonClock,
        time: BoardTime | None,
        share: float,
        reference: KeptReference,
        inputs: Inputs,
    ) -> None:
        self.hardware, self.identity = hardware, identity
        self.felt_c: float | None = None
        self._reference, self._inputs = reference, inputs
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
        """Read known vectors at once.

        Raises:
            BoardError: from the board.
        """
        self._begin_known()
        return joined([self._taken(part) for part in self.reader.slices(voltage_v)])

    def read_in_slices(self, voltage_v: np.ndarray) -> Iterator[KnownReadings]:
        """Read known vectors a few at a time.

        Raises:
            RangeError: the board is too hot, or a driver at its limit; nothing of it counts.
        """
        self._begin_known()
        for part in self.reader.slices(voltage_v):
            yield _cool(self._taken(part))

    def temperature_c(self) -> float | None:
        """Ask the thermometer; None without one."""
        if "TEMP" in self.hardware.facts.capabilities:
            felt_c = self.hardware.temperature_c()
            self.felt_c = felt_c if np.isfinite(felt_c) else None
        return self.felt_c

    def refer(self, range_index: int) -> Referral:
        """Give the referral of readings in a range; a new one is compared with the reference first.

        Raises:
            BoardError: from the board.
        """
        self._know(range_index)
        return self._reference.refer(range_index, self.felt_c)

    def _begin_known(self) -> None:
        self.temperature_c()
        self._reference.begin_known()

    def _taken(self, part: KnownReadings) -> KnownReadings:
        """Charge a reading to the account, and refer it."""
        self.time.spend(part.board_s)
        range_index = self.reader.range_index
        self._reference.known_in(range_index)
        self._know(range_index)
        refer = self._reference.refer_present(range_index, self.felt_c)
        return part.referred(refer, self._reference.factor, self.felt_c)

    def _know(self, range_index: int) -> None:
        """Compare a new range with the reference."""
        if not self._reference.knows(range_index):
            self.time.spend(self._reference.compare(range_index, self.reader, self._inputs, self.felt_c))


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
