"""Link over a serial port or pseudo-terminal, for `ASRL…::INSTR` under PyVISA-py.

PyVISA-py reads serial ports with one system call per byte (185-240 ms for 32 KB); this reads all that is
there. It is the same pyserial underneath, with the same port names.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable

import serial

from crosscal.core.errors import BoardTimeoutError
from crosscal.drivers.transport.port_lock import PortLock

_SLICE_S = 0.1
"""Longest single wait inside pyserial, whose timeout is costly to change."""
_READ_BYTES = 1 << 16  # at most in one call: more than any system keeps
_WRITE_BYTES = 4096  # at a time: 0.4 s at 115,200 baud, between two looks at the deadline
_BITS_PER_BYTE = 10
"""Start bit, eight bits, stop bit."""


class SerialLink:
    """An open serial port under a lock of our own; implements `Link`.

    Flow control is off: XON/XOFF would take bytes out of binary blocks and hang the line.
    """

    continuous = True

    def __init__(
        self,
        resource: str,
        port: str,
        *,
        baud: int,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.resource = resource
        self.bytes_per_s = baud / _BITS_PER_BYTE
        self._name = f"COM{port}" if sys.platform == "win32" and port.isdigit() else port
        self._baud = baud
        self._timeout_s = timeout_s
        self._clock = clock
        self._lock = PortLock(self._name)
        try:
            self._port = self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> serial.Serial:
        return serial.serial_for_url(
            self._name,
            baudrate=self._baud,
            timeout=_SLICE_S,
            write_timeout=self._timeout_s + 2 * _WRITE_BYTES / self.bytes_per_s,
            xonxoff=False,
            rtscts=False,
            dsrdtr=False,
            # A second lock, on the device itself: it also holds where lock files are not shared.
            exclusive=True,
        )

    def discard_input(self) -> None:
        """Forget bytes that came unasked."""
        if self._port.in_waiting:
            self._port.reset_input_buffer()

    def send(self, message: bytes, timeout_s: float) -> None:
        """Send all of a message."""
        deadline = self._clock() + timeout_s
        for first in range(0, len(message), _WRITE_BYTES):
            if first and self._clock() > deadline:
                raise BoardTimeoutError(
                    f"{self.resource}: the port took {first} of {len(message)} bytes in {timeout_s:.3g} s; "
                    "check the cable and the baud rate"
                )
            self._port.write(message[first : first + _WRITE_BYTES])

    def receive(self, count: int | None, timeout_s: float) -> bytes:
        """Return the bytes that have come, at least one."""
        limit = min(count or _READ_BYTES, _READ_BYTES)
        deadline = self._clock() + timeout_s
        while True:
            data = self._port.read(1)
            if data:
                # The rest of what is there in one go: byte by byte a block takes seconds.
                return data + self._port.read(min(limit - 1, self._port.in_waiting))
            if self._clock() >= deadline:
                raise BoardTimeoutError(
                    f"{self.resource}: no byte came for {timeout_s:.3g} s; check that the board is on, the "
                    "cable and the baud rate, or allow more with timeout_s"
                )

    def reset(self) -> None:
        """Forget input, and end whatever line the board has half received."""
        self._port.reset_input_buffer()
        self._port.write(b"\n")

    def reopen(self) -> None:
        """Open the port anew; the lock is kept all the while."""
        self._close_port()
        self._port = self._open()

    def close(self) -> None:
        """Close the port and let others have it."""
        self._close_port()
        self._lock.release()

    def _close_port(self) -> None:
        # A port whose device was unplugged cannot even be closed properly.
        with contextlib.suppress(OSError):
            self._port.close()
