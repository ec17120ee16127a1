"""The engine with a reference board below it, an injected clock, and links that tests hold in hand."""

from __future__ import annotations

from collections.abc import Sequence

from reference_board import ALL_GROUPS, ReferenceBoard
from support.fake_clock import FakeClock

from crosscal.firmware_models import Hardware, Instrument, Session

POLLS_MAX = 20_000
"""More slices than any test's work has; past it, `poll` would never come to an end."""


class EngineLink:
    """One client: sends messages and takes replies, letting the engine work while it waits.

    Args:
        rig: the board it is connected to.
        session: the engine's end of the link.
        message_based: whether each message is followed by END.
        eager: let everything come to its end after each message, as a slow client finds it.
    """

    def __init__(self, rig: EngineRig, session: Session, *, message_based: bool, eager: bool) -> None:
        self._rig = rig
        self.session = session
        self._message_based = message_based
        self._eager = eager

    def send(self, data: bytes) -> None:
        """Send one message, its newline included."""
        self.session.receive(data)
        if self._message_based:
            self.session.end_message()
        if self._eager:
            self._rig.run()

    def receive(self) -> bytes:
        """Take what was answered, working on until there is something; nothing if nothing will come."""
        for _ in range(POLLS_MAX):
            taken = self.session.transmit()
            if taken:
                return taken
            if not self._rig.instrument.poll():
                return self.session.transmit()
        raise AssertionError("poll() never comes to an end")

    def ask(self, message: str) -> str:
        """Send one query and return its ASCII reply without the newline."""
        self.tell(message)
        reply = self.receive()
        assert reply.endswith(b"\n"), f"{message!r} was answered by {reply!r}"
        return reply[:-1].decode("ascii")

    def tell(self, message: str) -> None:
        """Send one message."""
        self.send(message.encode("ascii") + b"\n")

    def errors(self) -> list[int]:
        """Read the error queue empty, and return the codes."""
        codes: list[int] = []
        while code := int(self.ask("SYST:ERR?").partition(",")[0]):
            codes.append(code)
        return codes

    def perform(self, name: str, argument: float | None) -> None:
        """Do what `! name argument` of a transcript says."""
        session, rig = self.session, self._rig
        if name in ("serial-poll", "requested"):
            answered = session.status_byte() if name == "serial-poll" else int(session.service_requested)
            assert answered == argument, f"! {name} answers {answered} instead of {argument}"
        elif name == "dropped":
            assert session.link_dropped, "the board does not drop the link"
            session.acknowledge_drop()
        elif name == "advance":
            assert argument is not None
            rig.clock.advance(argument)
            rig.instrument.poll()
        else:
            {
                "run": rig.run,
                "trigger": session.trigger,
                "read-nothing": session.query_unterminated,
                "device-clear": session.device_clear,
                "discard": self._discard,
            }[name]()

    def _discard(self) -> None:
        self._rig.run()
        self.session.transmit()


class EngineRig:
    """A board that was just switched on.

    Args:
        groups: optional groups present.
        hardware: another analogue side than the reference board with these groups.
    """

    def __init__(self, groups: Sequence[str] = ALL_GROUPS, *, hardware: Hardware | None = None) -> None:
        self.hardware = hardware or ReferenceBoard(groups)
        self.clock = FakeClock()
        self.instrument = Instrument(self.hardware, clock=self.clock)

    def open_link(self, *, message_based: bool = False, eager: bool = False) -> EngineLink:
        """Connect a client."""
        session = self.instrument.open_session(message_based=message_based)
        return EngineLink(self, session, message_based=message_based, eager=eager)

    def run(self) -> None:
        """Let what is under way come to its end, or to where it waits for something from outside."""
        for _ in range(POLLS_MAX):
            if not self.instrument.poll():
                return
        raise AssertionError("poll() never comes to an end")
