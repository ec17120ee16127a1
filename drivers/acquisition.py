"""Vectors in, currents and status bits out: as sequences where the board has them, else vector by vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import BoardError, ReadingError
from crosscal.core.readout import Readout
from crosscal.drivers.arrays import array_command, ask_array
from crosscal.drivers.error_queue import Condition
from crosscal.drivers.nameplate import Nameplate
from crosscal.drivers.scpi_format import excerpt, read_integer, read_list
from crosscal.drivers.session import Session
from crosscal.drivers.waiting import MEASURING, WAITING_FOR_TRIGGER, Pace, run_to_end

AT_ONCE = b":TRIG:SOUR IMM"
START = (b":OUTP ON", b":INIT")
APERTURE, AVERAGES, AUTO = b":SENS:CURR:APER?", b":SENS:AVER:COUN?", b":SENS:CURR:RANG:AUTO?"
RANGE = b":SENS:CURR:RANG?"
DWELL, LOADED, MEASURED = b":SOUR:SEQ:DWEL?", b":SOUR:SEQ:POIN?", b":TRAC:POIN:ACT?"

_PIECE_NUMBERS = 1 << 15
"""Numbers pulled in one message: 256 KiB."""
_PATIENCE_S = 30.0
"""A simulated board may compute for long what a real one measures at once."""
_BEYOND_RANGE = 1.001
"""A saturated column answers the full scale, rounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReadout(Readout):
    """A `Readout` with what the board queued about the acquisition.

    Attributes:
        conditions: such as over-temperature or a hardware fault; saturation shows in the status bits too.
    """

    conditions: tuple[Condition, ...] = ()

    def require_usable(self) -> np.ndarray:
        """Return the currents, or refuse; besides the status bits, the board's own complaints count.

        Raises:
            ReadingError: readings are over range or missing, or the board complained about the acquisition.
        """
        currents = Readout.require_usable(self)
        if self.conditions:
            raise ReadingError(
                f"got {', '.join(map(str, self.conditions))} from the board about this acquisition; allowed: an "
                "acquisition without complaints; mend the cause, or call read() to get the currents with their "
                "status bits"
            )
        return currents


def acquire(session: Session, board: Nameplate, vectors: np.ndarray, pace: Pace) -> BoardReadout:
    """Apply vectors and read all columns of each; hold the session's lock.

    Args:
        session: the conversation.
        board: the board's facts.
        vectors: checked voltages [V], (B, N).
        pace: clock and sleep.
    """
    run = _sequence if "SEQ" in board.capabilities else _vector
    parts = [run(session, board, part, pace) for part in _parts(vectors, board.sequence_most)]
    if len(parts) == 1:
        return parts[0]
    return BoardReadout(
        current_a=np.concatenate([part.current_a for part in parts]),
        status=np.concatenate([part.status for part in parts]),
        # With automatic ranging the parts may differ: the largest bounds them all.
        range_a=max(part.range_a for part in parts),
        conditions=tuple(dict.fromkeys(c for part in parts for c in part.conditions)),
    )


def reading_s(session: Session, board: Nameplate) -> float:
    """How long the board takes for one vector with its settings as they are now [s]."""
    answer = session.exchange(APERTURE, AVERAGES, AUTO, *([DWELL] if "SEQ" in board.capabilities else []))
    return _vector_s(board, answer.elements)


def _parts(vectors: np.ndarray, most: int) -> Iterator[np.ndarray]:
    for first in range(0, len(vectors), most):
        yield vectors[first : first + most]


def _sequence(session: Session, board: Nameplate, vectors: np.ndarray, pace: Pace) -> BoardReadout:
    """One sequence: load, run, pull in pieces, unload."""
    load = array_command(b":SOUR:SEQ:DATA", vectors)
    answer = session.exchange(AT_ONCE, *load, LOADED, APERTURE, AVERAGES, AUTO, DWELL)
    _require_count(session, answer.elements[0], len(vectors), "loaded")
    each_s = _vector_s(board, answer.elements[1:])
    conditions = run_to_end(
        session,
        START,
        MEASURING | WAITING_FOR_TRIGGER,
        pace=pace,
        allowance_s=2 * each_s * len(vectors),
        progress=MEASURED,
        patience_s=_PATIENCE_S + 10 * each_s,
    )
    pieces = []
    per_piece = max(1, _PIECE_NUMBERS // board.columns)
    for first in range(0, len(vectors), per_piece):
        count = min(per_piece, len(vectors) - first)
        last = first + count == len(vectors)
        where = b" %d,%d" % (first + 1, count)
        currents, bits, answer = ask_array(
            session,
            b":TRAC:DATA?" + where,
            count * board.columns,
            status=b":TRAC:STAT?" + where,
            before=(MEASURED, RANGE),
            after=(b":SOUR:SEQ:CLE",) if last else (),
        )
        _require_count(session, answer.elements[0], len(vectors), "measured")
        pieces.append((currents, bits))
    return _readout(
        np.concatenate([currents for currents, _ in pieces]),
        np.concatenate([bits for _, bits in pieces]),
        _number(answer.elements[1]),
        board,
        conditions,
    )


def _vector(session: Session, board: Nameplate, vector: np.ndarray, pace: Pace) -> BoardReadout:
    """One vector on a board without sequences."""
    load = array_command(b":SOUR:VOLT:LIST", vector)
    answer = session.exchange(AT_ONCE, *load, APERTURE, AVERAGES, AUTO)
    each_s = _vector_s(board, answer.elements)
    conditions = run_to_end(
        session,
        START,
        MEASURING | WAITING_FOR_TRIGGER,
        pace=pace,
        allowance_s=2 * each_s,
        patience_s=_PATIENCE_S + 10 * each_s,
    )
    currents, bits, answer = ask_array(
        session, b":FETC?", board.columns, status=b":FETC:STAT?", before=(RANGE,)
    )
    return _readout(currents, bits, _number(answer.elements[0]), board, conditions)


def _vector_s(board: Nameplate, answers: tuple) -> float:
    """Time of one vector from aperture, averages, automatic ranging and, where there is one, dwell [s]."""
    aperture_s, averages, auto, *dwell = (_number(answer) for answer in answers)
    settle_s = max([board.settling_s, *dwell])
    tries = 1 + len(board.ranges_a) if auto else 1
    return tries * (settle_s + aperture_s * averages)


def _readout(
    currents: np.ndarray,
    bits: np.ndarray | None,
    range_a: float,
    board: Nameplate,
    conditions: list[Condition],
) -> BoardReadout:
    most_a = _BEYOND_RANGE * max(range_a, *board.ranges_a)
    if (np.abs(currents[np.isfinite(currents)]) > most_a).any():
        raise BoardError(
            f"got currents up to {np.nanmax(np.abs(currents)):.3g} A; allowed: {most_a:.3g} A, the board's largest "
            "range; the reply was garbled on the way: repeat the call"
        )
    shape = (-1, board.columns)
    return BoardReadout(
        current_a=currents.reshape(shape),
        status=np.zeros_like(currents, np.uint8).reshape(shape) if bits is None else bits.reshape(shape),
        range_a=range_a,
        conditions=tuple(dict.fromkeys(conditions)),
    )


def _require_count(session: Session, answer: object, count: int, what: str) -> None:
    found = read_integer(answer) if isinstance(answer, bytes) else -1
    if found != count:
        raise BoardError(
            f"{session.resource}: got {found} vectors {what}; allowed: {count}, as sent; another client uses the board "
            "at the same time, or the reply is garbled: let one program at a time measure, and repeat the call"
        )


def _number(answer: object) -> float:
    if not isinstance(answer, bytes):
        raise BoardError(
            f"got a block where a number was asked for ({excerpt(bytes(str(answer), 'latin-1'))})"
        )
    return float(read_list(answer, 1)[0])
