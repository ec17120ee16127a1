"""The driver on the real SCPI engine, with no wire between: the firmware judges what the driver sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from paper_board import PaperBoard

from crosscal.core.errors import BoardConnectionError, BoardTimeoutError
from crosscal.drivers.board import Board
from crosscal.drivers.board_info import read_board_info
from crosscal.drivers.scpi.data_format import read_format
from crosscal.drivers.scpi.polling import Clock
from crosscal.drivers.scpi.session import Session
from crosscal.drivers.scpi.timed_link import TimedLink
from crosscal.firmware_models import Instrument


class EngineLink:
    """Implements `Link`; between two messages the engine does one slice of its work, as between two polls.

    Args:
        instrument: the engine.

    Attributes:
        sent: every message so far.
        timeouts_s: the timeout of every receive.
        on_send: called before each message, to do what another client does meanwhile.
        reopened: how often the link was opened anew.
    """

    resource = "ENGINE"
    continuous = False
    bytes_per_s = 1e6

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.timeouts_s: list[float] = []
        self.sent: list[bytes] = []
        self.on_send: Callable[[bytes], None] = lambda _: None
        self.reopened = 0
        self._session = instrument.open_session(message_based=False)

    def discard_input(self) -> None:
        self._session.transmit()

    def send(self, message: bytes, timeout_s: float) -> None:
        del timeout_s
        self.on_send(message)
        self.sent.append(message)
        self.instrument.poll()
        self._session.receive(message)

    def say(self, message: str) -> None:
        """Send a message that the driver knows nothing of: its errors are those of another client, on a board
        with one error queue for all."""
        self._session.receive(message.encode() + b"\n")

    def receive(self, count: int | None, timeout_s: float) -> bytes:
        self.timeouts_s.append(timeout_s)
        while True:
            if self._session.link_dropped:
                raise BoardConnectionError("the board closed the link")
            if data := self._session.transmit(count):
                return data
            if not self.instrument.poll():
                raise BoardTimeoutError(f"nothing for {timeout_s} s")

    def power_cycle(self, instrument: Instrument) -> None:
        """Switch the board off and on behind a link that stays."""
        self.instrument = instrument
        self._session = instrument.open_session(message_based=False)

    def reset(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        self._session.close()
        self._session = self.instrument.open_session(message_based=False)
        self.reopened += 1

    def close(self) -> None:
        self._session.close()


@contextmanager
def board_on_paper(
    paper: PaperBoard | None = None, *, instrument: Instrument | None = None
) -> Iterator[tuple[Board, EngineLink, PaperBoard]]:
    """A driver on an engine on a paper board; on an engine that has run already, if one is given."""
    paper = paper or PaperBoard()
    link = EngineLink(instrument or Instrument(paper))
    session = Session(TimedLink(link, timeout_s=1.0))
    facts, found = read_board_info(session), read_format(session)
    with Board(session, facts, format_found=found, clock=Clock(sleep=lambda _: None)) as board:
        yield board, link, paper
