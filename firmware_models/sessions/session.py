"""Session of one client link: bytes in, bytes out, status byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.firmware_models.sessions.execution import Execution
from crosscal.firmware_models.sessions.framing import Framing
from crosscal.firmware_models.sessions.output_queue import OutputQueue
from crosscal.firmware_models.sessions.service_request import ServiceRequest
from crosscal.firmware_models.status_registers import ClientStatus

if TYPE_CHECKING:
    from crosscal.firmware_models.instrument import Instrument

BLOCK_SILENCE_S = 5.0
"""Decision 16."""
BACKLOG_MESSAGES = 1024
"""A client with so many messages in hand is not listened to meanwhile, unless it waits for a trigger."""


class Session:
    """One client link; made by `Instrument.open_session`.

    Attributes:
        address: of the client, for other clients.
        status: of the client alone.
        calibrated: whether results are calibrated for this client, where the board can (decision 25).
    """

    def __init__(self, board: Instrument, *, message_based: bool, address: str) -> None:
        self.address = address
        self._calibrates = "CAL" in board.facts.capabilities
        self.calibrated = self._calibrates
        self.status = ClientStatus(board.conditions)
        self._board = board
        self._message_based = message_based
        self._framing = Framing()
        self._heard_at = board.clock()
        self._output = OutputQueue(board.link_fault, board.clock)
        self._execution = Execution(board, self, self._output, message_based=message_based)
        self._service = ServiceRequest(self.status, lambda: self.message_available)

    # Bytes in

    def receive(self, data: bytes) -> None:
        """Take bytes as they arrive, in any chunks, and execute a turn of the messages that they complete."""
        self._give_up_silent_block()
        self._heard_at = self._board.clock()
        self._board.lock.hear(self)
        self._framing.feed(data)
        while (message := self._framing.next_message()) is not None:
            self._execution.messages.append(message)
        if self._framing.take_overflow():
            self.status.report(-223, "the message is longer than the input buffer")
        self._execution.run()

    def end_message(self) -> None:
        """Take the END indicator of a message-based link: it ends a message that has no newline."""
        message = self._framing.end_message()
        if message is not None:
            self._execution.messages.append(message)
            self._execution.run()

    def device_clear(self) -> None:
        """Execute a device clear (IEEE 488.2): drop input, output and pending completion."""
        self._framing.clear()
        self._execution.messages.clear()
        self._output.clear()
        self._execution.end_message()
        self._board.operations.cancel_completion(self.status)

    def begin_anew(self) -> None:
        """Finish the whole messages of a client that left a line that stays open, and forget it."""
        while self.has_work:
            self._execution.run()
        self.device_clear()
        self._board.operations.forget(self.status)
        self._board.lock.release(self)
        self._board.changes.forget(self)
        self.status.begin_anew()
        self.calibrated = self._calibrates

    def trigger(self) -> None:
        """Take a group execute trigger, the same as `*TRG`."""
        try:
            self._board.operations.trigger()
        except ScpiFault as fault:
            self.status.report(fault.code, fault.detail)
        self._execution.run()

    def close(self) -> None:
        """Close the link; the instrument goes on."""
        self._board.forget(self)

    def poll(self) -> None:
        """Handle timeouts: give up a silent block, release a stalled reply, go on after a trigger."""
        self._give_up_silent_block()
        self._output.release_in_time()
        self._execution.run()
        self.note_reasons()

    @property
    def has_work(self) -> bool:
        """Whether messages wait that could be executed now."""
        return self._execution.turn_over or (not self._execution.waits and bool(self._execution.messages))

    @property
    def backlogged(self) -> bool:
        """Whether so many messages wait that no more should be received."""
        return not self._execution.waits and len(self._execution.messages) >= BACKLOG_MESSAGES

    def _give_up_silent_block(self) -> None:
        if self._framing.inside_block and self._board.clock() - self._heard_at >= BLOCK_SILENCE_S:
            self._framing.clear()
            self.status.report(-161, f"the block stopped arriving for {BLOCK_SILENCE_S:g} s")

    # Bytes out

    def transmit(self, max_bytes: int | None = None) -> bytes:
        """Take pending output, at most `max_bytes` of it; empty if there is none."""
        return self._output.take(max_bytes)

    @property
    def pending(self) -> int:
        """Bytes that wait in the output queue."""
        return len(self._output)

    def query_unterminated(self) -> None:
        """Note that the client of a message-based link reads while nothing is pending: -420.

        A query that waits for its trigger, or a reply that is stalled, will still come.
        """
        if self._message_based and not self._execution.waits and not self._output.withholds:
            self.status.report(-420)

    def release_withheld(self) -> None:
        """Let a stalled reply go."""
        self._output.release()

    @property
    def link_dropped(self) -> bool:
        """True once `SIMulation:FAULt:LINK DROP` struck: the transport must close the link.

        A serial line cannot be closed: there the reply is lost, and the transport calls `acknowledge_drop`.
        """
        return self._output.dropped

    def acknowledge_drop(self) -> None:
        """Clear `link_dropped` on a line that stays open."""
        self._output.dropped = False

    # Status

    @property
    def message_available(self) -> bool:
        """MAV: a reply waits, or the message in hand has made one."""
        return bool(self._output) or self._execution.has_replies

    def status_byte(self) -> int:
        """Answer a serial poll: the status byte with RQS in bit 6, cleared by the poll."""
        return self._service.poll()

    def master_status_byte(self) -> int:
        """Answer `*STB?`: the status byte with the master summary in bit 6; clears nothing."""
        return self._service.summary_byte()

    @property
    def service_requested(self) -> bool:
        """RQS: a service request is pending until a serial poll takes it."""
        return self._service.requested

    def note_reasons(self) -> None:
        """Request service for every reason that is new."""
        self._service.note()
