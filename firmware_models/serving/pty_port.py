"""Pseudo-terminal with a board behind it: a serial port for its clients."""

from __future__ import annotations

import errno
import importlib
import os
import select
import sys
from pathlib import Path

from crosscal.core.errors import BoardConnectionError, InputError, wanted
from crosscal.firmware_models.serving.stream_link import ClientLeft

HAS_TERMINALS = os.name == "posix"
TELLS_HANGUP = sys.platform == "linux"


class PtyPort:
    """A pseudo-terminal under a name of its own.

    Clients may come and go; settings are raw from the start, for clients that make none.

    Args:
        link: a symbolic link to make to the terminal; removed when the port is closed. None makes no link.
        notices_clients: raise `ClientLeft` when the last client has closed the line, as Linux tells;
            elsewhere, and without it, the slave's end stays open and clients cannot be told apart.

    Raises:
        InputError: this operating system has no pseudo-terminals.
        BoardConnectionError: `link` exists already, or cannot be made.
    """

    can_close = False

    def __init__(self, link: str | os.PathLike[str] | None = None, *, notices_clients: bool = False) -> None:
        if not HAS_TERMINALS:
            raise InputError(
                wanted(
                    got=f"a pseudo-terminal on {os.name}",
                    allowed="POSIX systems",
                    remedy="serve the board over TCP instead",
                )
            )
        # Only POSIX has it: importing it at the top would keep TCP from everyone else.
        tty = importlib.import_module("tty")
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.terminal = os.ttyname(self._slave)
        self.address = self.terminal
        self._notices_clients = notices_clients and TELLS_HANGUP
        self.connected = not self._notices_clients
        if self._notices_clients:
            os.close(self._slave)
        self._link = None if link is None else Path(link).absolute()
        if self._link is not None:
            try:
                self._make(self._link)
            except BoardConnectionError:
                self._link = None
                self.close()
                raise
        self.resource = f"ASRL{self._link or self.terminal}::INSTR"

    def fileno(self) -> int:
        """File descriptor to wait for."""
        return self._master

    def look_for_client(self) -> None:
        """Notice a client that has opened the line, or was there and has left something to read."""
        if not self.connected:
            poll = select.poll()
            poll.register(self._master, select.POLLIN)
            events = sum(event for _, event in poll.poll(0))
            self.connected = bool(events & select.POLLIN) or not events & select.POLLHUP

    def receive(self, size: int) -> bytes | None:
        """Take received bytes; None if nothing is there.

        Raises:
            ClientLeft: the last client has closed the line.
        """
        try:
            return os.read(self._master, size)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.EIO or not self._notices_clients:
                raise
            self.connected = False
            self._drop_unread()
            raise ClientLeft from error

    def _drop_unread(self) -> None:
        """Drop replies that the client has not read, lest the next one takes them for its own."""
        slave = os.open(self.terminal, os.O_RDWR | os.O_NOCTTY)
        try:
            termios = importlib.import_module("termios")
            termios.tcflush(slave, termios.TCIFLUSH)
        finally:
            os.close(slave)

    def acknowledge(self) -> None:
        """Do nothing: a serial line acknowledges nothing."""

    def send(self, data: bytes) -> int:
        """Hand over bytes and say how many were taken."""
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Give the terminal up and remove the link to it."""
        if self._link is not None and self._points_here(self._link):
            self._link.unlink()
        os.close(self._master)
        if not self._notices_clients:
            os.close(self._slave)

    def _make(self, link: Path) -> None:
        # A link left behind by a server that was killed points nowhere, or to the same terminal again.
        stale = link.is_symlink() and (not link.exists() or self._points_here(link))
        try:
            if stale:
                link.unlink()
            link.symlink_to(self.terminal)
        except OSError as error:
            raise BoardConnectionError(
                wanted(
                    got=f"the name {link} for a serial port ({error.strerror})",
                    allowed="a name that does not exist yet, in a folder that can be written",
                    remedy="remove it or choose another",
                )
            ) from error

    def _points_here(self, link: Path) -> bool:
        return link.is_symlink() and str(link.readlink()) == self.terminal
