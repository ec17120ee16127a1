"""TCP port with a board behind it."""

from __future__ import annotations

import socket

from crosscal.core.errors import BoardConnectionError, wanted

ANY_ADDRESS = ("", "0.0.0.0")
LAST_PORT = 65535
"""Ports have 16 bits."""


class TcpStream:
    """One TCP connection that neither side's kernel holds back.

    Small replies leave at once (no Nagle) and messages are acknowledged at once: a client that writes twice
    before it reads would otherwise wait some 40 ms for the delayed acknowledgement.
    """

    can_close = True
    connected = True

    def __init__(self, connection: socket.socket, address: str) -> None:
        self.address = address
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self.acknowledge()

    def fileno(self) -> int:
        """File descriptor to wait for."""
        return self._connection.fileno()

    def look_for_client(self) -> None:
        """Do nothing: a connection has its one client."""

    def receive(self, size: int) -> bytes | None:
        """Take received bytes; empty at the end of the stream, None if nothing is there."""
        try:
            data = self._connection.recv(size)
        except BlockingIOError:
            return None
        return data

    def send(self, data: bytes) -> int:
        """Hand over bytes and say how many were taken."""
        try:
            return self._connection.send(data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def acknowledge(self) -> None:
        """Acknowledge at once what has come; behind the reply, which tells it as well, it delays nobody."""
        # Linux alone has it, and forgets it now and then: hence after every receive.
        if hasattr(socket, "TCP_QUICKACK"):
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class TcpPort:
    """A listening port; port 0 lets the system choose a free one.

    Raises:
        BoardConnectionError: the port cannot be had.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            if not 0 <= port <= LAST_PORT:
                raise OSError(f"ports end at {LAST_PORT}")
            self._listener = socket.create_server((host, port))
        except OSError as error:
            raise BoardConnectionError(
                wanted(
                    got=f"TCP {host or '0.0.0.0'}:{port} ({error})",
                    allowed="an address of this machine and a port that no program holds",
                    remedy="choose another port, or 0 for any free one",
                )
            ) from error
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.resource = f"TCPIP0::{'127.0.0.1' if host in ANY_ADDRESS else host}::{self.port}::SOCKET"

    def fileno(self) -> int:
        """File descriptor to wait for."""
        return self._listener.fileno()

    def accept(self) -> TcpStream | None:
        """Accept a client; None if it is gone again."""
        try:
            connection, peer = self._listener.accept()
        except OSError:
            return None
        try:
            return TcpStream(connection, f"{peer[0]}:{peer[1]}")
        except OSError:
            connection.close()
            return None

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
