"""The engine in C on this machine: compiled as a shared library, its hardware called back in Python.

`Instrument` and `Session` stand in for those of `crosscal.firmware_models`: tests of the one engine are
tests of the other.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

from c_host.hal_of_python import HalOfPython
from c_host.library import library
from c_host.structures import (
    DOUBLES,
    Calibrator,
    Memory,
)

from crosscal.firmware_models import Hardware


class Instrument:
    """`struct instrument` with the interface of the Python one.

    Attributes:
        input_bytes: length of a link's input buffer.
    """

    input_bytes = 1024

    def __init__(
        self, hardware: Hardware, *, clock: Callable[[], float], calibrator: Calibrator | None = None
    ) -> None:
        self.library = library(self.input_bytes)
        self.hal = HalOfPython(hardware, clock, calibrator)
        self.sessions: list[Session] = []
        self._memory = self._arrays(hardware)
        self.address = ctypes.create_string_buffer(self.library.host_instrument_bytes())
        self.library.instrument_power_on(self.address, ctypes.byref(self.hal.hal), ctypes.byref(self._memory))

    def _arrays(self, hardware: Hardware) -> Memory:
        facts = hardware.facts
        cells, rows, columns = facts.rows * facts.columns, facts.rows, facts.columns
        bank = max(cells, rows * facts.sequence_max)

        def doubles(count: int) -> ctypes.Array[ctypes.c_double]:
            # What nobody wrote shows as NaN.
            return (ctypes.c_double * count)(*[math.nan] * count)

        return Memory(
            target_s=doubles(cells),
            banks=(DOUBLES * 3)(*(ctypes.cast(doubles(bank), DOUBLES) for _ in range(3))),
            bank_values=bank,
            voltage_v=doubles(rows),
            measured_v=doubles(rows),
            rest_v=doubles(rows),
            current_a=doubles(columns * facts.sequence_max),
            current_status=(ctypes.c_uint8 * (columns * facts.sequence_max))(),
            reply=doubles(max(cells, columns * facts.sequence_max)),
            uncalibrated_a=(ctypes.c_float * columns)(),
            calibrated_a=(ctypes.c_float * columns)(),
        )

    def open_session(self, *, message_based: bool, address: str = "unnamed") -> Session:
        # The engine keeps the text where it is.
        name = ctypes.create_string_buffer(address.encode())
        link = self.library.instrument_open_link(self.address, message_based, name)
        assert link is not None, "all links are open"
        session = Session(self, link, name)
        self.sessions.append(session)
        return session

    def poll(self) -> bool:
        running = self.library.instrument_poll(self.address)
        for session in self.sessions:
            session.feed()
        self.hal.check()
        return running


class Session:
    """`struct link` with the interface of the Python one; what C has no room for is kept."""

    def __init__(self, board: Instrument, address: int, name: ctypes.Array[ctypes.c_char]) -> None:
        self._board = board
        self._name = name
        self._library = board.library
        self._address = address
        self._not_taken = bytearray()
        self._ended = False
        self._drained = bytearray()
        self._open = True

    def receive(self, data: bytes) -> None:
        self._not_taken += data
        # Even nothing at all lets the engine look at its clock.
        self._library.link_receive(self._address, b"", 0)
        self.feed()
        self._board.hal.check()

    def feed(self) -> None:
        """Hand on what has not been taken, sending replies wherever C waits for room."""
        if not self._open:
            return
        while self._not_taken:
            data = bytes(self._not_taken)
            taken = self._library.link_receive(self._address, data, len(data))
            del self._not_taken[:taken]
            if not taken and not self._drain():
                return
        if self._ended:
            while not self._library.link_end_message(self._address):
                if not self._drain():
                    return
            self._ended = False

    def _drain(self) -> bool:
        """Take all output there is; whether that helped."""
        before = len(self._drained)
        while got := self._take(4096):
            self._drained += got
            self._library.link_poll(self._address)
        return len(self._drained) > before

    def _take(self, most: int) -> bytes:
        buffer = ctypes.create_string_buffer(most)
        count = self._library.link_transmit(self._address, buffer, most)
        return buffer.raw[:count]

    def end_message(self) -> None:
        self._ended = True
        self.feed()
        self._board.hal.check()

    def transmit(self, max_bytes: int | None = None) -> bytes:
        if max_bytes is None:
            self._drain()
            taken = bytes(self._drained)
            self._drained.clear()
            self.feed()
            self._board.hal.check()
            return taken
        if len(self._drained) < max_bytes:
            self._drained += self._take(max_bytes - len(self._drained))
        taken = bytes(self._drained[:max_bytes])
        del self._drained[:max_bytes]
        return taken

    @property
    def pending(self) -> int:
        return len(self._drained) + self._library.link_pending(self._address)

    def device_clear(self) -> None:
        self._not_taken.clear()
        self._drained.clear()
        self._ended = False
        self._library.link_device_clear(self._address)

    def trigger(self) -> None:
        self._library.link_trigger(self._address)
        self._board.hal.check()

    def query_unterminated(self) -> None:
        self._library.link_query_unterminated(self._address)

    def close(self) -> None:
        if self._open:
            self._library.link_close(self._address)
            self._board.sessions.remove(self)
        self._open = False

    def begin_anew(self) -> None:
        """The next client of a serial line: the firmware closes the link and opens it for that one."""
        self.device_clear()
        self._library.link_close(self._address)
        self._address = self._library.instrument_open_link(self._board.address, 0, self._name)

    @property
    def link_dropped(self) -> bool:
        return self._library.link_dropped(self._address)

    def acknowledge_drop(self) -> None:
        self._library.link_acknowledge_drop(self._address)

    def status_byte(self) -> int:
        return self._library.link_status_byte(self._address)

    @property
    def service_requested(self) -> bool:
        return self._library.link_service_requested(self._address)
