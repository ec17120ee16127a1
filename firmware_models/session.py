"""Session of one client link: input buffer, output queue, view of the status byte."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crosscal.firmware_models.call import Call, NotYet
from crosscal.firmware_models.framing import Framing
from crosscal.firmware_models.guarded_hardware import failure_text
from crosscal.firmware_models.header_tree import Command, absolute_header
from crosscal.firmware_models.link_fault import DROP, GARBLE, STALL, STALL_S, garble
from crosscal.firmware_models.program_message import Unit, units
from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.firmware_models.status_registers import MASTER_SUMMARY
from crosscal.firmware_models.urgent_messages import urgent_units

if TYPE_CHECKING:
    from crosscal.firmware_models.instrument import Instrument

logger = logging.getLogger(__name__)

BLOCK_SILENCE_S = 5.0
TURN_MESSAGES = 16
"""Messages executed for one client before others have their turn: a short query takes some 50 µs, so that the
others wait about 1 ms; with 1 instead, pipelined queries are answered at half the rate."""
BACKLOG_MESSAGES = 1024
"""A client with so many messages in hand is not listened to meanwhile, unless it waits for a trigger."""
_RAN = (-230, -240)
"""Errors of a unit whose acquisition or programming was begun; others change nothing."""
_FORGETS_COMPLETION = ("*CLS", "*RST")
"""These end a query that waits for completion without an answer (IEEE 488.2, 12.5.3)."""


class Session:
    """One client link; made by `Instrument.open_session`.

    Attributes:
        address: of the client, for other clients.
        calibrated: whether results are calibrated for this client, where the board can (decision 25).
    """

    def __init__(self, board: Instrument, *, message_based: bool, address: str) -> None:
        self.address = address
        self.calibrated = "CAL" in board.facts.capabilities
        self._board = board
        self._message_based = message_based
        self._framing = Framing()
        self._heard_at = board.clock()
        self._output = bytearray()
        self._withheld = bytearray()
        self._withheld_until = 0.0
        self._dropped = False
        self._messages: deque[bytes] = deque()
        self._units: Iterator[Unit] | None = None
        self._blocked: tuple[Command, Call, bool] | None = None
        self._turn_over = False
        self._replies: list[bytes] = []
        self._node = ""
        self._reasons_seen = 0
        self._requested = False

    # Bytes in

    def receive(self, data: bytes) -> None:
        """Take bytes as they arrive, in any chunks, and execute a turn of the messages that they complete."""
        self._give_up_silent_block()
        self._heard_at = self._board.clock()
        self._board.lock.hear(self)
        self._framing.feed(data)
        while (message := self._framing.next_message()) is not None:
            self._messages.append(message)
        if self._framing.take_overflow():
            self._board.status.report(-223, "the message is longer than the input buffer")
        self._run()

    def end_message(self) -> None:
        """Take the END indicator of a message-based link: it ends a message that has no newline."""
        message = self._framing.end_message()
        if message is not None:
            self._messages.append(message)
            self._run()

    def device_clear(self) -> None:
        """Execute a device clear (IEEE 488.2): drop input, output and pending completion."""
        self._framing.clear()
        self._messages.clear()
        self._output.clear()
        self._withheld.clear()
        self._end_message()
        self._board.cancel_completion()

    def begin_anew(self) -> None:
        """Finish the whole messages of a client that left a line that stays open, and forget it."""
        while self.has_work:
            self._run()
        self.device_clear()
        self._board.lock.release(self)
        self._board.changes.forget(self)

    def trigger(self) -> None:
        """Take a group execute trigger, the same as `*TRG`."""
        self._trigger_board()
        self._run()

    def close(self) -> None:
        """Close the link; the instrument goes on."""
        self._board.forget(self)

    def poll(self) -> None:
        """Handle timeouts: give up a silent block, release a stalled reply, go on after a trigger."""
        self._give_up_silent_block()
        if self._withheld and self._board.clock() >= self._withheld_until:
            self.release_withheld()
        self._run()
        self._note_reasons()

    @property
    def has_work(self) -> bool:
        """Whether messages wait that could be executed now."""
        return self._turn_over or (self._blocked is None and bool(self._messages))

    @property
    def backlogged(self) -> bool:
        """Whether so many messages wait that no more should be received."""
        return self._blocked is None and len(self._messages) >= BACKLOG_MESSAGES

    # Bytes out

    def transmit(self, max_bytes: int | None = None) -> bytes:
        """Take pending output, at most `max_bytes` of it; empty if there is none."""
        taken = bytes(self._output[:max_bytes])
        del self._output[: len(taken)]
        return taken

    @property
    def pending(self) -> int:
        """Bytes that wait in the output queue."""
        return len(self._output)

    def query_unterminated(self) -> None:
        """Note that the client of a message-based link reads while nothing is pending: -420.

        A query that waits for its trigger, or a reply that is stalled, will still come.
        """
        if self._message_based and self._blocked is None and not self._withheld:
            self._board.status.report(-420)

    def release_withheld(self) -> None:
        """Let a stalled reply go."""
        self._output += self._withheld
        self._withheld.clear()

    @property
    def link_dropped(self) -> bool:
        """True once `SIMulation:FAULt:LINK DROP` struck: the transport must close the link.

        A serial line cannot be closed: there the reply is lost, and the transport calls `acknowledge_drop`.
        """
        return self._dropped

    def acknowledge_drop(self) -> None:
        """Clear `link_dropped` on a line that stays open."""
        self._dropped = False

    # Status

    @property
    def message_available(self) -> bool:
        """MAV: a reply waits, or the message in hand has made one."""
        return bool(self._output or self._replies)

    def status_byte(self) -> int:
        """Answer a serial poll: the status byte with RQS in bit 6, cleared by the poll."""
        self._note_reasons()
        byte = self._byte() | (MASTER_SUMMARY if self._requested else 0)
        self._requested = False
        return byte

    def master_status_byte(self) -> int:
        """Answer `*STB?`: the status byte with the master summary in bit 6; clears nothing."""
        byte = self._byte()
        return byte | (MASTER_SUMMARY if byte & self._board.status.request_enable else 0)

    @property
    def service_requested(self) -> bool:
        """RQS: a service request is pending until a serial poll takes it."""
        self._note_reasons()
        return self._requested

    def _byte(self) -> int:
        return self._board.status.status_byte(message_available=self.message_available)

    def _note_reasons(self) -> None:
        """Request service for every reason that is new (IEEE 488.2, 11.3.2.2)."""
        reasons = self._byte() & self._board.status.request_enable
        if reasons & ~self._reasons_seen:
            self._requested = True
        if not reasons:
            self._requested = False
        self._reasons_seen = reasons

    # Execution

    def _run(self) -> None:
        """Execute messages until a turn is over, none is left or one has to wait for a trigger."""
        self._turn_over = False
        for _ in range(TURN_MESSAGES):
            if self._blocked is not None:
                self._hear_urgent_messages()
            if self._blocked is not None:
                command, call, query = self._blocked
                self._blocked = None
                if not self._execute(command, call, query=query):
                    return
            if self._units is None:
                if not self._messages:
                    return
                self._begin_message(self._messages.popleft())
            self._run_units()
        self._turn_over = True

    def _begin_message(self, message: bytes) -> None:
        if self._message_based and (self._output or self._withheld) and message.strip():
            self._output.clear()
            self._withheld.clear()
            self._board.status.report(-410)
        self._units = units(message)
        self._node = ""

    def _run_units(self) -> None:
        """Execute the units left in the message, until one has to wait."""
        while self._units is not None:
            try:
                unit = next(self._units, None)
                if unit is None:
                    self._answer()
                    return
                command = self._board.tree.find(self._path(unit), query=unit.query)
            except ScpiFault as fault:
                self._fail(fault)
                continue
            call = Call(self._board, self, unit.parameters)
            if not self._execute(command, call, query=unit.query):
                return

    def _path(self, unit: Unit) -> str:
        """Return the absolute header of a unit; also moves the current, textual node (decision 14)."""
        path, self._node = absolute_header(unit, self._node)
        return path

    def _execute(self, command: Command, call: Call, *, query: bool) -> bool:
        """Execute one unit; False if it has to wait for a trigger."""
        before = () if query else self._board.settings.state()
        acted = command.acts
        try:
            reply = self._handle(command, call, query=query)
        except NotYet:
            self._blocked = (command, call, query)
            return False
        except ScpiFault as fault:
            acted = acted and fault.code in _RAN
            self._fail(fault)
        except Exception as error:
            # A defect of the firmware, for failures of the hardware are -240; it stays alive for its clients.
            logger.exception("%s failed", command.header)
            self._fail(ScpiFault(-310, failure_text(error)))
        else:
            if reply is not None:
                self._replies.append(reply if isinstance(reply, bytes) else reply.encode())
        if acted or (not query and _differ(before, self._board.settings.state())):
            self._board.changes.note(self)
        self._note_reasons()
        return True

    def _handle(self, command: Command, call: Call, *, query: bool) -> bytes | str | None:
        if ("Q" if query else "S") in command.reserved:
            call.require_unlocked()
        handler = command.handler(query=query)
        return None if handler is None else handler(call)

    def _fail(self, fault: ScpiFault) -> None:
        """Report; a command error discards the rest of the message, any other only its unit (decision 5)."""
        self._board.status.report(fault.code, fault.detail)
        if -199 <= fault.code <= -100:
            self._answer()

    def _answer(self) -> None:
        """Send the replies of the message, and end it."""
        replies = self._replies
        self._end_message()
        if replies:
            self._send(b";".join(replies) + b"\n")
        self._board.link_fault.arm()
        self._note_reasons()

    def _end_message(self) -> None:
        self._units = None
        self._blocked = None
        self._replies = []

    def _send(self, reply: bytes) -> None:
        fault = self._board.link_fault.take()
        if fault == DROP:
            self._dropped = True
        elif fault == STALL:
            half = len(reply) // 2
            self._output += reply[:half]
            self._withheld += reply[half:]
            self._withheld_until = self._board.clock() + STALL_S
        elif self._withheld:
            self._withheld += reply
        else:
            self._output += garble(reply) if fault == GARBLE else reply

    def _hear_urgent_messages(self) -> None:
        """Take messages out of turn that end the wait of this link for a trigger (decision 22).

        A stream has no other way to free itself: they stand behind the very query that waits.
        """
        for message in list(self._messages):
            if self._blocked is None or not self._board.waiting_for_trigger:
                return
            found = urgent_units(self._board.tree, message)
            if not found:
                continue
            self._messages.remove(message)
            if any(command.header in _FORGETS_COMPLETION for command, _ in found):
                self._answer()
            for command, parameters in found:
                self._execute(command, Call(self._board, self, parameters), query=False)

    def _trigger_board(self) -> None:
        try:
            self._board.trigger()
        except ScpiFault as fault:
            self._board.status.report(fault.code, fault.detail)

    def _give_up_silent_block(self) -> None:
        if self._framing.inside_block and self._board.clock() - self._heard_at >= BLOCK_SILENCE_S:
            self._framing.clear()
            self._board.status.report(-161, f"the block stopped arriving for {BLOCK_SILENCE_S:g} s")


def _differ(before: tuple[object, ...], after: tuple[object, ...]) -> bool:
    return any(one is not other and one != other for one, other in zip(before, after, strict=True))
