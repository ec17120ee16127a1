"""Acquisition of currents and status bits: by sequences where the board has them, else vector by vector."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from crosscal.core.errors import BoardError, ImplausibleCurrentError, ScpiError, wanted
from crosscal.drivers.board_info import BoardInfo
from crosscal.drivers.board_readout import BoardReadout
from crosscal.drivers.inputs import require_protected
from crosscal.drivers.scpi.arrays import array_command, ask_readings
from crosscal.drivers.scpi.error_queue import NO_RESULT, Condition, failures_explained
from crosscal.drivers.scpi.format import read_integer, read_number
from crosscal.drivers.scpi.polling import MEASURING, WAITING_FOR_TRIGGER, Clock, run_until_idle
from crosscal.drivers.scpi.reply import Element, text_of
from crosscal.drivers.scpi.session import Session

START = (b":TRIG:SOUR IMM", b":OUTP ON", b":INIT")
ABORT = b":ABOR"
APERTURE, AVERAGES, AUTO = b":SENS:CURR:APER?", b":SENS:AVER:COUN?", b":SENS:CURR:RANG:AUTO?"
PROTECTION, RANGE = b":SOUR:VOLT:PROT?", b":SENS:CURR:RANG?"
DWELL, LOADED, MEASURED = b":SOUR:SEQ:DWEL?", b":SOUR:SEQ:POIN?", b":TRAC:POIN:ACT?"
UNLOAD = b":SOUR:SEQ:CLE"

_LOAD_NUMBERS = 1 << 20
"""Most numbers sent in one message, 8 MiB, whatever a sequence may hold."""
_PIECE_NUMBERS, _PIECE_S = 1 << 15, 2.0
"""Most numbers pulled in one message, and how long it should take on a slow line [s]."""
_BYTES_PER_READING = 10
"""Eight for the current, two for its status."""
_PATIENCE_S = 30.0
"""A simulated board may compute for long what a real one measures at once."""
_BEYOND_RANGE = 1.001
"""A saturated column answers the full scale, rounded."""


def acquire(session: Session, board: BoardInfo, vectors: np.ndarray, clock: Clock) -> BoardReadout:
    """Apply vectors and read all columns of each; hold the session's lock.

    Args:
        session: the conversation.
        board: the board's facts.
        vectors: voltages [V], (B, N), of the right shape and finite.
        clock: clock and sleep.

    Raises:
        RangeError: voltages beyond the protection; nothing but a question was sent.
    """
    protection, *timing = session.exchange(PROTECTION, *_timing(board)).elements
    require_protected(vectors, read_number(text_of(protection)))
    each_s = _reading_s(board, timing)
    run = _sequence if "SEQ" in board.capabilities else _vector
    most = min(board.sequence_most, max(1, _LOAD_NUMBERS // board.rows))
    parts = [run(session, board, part, each_s, clock) for part in _parts(vectors, most)]
    return parts[0] if len(parts) == 1 else BoardReadout.joined(parts)


def reading_s(session: Session, board: BoardInfo) -> float:
    """How long the board takes for one vector with its settings as they are now [s]."""
    return _reading_s(board, session.exchange(*_timing(board)).elements)


def _timing(board: BoardInfo) -> tuple[bytes, ...]:
    return (APERTURE, AVERAGES, AUTO, *((DWELL,) if "SEQ" in board.capabilities else ()))


def _parts(vectors: np.ndarray, most: int) -> Iterator[np.ndarray]:
    for first in range(0, len(vectors), most):
        yield vectors[first : first + most]


def _sequence(
    session: Session, board: BoardInfo, vectors: np.ndarray, each_s: float, clock: Clock
) -> BoardReadout:
    """One sequence: load, run, pull, unload."""
    answer = session.exchange(*array_command(b":SOUR:SEQ:DATA", vectors), LOADED)
    _require_count(answer.elements[0], len(vectors), "loaded")
    conditions = _run(session, each_s, len(vectors), clock, progress=MEASURED)
    try:
        with failures_explained(conditions):
            return _pull(session, board, len(vectors), conditions)
    except ScpiError as error:
        if error.code in NO_RESULT:
            _require_count(session.exchange(MEASURED).elements[0], len(vectors), "measured")
        raise


def _pull(session: Session, board: BoardInfo, count: int, conditions: list[Condition]) -> BoardReadout:
    """Results of a sequence, in pieces."""
    currents = np.empty((count, board.columns))
    status = np.empty((count, board.columns), np.uint8)
    range_a = 0.0
    numbers = min(_PIECE_NUMBERS, int(_PIECE_S * session.link.bytes_per_s / _BYTES_PER_READING))
    per_piece = max(1, numbers // board.columns)
    for first in range(0, count, per_piece):
        piece = slice(first, min(first + per_piece, count))
        where = b" %d,%d" % (piece.start + 1, piece.stop - piece.start)
        values, bits, (measured, used) = ask_readings(
            session,
            b":TRAC:DATA?" + where,
            b":TRAC:STAT?" + where,
            (piece.stop - piece.start) * board.columns,
            before=(MEASURED, RANGE),
            after=(UNLOAD,) if piece.stop == count else (),
        )
        _require_count(measured, count, "measured")
        range_a = read_number(text_of(used))
        currents[piece] = values.reshape(-1, board.columns)
        status[piece] = bits.reshape(-1, board.columns)
    return _readout(currents, status, range_a, board, conditions)


def _vector(
    session: Session, board: BoardInfo, vector: np.ndarray, each_s: float, clock: Clock
) -> BoardReadout:
    """One vector on a board without sequences."""
    session.exchange(*array_command(b":SOUR:VOLT:LIST", vector))
    conditions = _run(session, each_s, 1, clock)
    with failures_explained(conditions):
        currents, status, (used,) = ask_readings(
            session, b":FETC?", b":FETC:STAT?", board.columns, before=(RANGE,), after=()
        )
    range_a = read_number(text_of(used))
    return _readout(currents[np.newaxis], status[np.newaxis], range_a, board, conditions)


def _run(
    session: Session, each_s: float, count: int, clock: Clock, *, progress: bytes | None = None
) -> list[Condition]:
    return run_until_idle(
        session,
        START,
        MEASURING | WAITING_FOR_TRIGGER,
        clock=clock,
        allowance_s=2 * each_s * count,
        progress=progress,
        patience_s=_PATIENCE_S + 10 * each_s,
    )


def _reading_s(board: BoardInfo, timing: list[Element] | tuple[Element, ...]) -> float:
    """Time of one vector from aperture, averages, automatic ranging and, where there is one, dwell [s]."""
    aperture_s, averages, auto, *dwell = (read_number(text_of(element)) for element in timing)
    tries = 1 + len(board.ranges_a) if auto else 1
    return tries * (max([board.settling_s, *dwell]) + aperture_s * averages)


def _readout(
    currents: np.ndarray, status: np.ndarray, range_a: float, board: BoardInfo, conditions: list[Condition]
) -> BoardReadout:
    require_within_ranges(currents, range_a, board)
    return BoardReadout(
        current_a=currents, status=status, range_a=range_a, conditions=tuple(dict.fromkeys(conditions))
    )


def plausible_most_a(range_a: float, board: BoardInfo) -> float:
    """Tell the largest magnitude [A] that a current can have, with a range of such a full scale set."""
    return _BEYOND_RANGE * max(range_a, board.ranges_a[-1])


def require_within_ranges(currents: np.ndarray, range_a: float, board: BoardInfo) -> None:
    """Refuse currents that no range of the board holds.

    Raises:
        ImplausibleCurrentError: bits of the reply were altered, or it is in another unit.
    """
    most_a = plausible_most_a(range_a, board)
    # Nothing but this check notices bits that flipped inside a block: SCPI has no checksum.
    if currents.size and currents.max() <= most_a and currents.min() >= -most_a:
        return
    if (np.abs(currents[np.isfinite(currents)]) > most_a).any():
        raise ImplausibleCurrentError(float(np.nanmax(np.abs(currents))), most_a)


def _require_count(element: Element, count: int, what: str) -> None:
    found = read_integer(text_of(element))
    if found != count:
        raise BoardError(
            wanted(
                got=f"{found} vectors {what}",
                allowed=f"{count}, as sent",
                remedy="another client measures at the same time, or switched the outputs off: let one "
                "program at a time use the board, and repeat the call",
            )
        )
