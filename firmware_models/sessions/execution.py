"""Execution of one client's program messages, unit by unit, in turns with other clients."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crosscal.firmware_models.call import Call, NotYet
from crosscal.firmware_models.guarded_hardware import failure_text
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.program_message import Unit, units
from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.firmware_models.sessions.output_queue import OutputQueue
from crosscal.firmware_models.sessions.urgent_messages import urgent_units

if TYPE_CHECKING:
    from crosscal.firmware_models.instrument import Instrument
    from crosscal.firmware_models.sessions.session import Session

logger = logging.getLogger(__name__)

TURN_MESSAGES = 16
"""Messages executed for one client before others have their turn: a short query takes some 50 µs, so that the
others wait about 1 ms; with 1 instead, pipelined queries are answered at half the rate."""
_RAN = (-230, -240)
"""Errors of a unit that has begun its acquisition or programming; others change nothing."""
_FORGETS_COMPLETION = ("*CLS", "*RST")
"""These end a query that waits for completion without an answer (IEEE 488.2, 12.5.3)."""


class Execution:
    """Messages in hand of one client, and the unit that waits for a trigger.

    Args:
        board: the instrument.
        client: the link that the messages came over.
        output: its output queue.
        message_based: the link has message boundaries: a message that interrupts a reply is -410.

    Attributes:
        messages: whole messages, not yet begun.
        turn_over: others have their turn before the next message.
    """

    def __init__(
        self, board: Instrument, client: Session, output: OutputQueue, *, message_based: bool
    ) -> None:
        self.messages: deque[bytes] = deque()
        self.turn_over = False
        self._board = board
        self._client = client
        self._output = output
        self._message_based = message_based
        self._units: Iterator[Unit] | None = None
        self._blocked: tuple[Command, Call, bool] | None = None
        self._replies: list[bytes] = []
        self._node = ""

    @property
    def waits(self) -> bool:
        """Whether a unit waits for a trigger."""
        return self._blocked is not None

    @property
    def has_replies(self) -> bool:
        """Whether the message in hand has made replies."""
        return bool(self._replies)

    def run(self) -> None:
        """Execute messages until a turn is over, none is left or one has to wait for a trigger."""
        self.turn_over = False
        for _ in range(TURN_MESSAGES):
            if self._blocked is not None:
                self._hear_urgent_messages()
            if self._blocked is not None:
                command, call, query = self._blocked
                self._blocked = None
                if not self._execute(command, call, query=query):
                    return
            if self._units is None:
                if not self.messages:
                    return
                self._begin_message(self.messages.popleft())
            self._run_units()
        self.turn_over = True

    def end_message(self) -> None:
        """Forget the message in hand."""
        self._units = None
        self._blocked = None
        self._replies = []

    def _begin_message(self, message: bytes) -> None:
        if self._message_based and (self._output or self._output.withholds) and message.strip():
            self._output.clear()
            self._client.status.report(-410)
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
                command, self._node = self._board.tree.resolve(unit, self._node)
            except ScpiFault as fault:
                self._fail(fault)
                continue
            call = Call(self._board, self._client, unit.parameters)
            if not self._execute(command, call, query=unit.query):
                return

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
        if acted or (not query and before != self._board.settings.state()):
            self._board.changes.note(self._client)
        self._client.note_reasons()
        return True

    def _handle(self, command: Command, call: Call, *, query: bool) -> bytes | str | None:
        if ("Q" if query else "S") in command.reserved:
            call.require_unlocked()
        handler = command.handler(query=query)
        return None if handler is None else handler(call)

    def _fail(self, fault: ScpiFault) -> None:
        """Report; a command error discards the rest of the message, any other only its unit (decision 5)."""
        self._client.status.report(fault.code, fault.detail)
        if -199 <= fault.code <= -100:
            self._answer()

    def _answer(self) -> None:
        """Send the replies of the message, and end it."""
        replies = self._replies
        self.end_message()
        if replies:
            self._output.send(b";".join(replies) + b"\n")
        self._board.link_fault.arm()
        self._client.note_reasons()

    def _hear_urgent_messages(self) -> None:
        """Take messages out of turn that end the wait of this link for a trigger (decision 22).

        A stream has no other way to free itself: they stand behind the very query that waits.
        """
        for message in list(self.messages):
            if self._blocked is None or not self._board.operations.waiting_for_trigger:
                return
            found = urgent_units(self._board.tree, message)
            if not found:
                continue
            self.messages.remove(message)
            if any(command.header in _FORGETS_COMPLETION for command, _ in found):
                self._answer()
            for command, parameters in found:
                self._execute(command, Call(self._board, self._client, parameters), query=False)
