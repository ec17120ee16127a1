"""Server of a board to other programs: over TCP, on a pseudo-terminal, or both at once."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Generic, Self, TypeVar

from crosscal.core.errors import CrosscalError
from crosscal.firmware_models.serving.powered_board import PoweredBoard
from crosscal.firmware_models.serving.pty_port import PtyPort
from crosscal.firmware_models.serving.stream_link import AT_ONCE, ByteStream, StreamLink
from crosscal.firmware_models.serving.tcp_port import TcpPort

logger = logging.getLogger(__name__)

BoardT = TypeVar("BoardT", bound=PoweredBoard)
ServerT = TypeVar("ServerT", bound="BoardServer[Any]")

IDLE_S = 0.05
"""While nothing happens the firmware is still looked after this often: its own timeouts run."""


class BoardServer(Generic[BoardT]):
    """One board, any number of ways in and clients; one thread serves them all.

    As a context manager it serves in a thread of its own until the block is left; `wait` in the block serves
    until the program is told to end.

    Args:
        board: the board to serve; hold its lock to look at the hardware meanwhile.
    """

    def __init__(self, board: BoardT) -> None:
        self.board = board
        self.resources: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._ports: list[TcpPort] = []
        self._links: list[StreamLink] = []
        self._waited: dict[StreamLink, int] = {}
        self._busy = False
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="crosscal-board")
        self._served: Future[None] | None = None
        # Waking the selector by a byte is all that a signal handler may do.
        self._wake_out, self._wake_in = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain)

    @property
    def resource(self) -> str:
        """VISA resource name of the first way in."""
        return self.resources[0]

    def listen_tcp(self, host: str, port: int) -> str:
        """Listen on a TCP port and return its VISA resource name; port 0 takes a free one.

        Raises:
            BoardConnectionError: the port cannot be had.
        """
        listening = TcpPort(host, port)
        self._ports.append(listening)
        self._selector.register(listening.fileno(), selectors.EVENT_READ, lambda: self._accept(listening))
        self.resources.append(listening.resource)
        return listening.resource

    def open_pty(self, link: str | os.PathLike[str] | None = None) -> str:
        """Open a serial port that other programs see, under the name `link`; return its VISA resource name.

        Raises:
            InputError: this operating system has no pseudo-terminals.
            BoardConnectionError: `link` exists already, or cannot be made.
        """
        port = PtyPort(link, notices_clients=True)
        self._connect(port)
        self.resources.append(port.resource)
        return port.resource

    def run(self) -> None:
        """Serve in the caller's thread until `stop` is called, from another thread or a signal handler."""
        try:
            while not self._stopping.is_set():
                self.step()
        finally:
            self.close()

    def stop(self) -> None:
        """End serving soon; callable from any thread and from signal handlers."""
        self._stopping.set()
        # A full pipe wakes the server too; a closed one has been left already.
        with suppress(OSError):
            self._wake_out.send(b"\0")

    def wait(self, on_ready: Callable[[], object] | None = None) -> None:
        """Go on serving until Ctrl-C, SIGTERM or `stop`; for the main thread, inside `with server:`.

        Args:
            on_ready: called once those signals end it cleanly, such as to print where the board is.

        Raises:
            RuntimeError: called outside of `with server:`.
        """
        if self._served is None:
            raise RuntimeError("wait() outside of `with server:`")

        def on_signal(number: int, frame: FrameType | None) -> None:
            del number, frame
            self.stop()

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if on_ready is not None:
                on_ready()
            self._served.result()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def __enter__(self) -> Self:
        self._served = self._thread.submit(self.run)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.shutdown()
        self.close()
        if self._served is not None:
            self._served.result()

    def close(self) -> None:
        """Close every way in; for a server that is not entered. Closing twice is harmless."""
        self._selector.close()
        with self.board.lock:
            while self._links:
                self._links.pop().close()
        while self._ports:
            self._ports.pop().close()
        self.board.switch_off()
        self._wake_in.close()
        self._wake_out.close()

    def step(self, wait_s: float = IDLE_S) -> bool:
        """Serve the bytes that came, waiting at most `wait_s` for it [s]; True while the board is busy."""
        ready = self._selector.select(0.0 if self._busy else wait_s)
        with self.board.lock:
            for key, _ in ready:
                key.data()
            self._busy = self.board.advance()
            for link in list(self._links):
                link.pump(busy=self._busy)
                self._attend(link)
        return self._busy

    @property
    def clients(self) -> int:
        """Clients that are connected."""
        return len(self._links)

    def _accept(self, port: TcpPort) -> None:
        stream = port.accept()
        if stream is not None:
            self._connect(stream)

    def _connect(self, stream: ByteStream) -> None:
        session = self.board.open_session(message_based=False, address=stream.address)
        link = StreamLink(stream, session)
        self._links.append(link)
        self._attend(link)
        logger.info("a client is connected, %d now", len(self._links))

    def _attend(self, link: StreamLink) -> None:
        """Register the events that the link waits for, or drop it when it has finished."""
        wanted = selectors.EVENT_READ if link.wants_to_receive else 0
        wanted |= selectors.EVENT_WRITE if link.wants_to_send else 0
        waited = self._waited.get(link, 0)
        if link.finished:
            wanted = 0
        if waited and wanted != waited:
            self._selector.unregister(link.stream)
        if wanted and wanted != waited:
            # Sending goes on at the next pump, whatever woke us.
            self._selector.register(link.stream, wanted, link.receive)
        self._waited[link] = wanted
        if link.finished:
            del self._waited[link]
            self._links.remove(link)
            link.close()
            logger.info("a client has left, %d now", len(self._links))

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            self._wake_in.recv(AT_ONCE)


def serve_tcp(server: ServerT, *, host: str = "127.0.0.1", port: int = 0) -> ServerT:
    """Let a server listen on a TCP port; it is closed if it cannot.

    Raises:
        BoardConnectionError: the port cannot be had.
    """
    return _opened(server, lambda: server.listen_tcp(host, port))


def serve_pty(server: ServerT, *, link: str | os.PathLike[str] | None = None) -> ServerT:
    """Let a server open a serial port of its own; it is closed if it cannot.

    Raises:
        InputError: this operating system has no pseudo-terminals.
        BoardConnectionError: `link` exists already, or cannot be made.
    """
    return _opened(server, lambda: server.open_pty(link))


def _opened(server: ServerT, open_way_in: Callable[[], object]) -> ServerT:
    try:
        open_way_in()
    except CrosscalError:
        server.close()
        raise
    return server
