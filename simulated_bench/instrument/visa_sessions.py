"""VISA sessions of the backend `@crosscal`, one class per kind of interface."""

from __future__ import annotations

import os
from typing import Any

from pyvisa import constants
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa_sim.sessions import gpib, serial, tcpip, usb
from pyvisa_sim.sessions.session import MessageBasedSession

from crosscal.firmware_models.serving.board_link import BoardLink, ReadEnd
from crosscal.firmware_models.serving.powered_board import PoweredBoard

STATUS_OF_END = {
    ReadEnd.MESSAGE: StatusCode.success,
    ReadEnd.TERMINATOR: StatusCode.success_termination_character_read,
    ReadEnd.COUNT: StatusCode.success_max_count_read,
    ReadEnd.TIMEOUT: StatusCode.error_timeout,
}
LINE_FEED = ord("\n")
REPLY_BYTES = 64
"""More than the answer to `*STB?` can have."""


class BoardSession(MessageBasedSession):
    """A session on the board: attributes as pyvisa-sim keeps them, bytes in bulk through a `BoardLink`.

    GPIB, USBTMC and VXI-11 have in common: messages with an end of their own, serial
    poll, service request, device clear.
    """

    message_based = True
    can_close = True
    link: BoardLink

    def connect(self, board: PoweredBoard) -> None:
        """Open the link that this session reads and writes through."""
        self.link = BoardLink(
            board,
            message_based=self.message_based,
            can_close=self.can_close,
            address=f"{self.resource} of process {os.getpid()}",
        )

    @property
    def resource(self) -> str:
        """Canonical resource name."""
        return self.attrs[ResourceAttribute.resource_name]  # pyright: ignore[reportReturnType]  (a string)

    @property
    def timeout_s(self) -> float | None:
        """Longest wait of an operation [s]; None waits for ever."""
        return seconds(self.attrs.get(ResourceAttribute.timeout_value, 2000))

    @property
    def terminator(self) -> int | None:
        """The byte that a read stops after."""
        if self.attrs.get(ResourceAttribute.termchar_enabled, False):
            return self.attrs.get(ResourceAttribute.termchar, LINE_FEED)
        return None

    @property
    def stops_at_end(self) -> bool:
        """Whether a read stops at END; on a socket, where nothing more is there at the moment."""
        return not self.attrs.get(ResourceAttribute.suppress_end_enabled, False)

    @property
    def sends_end(self) -> bool:
        """Whether END, or its substitute, follows each write."""
        return bool(self.attrs.get(ResourceAttribute.send_end_enabled, True))

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Read by the rules of VPP-4.3, section 6.1: END, termination character, count, timeout."""
        data, end = self.link.read(
            count, timeout_s=self.timeout_s, terminator=self.terminator, until_quiet=self.stops_at_end
        )
        return data, STATUS_OF_END[end]

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """Write all of `data`."""
        self.link.write(bytes(data), end=self.sends_end)
        return len(data), StatusCode.success

    def status_byte(self) -> tuple[int, StatusCode]:
        """Poll the status byte."""
        return self.link.status_byte(), StatusCode.success

    def trigger(self) -> StatusCode:
        """Trigger the board."""
        self.link.trigger()
        return StatusCode.success

    def clear(self) -> StatusCode:
        """Clear the board's input and output of this session, and a query that waits for its trigger."""
        self.link.clear()
        return StatusCode.success

    def discard_received(self) -> None:
        """Drop received bytes that were not read: here such bytes wait in the board, and stay."""


class StreamBoardSession(BoardSession):
    """A session on a bare stream of bytes: common commands stand in for the signals of IEEE 488.2."""

    message_based = False

    def status_byte(self) -> tuple[int, StatusCode]:
        """Ask `*STB?`, clearing nothing; refused while an earlier reply waits to be read."""
        if self.link.available:
            return 0, StatusCode.error_input_protocol_violation
        self.link.write(b"*STB?\n", end=True)
        data, end = self.link.read(REPLY_BYTES, timeout_s=self.timeout_s, terminator=LINE_FEED)
        text = data.strip()
        if end is ReadEnd.TIMEOUT or not text.isdigit():
            return 0, StatusCode.error_timeout if end is ReadEnd.TIMEOUT else StatusCode.error_io
        return int(text), StatusCode.success

    def trigger(self) -> StatusCode:
        """Send `*TRG`."""
        self.link.write(b"*TRG\n", end=True)
        return StatusCode.success

    def discard_received(self) -> None:
        """Drop received bytes that were not read."""
        self.link.discard_input()


class GpibBoardSession(BoardSession, gpib.GPIBInstrumentSession):
    """GPIB."""

    def after_parsing(self) -> None:
        """Take over the address; pyvisa-sim also writes the board number into the termination character."""
        super().after_parsing()
        del self.attrs[ResourceAttribute.termchar]
        self.attrs[ResourceAttribute.interface_number] = int(self.parsed.board)


class UsbBoardSession(BoardSession, usb.USBInstrumentSession):
    """USBTMC."""


class InstrumentBoardSession(BoardSession, tcpip.TCPIPInstrumentSession):
    """VXI-11 and the like."""


class SocketBoardSession(StreamBoardSession, tcpip.TCPIPSocketSession):
    """TCP."""

    @property
    def stops_at_end(self) -> bool:
        """A socket has no END; a read without a termination character stops where nothing more is there."""
        return self.terminator is None and super().stops_at_end


class SerialBoardSession(StreamBoardSession, serial.SerialInstrumentSession):
    """A serial line: silence ends no read; the end of a message, by default, is the termination character."""

    can_close = False

    @property
    def terminator(self) -> int | None:
        """The byte that a read stops after."""
        by_character = constants.SerialTermination.termination_char
        end_in = self.attrs.get(ResourceAttribute.asrl_end_in, by_character)
        if end_in == by_character and super().stops_at_end:
            return self.attrs.get(ResourceAttribute.termchar, LINE_FEED)
        return super().terminator

    @property
    def stops_at_end(self) -> bool:
        """Silence is no end."""
        return False

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """Write all of `data`, and the termination character if the session is set to add it."""
        adds = self.attrs.get(ResourceAttribute.asrl_end_out, constants.SerialTermination.none)
        ending = b""
        if adds == constants.SerialTermination.termination_char and self.sends_end:
            ending = bytes([self.attrs.get(ResourceAttribute.termchar, LINE_FEED)])
        return super().write(bytes(data) + ending)

    def set_attribute(self, attribute: Any, attribute_state: Any) -> StatusCode:
        """Set an attribute; a break clears the board's end of the line."""
        if attribute == ResourceAttribute.asrl_break_state and attribute_state:
            self.link.clear()
        return super().set_attribute(attribute, attribute_state)

    def get_attribute(self, attribute: Any) -> tuple[Any, StatusCode]:
        """Answer an attribute; how many bytes wait is looked up."""
        if attribute == constants.VI_ATTR_ASRL_AVAIL_NUM:
            return self.link.available, StatusCode.success
        return super().get_attribute(attribute)


SESSION_CLASSES: dict[tuple[constants.InterfaceType, str], type[BoardSession]] = {
    (constants.InterfaceType.asrl, "INSTR"): SerialBoardSession,
    (constants.InterfaceType.gpib, "INSTR"): GpibBoardSession,
    (constants.InterfaceType.usb, "INSTR"): UsbBoardSession,
    (constants.InterfaceType.tcpip, "INSTR"): InstrumentBoardSession,
    (constants.InterfaceType.tcpip, "SOCKET"): SocketBoardSession,
}


def seconds(timeout_ms: int) -> float | None:
    """Turn a VISA timeout [ms] into seconds; None waits for ever."""
    return None if timeout_ms == constants.VI_TMO_INFINITE else timeout_ms / 1000.0
