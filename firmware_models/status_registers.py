"""Status model of IEEE 488.2 and SCPI-1999: the board's conditions, and each client's events and errors."""

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


class EventRegister:
    """Bits of a condition that rose since one client looked, and its mask of those to summarise."""

    def __init__(self) -> None:
        self._event = 0
        self._enable = 0

    def latch(self, bits: int) -> None:
        """Note bits that rise."""
        self._event |= bits

    def take(self) -> int:
        """Answer the events since the last query, and forget them."""
        event, self._event = self._event, 0
        return event

    def clear(self) -> None:
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


class Condition:
    """Condition of the board; a bit that rises is an event for every client.

    Attributes:
        bits: as they are now.
    """

    def __init__(self) -> None:
        self.bits = 0
        self._listeners: list[EventRegister] = []

    def set(self, bits: int, *, on: bool) -> None:
        """Raise or lower bits."""
        before = self.bits
        self.bits = before | bits if on else before & ~bits
        if rising := self.bits & ~before:
            for register in self._listeners:
                register.latch(rising)

    def tell(self, register: EventRegister) -> None:
        """Latch events into a register from now on."""
        self._listeners.append(register)

    def forget(self, register: EventRegister) -> None:
        """Tell a register nothing more."""
        self._listeners.remove(register)


class BoardConditions:
    """State of the board that all clients see alike.

    Attributes:
        operation: activity under way. questionable: doubts about the latest results.
    """

    def __init__(self) -> None:
        self.operation = Condition()
        self.questionable = Condition()


class ClientStatus:
    """Status of one client: another's faults never show in it (decision 19).

    Args:
        conditions: of the board.

    Attributes:
        errors: its error queue.
        operation, questionable: its events of the board's conditions.
        event_enable: `*ESE`.
    """

    def __init__(self, conditions: BoardConditions) -> None:
        self._conditions = conditions
        self._begin()

    def _begin(self) -> None:
        self.errors = ErrorQueue()
        self.operation = EventRegister()
        self.questionable = EventRegister()
        self._conditions.operation.tell(self.operation)
        self._conditions.questionable.tell(self.questionable)
        self._event_status = _POWER_ON
        self.event_enable = 0
        self._request_enable = 0

    def close(self) -> None:
        """Listen to the board no more."""
        self._conditions.operation.forget(self.operation)
        self._conditions.questionable.forget(self.questionable)

    def begin_anew(self) -> None:
        """Become the status of a new client on the same line."""
        self.close()
        self._begin()

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
        self.operation.clear()
        self.questionable.clear()
        self._event_status = 0

    def preset(self) -> None:
        """Execute `STATus:PRESet`: summarise nothing."""
        self.operation.enable = 0
        self.questionable.enable = 0

    def status_byte(self, *, message_available: bool) -> int:
        """Compose the status byte, bit 6 left out."""
        byte = ERROR_AVAILABLE if len(self.errors) else 0
        byte |= QUESTIONABLE_SUMMARY if self.questionable.summary else 0
        byte |= MESSAGE_AVAILABLE if message_available else 0
        byte |= EVENT_SUMMARY if self._event_status & self.event_enable else 0
        byte |= OPERATION_SUMMARY if self.operation.summary else 0
        return byte
