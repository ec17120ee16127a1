"""Read of one vector as it goes nearly every time: a message and a reply of fixed forms."""

from __future__ import annotations

import numpy as np

from crosscal.drivers.acquisition import plausible_most_a
from crosscal.drivers.board_info import BoardInfo
from crosscal.drivers.board_readout import BoardReadout
from crosscal.drivers.scpi.error_queue import NO_ERROR
from crosscal.drivers.scpi.format import BLOCK_TYPE, block
from crosscal.drivers.scpi.message import Message

_VECTOR = b"vector"


class UsualRead:
    """Message and usual reply of a read: no error, no status bit, no change by others.

    Anything else, such as numbers that boards write otherwise, is not this reply, and is read as any is.

    Args:
        board: the facts of the board.
        header: of the vector.
        queries: currents, status bits and count of changes.
    """

    def __init__(self, board: BoardInfo, header: bytes, queries: tuple[bytes, ...]) -> None:
        self._board = board
        self._header = header
        self._queries = queries
        self._before, _, self._after = Message((_VECTOR, *queries)).encode().partition(_VECTOR)
        nothing, size = block(np.zeros(board.columns)), board.columns * BLOCK_TYPE.itemsize
        self._head = NO_ERROR + b";" + nothing[:-size]
        self._length = len(self._head) + size
        self._status = b";" + nothing + b";"
        self._expected = -1, 0.0
        self._most_a = 0.0
        self._tail = b""
        self._status_bits = np.zeros((1, board.columns), np.uint8)
        self._status_bits.flags.writeable = False

    def units(self, vector: bytes) -> tuple[bytes, ...]:
        """Units of the message that reads a vector, as a block."""
        return (self._header + b" " + vector, *self._queries)

    def encoded(self, vector: bytes, *, known_changes: int, range_a: float) -> bytes:
        """Message of the same.

        Args:
            vector: as a block.
            known_changes: by others; the usual reply tells of no more.
            range_a: full scale that is set [A]; the usual reply has no currents beyond all ranges.
        """
        if (known_changes, range_a) != self._expected:
            self._expected = known_changes, range_a
            self._most_a = plausible_most_a(range_a, self._board)
            self._tail = self._status + b"%d;" % known_changes + NO_ERROR + b"\n"
        return b"%s%s %s%s" % (self._before, self._header, vector, self._after)

    def fits(self, reply: bytes) -> bool:
        """Whether bytes are the usual reply to the latest message."""
        if len(reply) != self._length + len(self._tail):
            return False
        if not (reply.startswith(self._head) and reply.endswith(self._tail)):
            return False
        currents = self._currents(reply)
        # Of numbers that are none both comparisons are false.
        return bool(currents.max() <= self._most_a and currents.min() >= -self._most_a)

    def readout(self, reply: bytes) -> BoardReadout:
        """Read a reply that fits."""
        current_a = self._currents(reply).astype(np.float64).reshape(1, -1)
        return BoardReadout(current_a=current_a, status=self._status_bits, range_a=self._expected[1])

    def _currents(self, reply: bytes) -> np.ndarray:
        return np.frombuffer(reply, BLOCK_TYPE, self._board.columns, len(self._head))
