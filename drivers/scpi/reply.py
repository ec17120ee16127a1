"""Reader of reply lines as they arrive: text and blocks, joined by `;`, ended by a newline."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from crosscal.core.errors import BoardError, BoardTimeoutError, wanted
from crosscal.drivers.scpi.format import excerpt, garbled

_TEXT_LIMIT = 1 << 16
"""More text than this in one answer, where no more was asked for, is no SCPI."""
_HASH, _NEWLINE, _ZERO = ord("#"), ord("\n"), ord("0")
_ENDS = frozenset(b";\n")
_PLAIN = re.compile(rb'([^"#;\n]*)[;\n]')
_TEXT = re.compile(rb'([^";\n]*(?:"[^"\n]*"[^";\n]*)*)[;\n]')
_MARK = re.compile(rb'[";\n]')


@dataclass(frozen=True, slots=True)
class Block:
    """The bytes of a definite-length block; answers without one are plain `bytes`."""

    payload: bytes


Element = bytes | Block


def text_of(element: Element) -> bytes:
    """The text of an answer that is to be no block.

    Raises:
        BoardError: it is one.
    """
    if isinstance(element, Block):
        raise garbled(got=f"a block of {len(element.payload)} bytes", allowed="text")
    return element


class ReplyReader:
    """Reads one reply line; newlines, semicolons and quotes inside blocks mean nothing.

    Args:
        receive: gives at least one more byte; its argument is how many are certain to come, None if unknown.
        most_bytes: the longest single answer that can have been asked for.
        begun: bytes of the reply that have come already.
    """

    def __init__(
        self, receive: Callable[[int | None], bytes], *, most_bytes: int = 0, begun: bytes = b""
    ) -> None:
        self._receive = receive
        self._most_bytes = max(most_bytes, _TEXT_LIMIT)
        self._buffer = bytearray(begun)
        self._position = 0

    def read(self) -> list[Element]:
        """Read up to the newline.

        Raises:
            BoardError: this is no reply: a wrong block length, or bytes after the end.
        """
        # Most replies come whole.
        self._need(1, None)
        whole = _whole_reply(bytes(self._buffer), self._most_bytes)
        if whole is not None:
            return whole
        elements: list[Element] = []
        ended = False
        while not ended:
            elements.append(self._block() if self._peek() == _HASH else self._text())
            ended = self._buffer[self._position] == _NEWLINE
            self._position += 1
        if self._position != len(self._buffer):
            rest = bytes(self._buffer[self._position :])
            raise garbled(got=f"{excerpt(rest)} after the end of a reply", allowed="one line")
        return elements

    def _peek(self) -> int:
        self._need(1, None)
        return self._buffer[self._position]

    def _take(self, count: int) -> bytes:
        self._need(count, None)
        taken = bytes(self._buffer[self._position : self._position + count])
        self._position += count
        return taken

    def _need(self, count: int, certain: int | None) -> None:
        while (missing := self._position + count - len(self._buffer)) > 0:
            self._buffer += self._receive(None if certain is None else missing + certain)

    def _block(self) -> Block:
        digits = bytes(self._take(2)[1:])
        length = self._take(int(digits)) if digits.isdigit() and digits != b"0" else b""
        if not length.isdigit() or int(length) > self._most_bytes:
            raise BoardError(
                wanted(
                    got=f"the block header {excerpt(b'#' + digits + length)}",
                    allowed=f"#<digits><length> with at most {self._most_bytes} bytes",
                    remedy="the reply is garbled: repeat the call",
                )
            )
        # At least the separator or the newline is certain to follow the block.
        try:
            self._need(int(length), 1)
        except BoardTimeoutError as error:
            come = len(self._buffer) - self._position
            raise BoardTimeoutError(f"got {come} of {int(length)} bytes of a block; {error}") from error
        payload = self._take(int(length))
        if self._peek() not in _ENDS:
            raise garbled(
                got=f"a block longer than the {int(length)} bytes of its header", allowed="that length"
            )
        return Block(payload)

    def _text(self) -> bytes:
        """Take up to the next separator outside quotes; the separator stays."""
        if plain := _PLAIN.match(self._buffer, self._position):
            self._position = plain.end() - 1
            return plain[1].strip()
        at, quoted = self._position, False
        while True:
            while mark := _MARK.search(self._buffer, at):
                at = mark.end()
                if mark[0] == b'"':
                    quoted = not quoted
                elif mark[0] == b"\n" or not quoted:
                    text = bytes(self._buffer[self._position : mark.start()])
                    self._position = mark.start()
                    return text.strip()
            at = len(self._buffer)
            if at - self._position > self._most_bytes:
                raise garbled(got="an endless line", allowed=f"{self._most_bytes} bytes of text")
            self._buffer += self._receive(None)


def _whole_reply(data: bytes, most_bytes: int) -> list[Element] | None:
    """Read a reply that is all there; None of one that is not, or that is none."""
    elements: list[Element] = []
    at, last = 0, len(data) - 1
    if data[last] != _NEWLINE:
        return None
    while at <= last:
        if data[at] == _HASH:
            start = at + 2 + data[at + 1 : at + 2].isdigit() * (data[at + 1] - _ZERO)
            length = data[at + 2 : start]
            if not length.isdigit() or int(length) > min(most_bytes, last - start):
                return None
            at = start + int(length)
            elements.append(Block(data[start:at]))
            if data[at] not in _ENDS:
                return None
        else:
            text = _TEXT.match(data, at)
            if text is None:
                return None
            elements.append(text[1].strip())
            at = text.end() - 1
        if data[at] == _NEWLINE:
            return elements if at == last else None
        at += 1
    return None
