"""Parser of a program message into its units: a header and its parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.firmware_models.sessions.framing import block_span

# IEEE 488.2, 7.4.1.2: white space is every control character and the space, the newline excepted.
_WHITE = bytes([*range(10), *range(11, 33)])
_HEADER = re.compile(rb"(\*[A-Za-z]+|:?[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*)(\??)")
_START = rb"[\x00-\x09\x0b-\x20]*(\*[A-Za-z]+|:?[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*)(\??)"
# The shortest ways through the parser: units with neither strings nor blocks, and with a block at first. The
# parameters begin with no white space: white space that either part could take is tried in all divisions.
_PLAIN_UNIT = re.compile(
    _START + rb"(?:[\x00-\x09\x0b-\x20]+([^\x00-\x09\x0b-\x20;\"'#][^;\"'#]*)?)?(?:;|\Z)"
)
_BLOCK_UNIT = re.compile(_START + rb"[\x00-\x09\x0b-\x20]+(?=#[1-9])")
_SPECIAL = re.compile(rb"[;,\"'#]")


@dataclass(frozen=True, slots=True)
class Block:
    """The bytes of a definite-length block."""

    data: bytes


class Unit(NamedTuple):
    """One command or query.

    Attributes:
        header: in capitals, without the question mark; with a leading colon if it was sent with one.
        query: whether it asks.
        parameters: text as sent, or a block.
    """

    header: str
    query: bool
    parameters: list[str | Block]


def units(message: bytes) -> Iterator[Unit]:
    """Parse one unit after another, so that those before a syntax error are still executed.

    Raises:
        ScpiFault: -102 or -161, at the unit at fault.
    """
    at = 0
    while True:
        while (plain := _PLAIN_UNIT.match(message, at)) is not None:
            header, asks, text = plain.groups()
            yield Unit(header.decode().upper(), asks == b"?", _split_plain(text) if text else [])
            at = plain.end()
        if (array := _BLOCK_UNIT.match(message, at)) is not None:
            span = block_span(message, array.end())
            if span is not None and message[span[1] : span[1] + 1] in (b"", b";"):
                yield Unit(array[1].decode().upper(), array[2] == b"?", [Block(message[slice(*span)])])
                at = span[1] + 1
                continue
        at = _skip_white(message, at)
        if at >= len(message):
            return
        if message[at : at + 1] == b";":
            at += 1
            continue
        header, query, at = _header(message, at)
        parameters, at = _parameters(message, at)
        yield Unit(header, query, parameters)
        at += 1


def _skip_white(message: bytes, at: int) -> int:
    while at < len(message) and message[at] in _WHITE:
        at += 1
    return at


def _header(message: bytes, at: int) -> tuple[str, bool, int]:
    found = _HEADER.match(message, at)
    if found is None:
        raise ScpiFault(-102, f"no header at {_excerpt(message, at)}")
    end = found.end()
    if end < len(message) and message[end] not in _WHITE and message[end : end + 1] != b";":
        raise ScpiFault(-102, f"unexpected character in {_excerpt(message, at)}")
    return found.group(1).decode().upper(), found.group(2) == b"?", end


def _parameters(message: bytes, at: int) -> tuple[list[str | Block], int]:
    """Parse the parameters from `at` on; return them and the index of the `;` or the end."""
    at = _skip_white(message, at)
    parameters: list[str | Block] = []
    while True:
        parameter, at = _parameter(message, at)
        parameters.append(parameter)
        at = _skip_white(message, at)
        if at >= len(message) or message[at : at + 1] == b";":
            return parameters, at
        if message[at : at + 1] != b",":
            raise ScpiFault(-102, f"expected a comma at {_excerpt(message, at)}")
        at = _skip_white(message, at + 1)


def _split_plain(text: bytes) -> list[str | Block]:
    """Split parameters that hold neither strings nor blocks: the way of long comma lists."""
    if not text.strip(_WHITE):
        return []
    parts = [part.strip() for part in text.decode("latin-1").split(",")]
    if "" in parts:
        raise ScpiFault(-102, "a parameter between commas is empty")
    return list(parts)


def _parameter(message: bytes, at: int) -> tuple[str | Block, int]:
    first = message[at : at + 1]
    if first == b"#" and message[at + 1 : at + 2].isdigit():
        span = block_span(message, at)
        if span is None:
            raise ScpiFault(
                -161, f"a block header is broken or its data incomplete at {_excerpt(message, at)}"
            )
        return Block(message[span[0] : span[1]]), span[1]
    if first in (b'"', b"'"):
        close = message.find(first, at + 1)
        if close < 0:
            raise ScpiFault(-102, "a string has no end")
        return message[at : close + 1].decode("latin-1"), close + 1
    found = _SPECIAL.search(message, at + 1)
    end = len(message) if found is None else found.start()
    text = message[at:end].decode("latin-1").strip()
    if not text or first in (b",", b";"):
        raise ScpiFault(-102, "a parameter between commas is empty")
    return text, end


def _excerpt(message: bytes, at: int) -> str:
    return message[at : at + 20].decode("latin-1")
