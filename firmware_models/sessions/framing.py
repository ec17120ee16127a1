"""Framing of a byte stream into program messages; a newline inside a block ends nothing."""

from __future__ import annotations

import re

MESSAGE_LIMIT = 1 << 26
"""Bytes of one message that a board buffers; a longer one is thrown away and reported."""

_SPECIAL = re.compile(rb"[\r\n\"'#]")
_STRING_END = {quote: re.compile(rb"[\r\n" + quote + rb"]") for quote in (b'"', b"'")}
_BLOCK_LENGTH = re.compile(rb"#([1-9])([0-9]+)")


class Framing:
    """Input buffer of a link: bytes in, whole messages out.

    Whatever the chunking, the same bytes give the same messages: a place once scanned is never scanned again,
    and the scan stops wherever later bytes could still change its meaning.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._block_end: int | None = None
        self._quote = b""
        self._overflowed = False

    def feed(self, data: bytes) -> None:
        """Take bytes as they arrive."""
        self._buffer += data

    def clear(self) -> None:
        """Drop bytes that have not become a message."""
        self._buffer.clear()
        self._scanned = 0
        self._block_end = None
        self._quote = b""
        self._overflowed = False

    @property
    def inside_block(self) -> bool:
        """Whether a block has begun and has not all arrived."""
        if self._block_end is not None:
            return True
        return not self._quote and self._buffer[self._scanned : self._scanned + 1] == b"#"

    def take_overflow(self) -> bool:
        """Whether a message too long to buffer was thrown away since the last call."""
        overflowed, self._overflowed = self._overflowed, False
        return overflowed

    def next_message(self) -> bytes | None:
        """Take the next whole message without its CR or LF; None until one is whole."""
        end = self._find_end()
        if end is None:
            if len(self._buffer) > MESSAGE_LIMIT:
                self.clear()
                self._overflowed = True
            return None
        return self._take(end, end + 1)

    def end_message(self) -> bytes | None:
        """Take all that is left as a message: the link says that it ends here. None if nothing is left."""
        if not self._buffer:
            return None
        return self._take(len(self._buffer), len(self._buffer))

    def _take(self, end: int, next_start: int) -> bytes:
        message = bytes(self._buffer[:end])
        del self._buffer[:next_start]
        self._scanned = 0
        self._block_end = None
        self._quote = b""
        return message

    def _find_end(self) -> int | None:
        """Find the CR or LF that ends the first message (decision 22); None until it has arrived."""
        while True:
            if self._block_end is not None:
                if len(self._buffer) < self._block_end:
                    return None
                self._scanned, self._block_end = self._block_end, None
            wanted = _STRING_END[self._quote] if self._quote else _SPECIAL
            found = wanted.search(self._buffer, self._scanned)
            if found is None:
                self._scanned = len(self._buffer)
                return None
            at, byte = found.start(), found.group()
            if byte in b"\r\n":
                # Inside a string, too: one that it cuts is no string, but a syntax error for the parser.
                return at
            if byte != b"#":
                self._quote, self._scanned = b"" if self._quote else byte, at + 1
                continue
            after = self._after_block_header(at)
            if after is None:
                self._scanned = at
                return None
            self._scanned = after

    def _after_block_header(self, at: int) -> int | None:
        """Index behind `#<d><length>`, having noted where the block ends; `#H1F` and broken headers pass."""
        head = self._buffer[at : at + 2]
        if len(head) < 2:
            return None
        if head[1:2] not in b"123456789":
            return at + 1
        digits = self._buffer[at + 2 : at + 2 + int(head[1:2])]
        if len(digits) < int(head[1:2]):
            return at + 1 if digits and not digits.isdigit() else None
        if not digits.isdigit():
            return at + 1
        start = at + 2 + len(digits)
        self._block_end = start + int(digits)
        return start


def block_span(message: bytes, at: int) -> tuple[int, int] | None:
    """Find start and end of the bytes of the block with its `#` at index `at`; None if it is broken."""
    found = _BLOCK_LENGTH.match(message, at)
    if found is None or len(found.group(2)) < int(found.group(1)):
        return None
    start = at + 2 + int(found.group(1))
    end = start + int(message[at + 2 : start])
    return (start, end) if end <= len(message) else None
