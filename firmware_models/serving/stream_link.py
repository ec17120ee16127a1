"""Client of a server, over any stream of bytes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from crosscal.firmware_models import Session

AT_ONCE = 1 << 16
"""Bytes moved per step, so that one client's transfer does not hold up another's query."""

BACKLOG = 1 << 24
"""A client that leaves this much unread is not listened to until it reads."""


class ClientLeft(Exception):
    """The client left a line that stays open for the next one."""


@runtime_checkable
class ByteStream(Protocol):
    """Stream of bytes to a client and back, without blocking."""

    def fileno(self) -> int:
        """File descriptor to wait for."""
        ...

    def look_for_client(self) -> None:
        """Notice a client that has come to a line that stays open."""
        ...

    def receive(self, size: int) -> bytes | None:
        """Take received bytes; empty at the end of the stream, None if nothing is there.

        Raises:
            ClientLeft: the client left a line that stays open.
            OSError: the stream broke.
        """
        ...

    def acknowledge(self) -> None:
        """Tell the other side at once that its bytes have come, where the system would wait with that.

        Raises:
            OSError: the stream broke.
        """
        ...

    def send(self, data: bytes) -> int:
        """Hand over bytes and say how many were taken.

        Raises:
            OSError: the stream broke.
        """
        ...

    def close(self) -> None:
        """Give the stream up."""
        ...

    @property
    def address(self) -> str:
        """Of the client, as other clients are told."""
        ...

    @property
    def connected(self) -> bool:
        """Whether a client is there; on a line that stays open they come and go."""
        ...

    @property
    def can_close(self) -> bool:
        """Whether the board can close it, as `SIMulation:FAULt:LINK DROP` does; a serial line stays open."""
        ...


class StreamLink:
    """Moves bytes between a stream and the firmware's session for it."""

    def __init__(self, stream: ByteStream, session: Session) -> None:
        self.stream = stream
        self._session = session
        self._outgoing = b""
        self._ended = False
        self.finished = False

    @property
    def wants_to_send(self) -> bool:
        """Bytes wait that the stream did not take."""
        return bool(self._outgoing)

    @property
    def wants_to_receive(self) -> bool:
        """The client may say more."""
        if self._ended or not self.stream.connected:
            return False
        return self._session.pending < BACKLOG and not self._session.backlogged

    def receive(self) -> None:
        """Pass received bytes to the firmware."""
        if not self.wants_to_receive:
            return
        try:
            data = self.stream.receive(AT_ONCE)
        except ClientLeft:
            # Half a message, unread replies and a query that waits for its trigger were this client's.
            self._session.begin_anew()
            self._outgoing = b""
            return
        except OSError:
            self.finished = True
            return
        if data:
            self._session.receive(data)
            # Whoever waits for the reply does not wait for the other work of this step too.
            if self._session.pending:
                self._send()
            try:
                self.stream.acknowledge()
            except OSError:
                self.finished = True
        elif data is not None:
            self._ended = True

    def pump(self, *, busy: bool) -> None:
        """Send the firmware's output; finish when the client is gone and all is sent."""
        self.stream.look_for_client()
        if self._session.link_dropped:
            self._drop()
        self._send()
        if self._ended and not busy and not self._outgoing and not self._session.pending:
            self.finished = True

    def close(self) -> None:
        """Close both sides; the board goes on."""
        self._session.close()
        self.stream.close()

    def _send(self) -> None:
        if self._session.link_dropped:
            return
        try:
            while not self.finished and self._fetch():
                sent = self.stream.send(self._outgoing)
                self._outgoing = self._outgoing[sent:]
                if self._outgoing:
                    break
        except OSError:
            self.finished = True

    def _fetch(self) -> bytes:
        self._outgoing = self._outgoing or self._session.transmit(AT_ONCE)
        return self._outgoing

    def _drop(self) -> None:
        self._outgoing = b""
        if self.stream.can_close:
            self.finished = True
        else:
            self._session.acknowledge_drop()
