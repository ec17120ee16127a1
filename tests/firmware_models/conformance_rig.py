"""An engine in this process as a line for `Conformance`."""

from __future__ import annotations

from collections.abc import Callable

from engine_rig import EngineRig


class EngineLine:
    """A client of a board in this process; implements `Line`.

    Args:
        rig: the board.
        message_based: whether the link has message boundaries.
        alter: what happens to replies on their way: a fault of the board.
    """

    def __init__(
        self,
        rig: EngineRig,
        *,
        message_based: bool = False,
        alter: Callable[[bytes], bytes] = lambda data: data,
    ) -> None:
        self.message_based = message_based
        self._rig = rig
        self._alter = alter
        self.link = rig.open_link(message_based=message_based)

    def send(self, data: bytes) -> None:
        """Send one message."""
        self.link.send(data)

    def receive(self, patience_s: float) -> bytes:
        """Take a reply."""
        del patience_s
        return self._alter(self.link.receive())

    def recover(self) -> None:
        """Connect anew."""
        self.link.session.close()
        self.link = self._rig.open_link(message_based=self.message_based)

    def wait(self, duration_s: float) -> None:
        """Let the board's clock run."""
        self._rig.clock.advance(duration_s)
        self._rig.instrument.poll()
