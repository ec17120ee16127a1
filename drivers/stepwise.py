"""A board's operations step by step, for a program that serves others between two steps.

`Board.read` and `Board.program` wait for the end of what they begin, set all they need each time, and open a
lost link anew. A program that owns a board for weeks needs less and more than that: a read of one vector in
one message, programming that it can look at, and to know of every change that it has not made itself: by
another client (decision 23), or by a board that was away and may have come back with another matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from crosscal.core.errors import BoardConnectionError, DisturbedError, ScpiError, wanted
from crosscal.drivers.acquisition import UNLOAD, require_within_ranges
from crosscal.drivers.board_info import BoardInfo
from crosscal.drivers.board_readout import BoardReadout
from crosscal.drivers.programming import RESULT, START, STOP, ProgramReport
from crosscal.drivers.reservation import CHANGES, GROUP, RELEASE, REQUEST
from crosscal.drivers.scpi.arrays import BINARY, array_command, read_array, read_status_array
from crosscal.drivers.scpi.error_queue import Condition, failures_explained
from crosscal.drivers.scpi.format import block, number, read_integer, read_list, read_number, whole
from crosscal.drivers.scpi.message import Answer
from crosscal.drivers.scpi.polling import OPERATION, PROGRAMMING
from crosscal.drivers.scpi.reply import Element, text_of
from crosscal.drivers.scpi.session import Session
from crosscal.drivers.settings import TARGET, Settings
from crosscal.drivers.usual_read import UsualRead

AnswerT = TypeVar("AnswerT", Answer, Answer | bytes)

_IMMEDIATE, _OUTPUT_ON = b":TRIG:SOUR IMM", b":OUTP ON"
_READ, _STATUS = b":READ?", b":FETC:STAT?"
_LIST = b":SOUR:VOLT:LIST"
_EVENTS, _POWER_ON = b"*ESR?", 1 << 7
"""Standard event register, cleared by reading it, and its bit of a board that was switched on since."""
_TOLERANCE, _ITERATIONS = b":ARR:PROG:TOL ", b":ARR:PROG:ITER "


class StepwiseBoard:
    """Single steps of a board's operations; made by `Board.stepwise`.

    Args:
        session: the conversation.
        board: the board's facts.
        settings: of the board.
    """

    def __init__(self, session: Session, board: BoardInfo, settings: Settings) -> None:
        self._session = session
        self._board = board
        self._settings = settings
        self._counts = GROUP in board.capabilities
        self._renewals = session.renewals
        self._usual = UsualRead(board, _LIST, (_READ, _STATUS, CHANGES))
        self._known: int | dict[str, bytes] | None = None
        self._switched_on = False
        self._prepared = False
        self._loaded: bytes | None = None
        self._conditions: list[Condition] = []

    def require_same_link(self) -> None:
        """Make sure that the link has not been opened anew, nor brought into step again.

        Nor may the board have been switched off and on behind it, as behind a serial adapter or a gateway.

        Raises:
            BoardConnectionError: it has: the board may have been switched off, and holds who knows what.
        """
        if self._session.renewals != self._renewals:
            raise BoardConnectionError(
                f"{self._session.resource}: the link was lost and opened anew; the board may have been "
                "switched off meanwhile: identify it, and its matrix, again"
            )
        if self._switched_on:
            raise BoardConnectionError(
                f"{self._session.resource}: the board was switched off and on; identify it, and its "
                "matrix, again"
            )

    def acknowledge(self) -> None:
        """Take the board as it is now for known: changes before this are no news."""
        self.require_same_link()
        state = self._state()
        self.require_same_link()
        self._known = state
        self.forget_preparations()

    def forget_preparations(self) -> None:
        """Set format, trigger and drive anew with the next read; after other calls of the board's driver."""
        self._prepared, self._loaded = False, None

    def changed(self) -> bool:
        """Tell whether another client has changed the board since `acknowledge`.

        Raises:
            BoardConnectionError: the link was lost, or the board switched off and on.
        """
        found = self._state()
        self.require_same_link()
        return found != self._known

    def read(self, vector_v: np.ndarray, range_a: float) -> BoardReadout:
        """Drive one vector and read it, in one message if the board is as it was.

        Args:
            vector_v: voltages [V], (N,), within the protection.
            range_a: full scale that is set [A].

        Raises:
            DisturbedError: another client has changed the board since `acknowledge`; nothing of the read
                counts.
            BoardConnectionError: the link was lost, or the board switched off and on; it is for the caller to
                go on.
            ScpiError: the board refused.
        """
        if not self._counts and self.changed():
            raise self.disturbed()
        vector = block(vector_v)
        events: tuple[bytes, ...] = ()
        if self._prepared and isinstance(self._known, int) and vector != self._loaded:
            answer = self._asked_usually(vector, self._known, range_a)
        else:
            load = () if vector == self._loaded else (_LIST + b" " + vector,)
            counted = (CHANGES,) if self._counts else ()
            # A board that was prepared, and switched on since, has not the format that it was set to.
            events = () if self._prepared else (_EVENTS,)
            units = *self._preparations(), *load, _READ, _STATUS, *counted, *events
            answer = self._asked(lambda: self._session.exchange(*units, numbers=self._board.columns))
        if isinstance(answer, bytes):
            self.require_same_link()
            self._prepared, self._loaded = True, vector
            return self._usual.readout(answer)
        currents, status, *rest = answer.elements
        if events:
            self._take_events(rest[-1])
        self.require_same_link()
        if self._counts and self._count(rest[0]) != self._known:
            raise self.disturbed()
        self._prepared, self._loaded = True, vector
        columns = self._board.columns
        current_a, bits = read_array(currents, columns), read_status_array(status, columns)
        require_within_ranges(current_a, range_a, self._board)
        return BoardReadout(
            current_a=current_a.reshape(1, columns),
            status=bits.reshape(1, columns),
            range_a=range_a,
            conditions=tuple(dict.fromkeys(answer.conditions)),
        )

    def _asked_usually(self, vector: bytes, known_changes: int, range_a: float) -> Answer | bytes:
        usual = self._usual
        encoded = usual.encoded(vector, known_changes=known_changes, range_a=range_a)
        return self._asked(
            lambda: self._session.exchange_known(
                usual.units(vector), encoded, usual.fits, numbers=self._board.columns
            )
        )

    def _asked(self, exchange: Callable[[], AnswerT]) -> AnswerT:
        """Exchange the message of a read; after a failure the next read prepares the board anew."""
        self._prepared, self._loaded = False, None
        try:
            return exchange()
        except ScpiError:
            self._state()
            self.require_same_link()
            raise

    def load(self, vector_v: np.ndarray) -> np.ndarray:
        """Load one vector, as it will be driven by the next read; return it as the board rounds it [V]."""
        vector = block(vector_v)
        answer = self._session.exchange(
            *BINARY, _LIST + b" " + vector, _LIST + b"?", numbers=self._board.rows
        )
        self._loaded = vector
        return read_array(answer.elements[0], self._board.rows)

    def begin_programming(self, matrix_s: np.ndarray, tolerance: float, iterations_max: int) -> None:
        """Send a target [S], (N, M), and begin to program it.

        Raises:
            ScpiError: the board refused.
            DisturbedError: another client holds the board.
        """
        if self._counts and text_of(self._session.exchange(REQUEST).elements[0]) != b"1":
            raise DisturbedError(f"{self._session.resource} is in use by another client; repeat the command")
        self._conditions = []
        self._session.exchange(
            *array_command(TARGET, matrix_s),
            _TOLERANCE + number(tolerance),
            _ITERATIONS + number(iterations_max),
            START,
        )
        self.forget_preparations()

    def programming(self) -> bool:
        """Look whether the board is still programming."""
        answer = self._session.exchange(OPERATION)
        self.require_same_link()
        self._conditions += [*answer.earlier, *answer.conditions]
        return bool(read_integer(text_of(answer.elements[0])) & PROGRAMMING)

    def end_programming(self) -> ProgramReport:
        """Read the report of the run that has ended, and give the board back to other clients."""
        with failures_explained(self._conditions):
            answer = self._session.exchange(RESULT, *self._release())
        self._conditions += [*answer.earlier, *answer.conditions]
        self._follow()
        failed, error, iterations = read_list(text_of(answer.elements[0]), 3)
        return ProgramReport(
            cells_failed=whole(failed),
            rms_relative_error=float(error),
            iterations=whole(iterations),
            conditions=tuple(dict.fromkeys(self._conditions)),
        )

    def stop_programming(self) -> None:
        """Stop the run that is under way."""
        self._session.exchange(STOP, *self._release())

    def limits(self, header: str) -> tuple[float, float]:
        """Smallest and largest value that a setting takes."""
        return self._settings.limits(header)

    def applied(self, header: str, value: float) -> float:
        """Change a setting, and return the value that the board applies.

        Raises:
            DisturbedError: another client has changed the board, which has no count of changes.
        """
        if not self._counts and self._known is not None and self.changed():
            raise self.disturbed()
        self._settings.apply(header, number(value).decode())
        self._follow()
        return read_number(self._settings.applied(header))

    def _follow(self) -> None:
        """Take a change of our own for known, on a board that has no count of those of others."""
        if not self._counts and self._known is not None:
            self._known = self._state()

    def _release(self) -> tuple[bytes, ...]:
        return (RELEASE,) if self._counts else ()

    def _preparations(self) -> tuple[bytes, ...]:
        if self._prepared:
            return ()
        sequence = (UNLOAD,) if "SEQ" in self._board.capabilities else ()
        return (_IMMEDIATE, *sequence, *BINARY, _OUTPUT_ON)

    def _state(self) -> int | dict[str, bytes]:
        counted = (CHANGES,) if self._counts else ()
        *count, events = self._session.exchange(*counted, _EVENTS).elements
        self._take_events(events)
        return self._count(count[0]) if self._counts else self._settings.watched()

    def _count(self, answer: Element) -> int:
        """Read the count of changes by others; one that went backwards began anew."""
        count = read_integer(text_of(answer))
        if isinstance(self._known, int) and count < self._known:
            self._switched_on = True
            self.require_same_link()
        return count

    def _take_events(self, answer: Element) -> None:
        """Note that the board was switched on, unless this is what was found on a new link."""
        if self._known is not None and read_integer(text_of(answer)) & _POWER_ON:
            self._switched_on = True

    def disturbed(self) -> DisturbedError:
        """Make the error of a change by another client."""
        return DisturbedError(
            wanted(
                got=f"{self._session.resource} changed by another client",
                allowed="a board that only this program changes",
                remedy="find out what has changed, then read again",
            )
        )
