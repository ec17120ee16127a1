"""Link over a plain TCP socket, for `TCPIP::host::port::SOCKET` under PyVISA-py.

PyVISA-py's own session stalls 44 ms on every message over 4,096 bytes (Nagle's algorithm against delayed
acknowledgement, with no VISA attribute to change it), "opens" ports that refuse, and spins until the
timeout when the peer has closed. A socket of our own has none of this, and nothing private is touched.

The socket never blocks; what waits is `poll`, in the one call in which Python's own timeouts take three.
"""

from __future__ import annotations

import math
import select
import socket
import time
from contextlib import suppress

from crosscal.core.errors import BoardConnectionError

_READ_BYTES = 1 << 18  # at most in one call: as much as systems keep
_MOST_DISCARDED = 100
"""Whoever sends more than this unasked is not waited for: what follows will be noticed as garbled."""
_CLOSED = "the other side closed the link; check that the board is on and answers to one client only"


class SocketLink:
    """A connected socket; implements `Link`."""

    continuous = False
    bytes_per_s = 250e3
    """A slow lab network or a microcontroller's stack; real ones are faster."""

    def __init__(self, resource: str, host: str, port: int, *, timeout_s: float) -> None:
        self.resource = resource
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, timeout=self._timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setblocking(False)
        return connection

    def discard_input(self) -> None:
        """Forget bytes that came unasked; raise if the other side has closed the link."""
        for _ in range(_MOST_DISCARDED):
            if not self._ready(0.0):
                return
            with suppress(BlockingIOError):
                self._take(_READ_BYTES)

    def send(self, message: bytes, timeout_s: float) -> None:
        """Send all of a message."""
        until_s, sent = time.monotonic() + timeout_s, 0
        while True:
            try:
                sent += self._socket.send(memoryview(message)[sent:] if sent else message)
            except BlockingIOError:
                # Its buffer is full.
                if not self._ready(until_s - time.monotonic(), to_send=True):
                    raise TimeoutError("the other side takes no more bytes") from None
            if sent == len(message):
                return

    def receive(self, count: int | None, timeout_s: float) -> bytes:
        """Return the bytes that have come, at least one."""
        until_s = time.monotonic() + timeout_s
        while self._ready(until_s - time.monotonic()):
            try:
                return self._take(min(count or _READ_BYTES, _READ_BYTES))
            except BlockingIOError:
                # What had come was damaged, and is dropped by the system.
                continue
        raise TimeoutError("nothing has come")

    def _take(self, most: int) -> bytes:
        data = self._socket.recv(most)
        if not data:
            raise BoardConnectionError(f"{self.resource}: {_CLOSED}")
        return data

    def _ready(self, timeout_s: float, *, to_send: bool = False) -> bool:
        """Wait until the socket can be read, or written; False after the time."""
        wait_s = max(0.0, timeout_s)
        if not hasattr(select, "poll"):
            return any(
                select.select(*(([], [self._socket]) if to_send else ([self._socket], [])), [], wait_s)
            )
        waited = select.poll()
        waited.register(self._socket, select.POLLOUT if to_send else select.POLLIN)
        return bool(waited.poll(math.ceil(1e3 * wait_s)))

    def reset(self) -> None:
        """Connect anew: the board drops the old link's input and output with it."""
        self.reopen()

    def reopen(self) -> None:
        """Connect anew."""
        self.close()
        self._socket = self._connect()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
