"""Status model of IEEE 488.2 and SCPI-1999: conditions, events, summaries."""

from __future__ import annotations

from crosscal.firmware_models.error_queue import ErrorQueue
from crosscal.firmware_models.scpi_errors import OPERATION_COMPLETE, QUEUE_OVERFLOW, event_bit

# Operation register.
MEASURING = 1 << 4
WAITING_FOR_TRIGGER = 1 << 5
PROGRAMMING = 1 << 8

# Questionable register.
CURRENT_OVERRANGE = 1 << 1
TEMPERATURE = 1 << 4
CALIBRATION = 1 << 8
CELL_FAILED = 1 << 9

# Status byte.
ERROR_AVAILABLE = 1 << 2
QUESTIONABLE_SUMMARY = 1 << 3
MESSAGE_AVAILABLE = 1 << 4
EVENT_SUMMARY = 1 << 5
MASTER_SUMMARY = 1 << 6
OPERATION_SUMMARY = 1 << 7

_POWER_ON = 1 << 7  # of the standard event status (IEEE 488.2, 11.5.1)
_REGISTER_BITS = 0x7FFF  # bit 15 is never used, so that the value is positive in 16 bits


class ConditionRegister:
    """A condition, the events of its bits rising, and the mask of events to summarise."""

    def __init__(self) -> None:
        self._condition = 0
        self._event = 0
        self._enable = 0

    @property
    def condition(self) -> int:
        """Present condition bits."""
        return self._condition

    def set(self, bits: int, *, on: bool) -> None:
        """Raise or lower bits of the condition; a rising bit is an event."""
        before = self._condition
        self._condition = before | bits if on else before & ~bits
        self._event |= self._condition & ~before

    def take_event(self) -> int:
        """Answer the events since the last query, and forget them."""
        event, self._event = self._event, 0
        return event

    def clear_event(self) -> None:
        """Forget the events."""
        self._event = 0

    @property
    def enable(self) -> int:
        """Events that the status byte summarises."""
        return self._enable

    @enable.setter
    def enable(self, mask: int) -> None:
        self._enable = mask & _REGISTER_BITS

    @property
    def summary(self) -> bool:
        """Whether an enabled event happened."""
        return bool(self._event & self._enable)


class StatusRegisters:
    """All status that the clients of a board share; a link adds its own message-available bit."""

    def __init__(self) -> None:
        self.errors = ErrorQueue()
        self.operation = ConditionRegister()
        self.questionable = ConditionRegister()
        self._event_status = _POWER_ON
        self.event_enable = 0
        self._request_enable = 0

    @property
    def request_enable(self) -> int:
        """`*SRE`: bits of the status byte that request service; bit 6 cannot."""
        return self._request_enable

    @request_enable.setter
    def request_enable(self, mask: int) -> None:
        self._request_enable = mask & ~MASTER_SUMMARY & 0xFF

    def report(self, code: int, detail: str = "") -> None:
        """Queue an error and set its bit of the standard event register; an overflow is an error as well."""
        if not self.errors.push(code, detail):
            self._event_status |= event_bit(QUEUE_OVERFLOW)
        self._event_status |= event_bit(code)

    def operation_complete(self) -> None:
        """Set the operation-complete bit that `*OPC` asked for."""
        self._event_status |= OPERATION_COMPLETE

    def take_event_status(self) -> int:
        """Answer `*ESR?` and clear it."""
        events, self._event_status = self._event_status, 0
        return events

    def clear(self) -> None:
        """Execute `*CLS`: forget events and errors; conditions and enables stay."""
        self.errors.clear()
        self.operation.clear_event()
        self.questionable.clear_event()
        self._event_status = 0

    def preset(self) -> None:
        """Execute `STATus:PRESet`: summarise nothing."""
        self.operation.enable = 0
        self.questionable.enable = 0

    def status_byte(self, *, message_available: bool) -> int:
        """Compose the status byte of a link, bit 6 left out."""
        byte = ERROR_AVAILABLE if len(self.errors) else 0
        byte |= QUESTIONABLE_SUMMARY if self.questionable.summary else 0
        byte |= MESSAGE_AVAILABLE if message_available else 0
        byte |= EVENT_SUMMARY if self._event_status & self.event_enable else 0
        byte |= OPERATION_SUMMARY if self.operation.summary else 0
        return byte
