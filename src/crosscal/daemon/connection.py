"""Connection to the board: found, identified, lost, and looked for again with pauses."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from crosscal.core.errors import BoardError, CrosscalError, IncompatibleBoardError, InputError, wanted
from crosscal.daemon.checking import require_board_of_store
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.hardware.board_opening import OpenedBoard
from crosscal.daemon.hardware.calibrated_hardware import AttachedHardware, CalibratedHardware
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import DaemonSettings
from crosscal.daemon.states import BackOff
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.firmware_models import BoardFacts
from crosscal.runtime.store import Store

logger = logging.getLogger(__name__)


class BoardConnection:
    """The board of a daemon, there or away.

    Args:
        settings: its resource name and backend.
        open_board: opens it.
        upkeep: of its calibration.
        journal: records and alarms.
        store: belongs to one board.
        shape: of the calibrator; None where it takes any number.
        clock: time.
        feed: called in long work, for a watchdog.

    Attributes:
        hardware: what the firmware of the proxy drives; None before the first board.
        fault: reason why a person is needed; empty if none is.
    """

    def __init__(
        self,
        settings: DaemonSettings,
        *,
        open_board: Callable[[DaemonSettings], OpenedBoard],
        upkeep: Upkeep,
        journal: Journal,
        store: Store,
        shape: tuple[int | None, ...],
        clock: DaemonClock,
        feed: Callable[[], object],
    ) -> None:
        self.hardware: CalibratedHardware | None = None
        self.fault = ""
        self._settings = settings
        self._open_board = open_board
        self._upkeep = upkeep
        self._journal = journal
        self._store = store
        self._shape = shape
        self._clock = clock
        self._feed = feed
        self._opened: OpenedBoard | None = None
        self._back_off = BackOff()
        self._retry_s = clock.monotonic()

    @property
    def attached(self) -> AttachedHardware | None:
        """The board; None while it is away."""
        return None if self.hardware is None else self.hardware.attached

    @property
    def due(self) -> bool:
        """Whether a board that is away is to be looked for now."""
        return self.attached is None and self.until_due_s <= 0.0

    @property
    def until_due_s(self) -> float:
        """Time until it is looked for again [s]."""
        return self._retry_s - self._clock.monotonic()

    def open(self) -> bool:
        """Look for the board, identify it, and verify its calibration; False if it cannot be used now."""
        try:
            opened = self._open_board(self._settings)
        except CrosscalError as error:
            self._absent(error)
            return False
        self._opened = opened
        try:
            self._attach(opened)
        except CrosscalError as error:
            self.close()
            self._detach(str(error))
            self._absent(error)
            return False
        self._back_off.reset()
        self.fault = ""
        self._journal.event("state", f"connected to {opened.identity}")
        return True

    def lose(self, error: Exception) -> None:
        """Give up a board that failed while it was kept."""
        if not isinstance(error, BoardError):
            logger.exception("the upkeep failed")
        self._detach(f"the board was lost: {error}")
        if self.hardware is not None:
            self.hardware.lost = str(error)

    def let_go(self) -> None:
        """Close the link of a board that was lost."""
        if self._opened is None or self.attached is not None:
            return
        reason = self.hardware.lost if self.hardware is not None else ""
        self._journal.event("state", f"the board was lost: {reason}")
        self.close()
        self._retry_s = self._clock.monotonic() + self._back_off.next_s()

    def rest(self) -> str:
        """Take the board to 0 V, and say for people whether it is."""
        if self.attached is None:
            return "the board was away: what it drives is not known"
        try:
            self.attached.rest()
        except (BoardError, OSError) as error:
            return f"the board did not confirm 0 V ({error})"
        return "the board is at 0 V"

    def close(self) -> None:
        """Take the board to 0 V and give it back; closing twice is harmless."""
        if self._opened is not None:
            with suppress(BoardError):
                self._opened.close()
            self._opened = None

    def _attach(self, opened: OpenedBoard) -> None:
        facts = opened.hardware.facts
        self._require_same(opened.identity, facts)
        if self.hardware is None:
            self.hardware = CalibratedHardware(facts, self._upkeep, feed=self._feed)
        self.hardware.attach(opened.hardware)
        self._upkeep.attach(opened.hardware, opened.identity)

    def _detach(self, reason: str) -> None:
        if self.hardware is not None:
            self.hardware.detach()
        self._upkeep.detach(reason)

    def _require_same(self, identity: str, facts: BoardFacts) -> None:
        """Refuse a board that is not the calibrator's, the store's, or the one that was there before."""
        shape = facts.rows, facts.columns
        if any(ours not in (None, theirs) for ours, theirs in zip(self._shape, shape, strict=True)):
            raise IncompatibleBoardError(
                wanted(
                    got=f"a board of {shape[0]}×{shape[1]}",
                    allowed=f"one of {self._shape[0]}×{self._shape[1]}, as the calibrator",
                    remedy="use the calibrator of this board",
                )
            )
        require_board_of_store(identity, shape, self._store)
        if self.hardware is not None and self.hardware.facts != facts:
            raise IncompatibleBoardError(
                wanted(
                    got=f"{identity} at {self._settings.board}",
                    allowed="the board that was there before",
                    remedy="connect it again, or restart the daemon for the new one",
                )
            )

    def _absent(self, error: CrosscalError) -> None:
        """Note that there is no board to use, and when to look again."""
        # A name or a backend that nobody has does not come back by itself either.
        needs_person = isinstance(error, IncompatibleBoardError | InputError)
        if needs_person and str(error) != self.fault:
            self._journal.alarm("board", str(error))
        elif not needs_person:
            logger.info("%s", error)
        self.fault = str(error) if needs_person else ""
        self._retry_s = self._clock.monotonic() + self._back_off.next_s()
