"""The bytes of a transcript: escapes and blocks, where a reply ends, and whether it says the same."""

from __future__ import annotations

import math
import re
import struct

ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", "\\": b"\\"}
TOKEN = re.compile(r"\\x(?P<hex>[0-9a-f]{2})|\\(?P<escape>.)|\{(?P<code>[<>][fd])(?: (?P<numbers>[^}]*))?\}")
BLOCK_HEADER = re.compile(rb"#(?P<digits>[1-9])")
INTEGER = re.compile(rb"[+-]?\d+")
# Quoted strings are one field; separators are kept, so that `1;2` is not `1,2`.
FIELD = re.compile(rb'(?:"(?:[^"]|"")*"|[^,;"])+|[,;]')


def encode(text: str) -> bytes:
    """Resolve the escapes and blocks of a line."""
    encoded, end = bytearray(), 0
    for token in TOKEN.finditer(text):
        encoded += text[end : token.start()].encode("ascii")
        end = token.end()
        if token["hex"]:
            encoded.append(int(token["hex"], 16))
        elif token["escape"]:
            encoded += ESCAPES[token["escape"]]
        else:
            numbers = parse_numbers(token["numbers"] or "")
            encoded += block(struct.pack(f"{token['code'][0]}{len(numbers)}{token['code'][1]}", *numbers))
    return bytes(encoded + text[end:].encode("ascii"))


def block(payload: bytes) -> bytes:
    """Frame a definite-length block."""
    length = str(len(payload)).encode("ascii")
    return b"#" + str(len(length)).encode("ascii") + length + payload


def parse_numbers(text: str) -> list[float]:
    """Parse `1.5,0.25*3`."""
    numbers: list[float] = []
    for field in filter(None, text.split(",")):
        value, _, count = field.partition("*")
        numbers += [float(value)] * int(count or 1)
    return numbers


def reply_length(received: bytes | bytearray) -> int | None:
    """Find where the first reply ends, its newline included; None while it is not all there.

    A definite-length block is stepped over, for it may hold newlines.
    """
    position = 0
    in_string = False
    while position < len(received):
        byte = received[position]
        if byte == ord("\n"):
            return position + 1
        if byte == ord('"'):
            in_string = not in_string
        elif byte == ord("#") and not in_string:
            header = BLOCK_HEADER.match(received, position)
            if header is not None:
                digits = int(header["digits"])
                length = received[header.end() : header.end() + digits]
                if len(length) < digits:
                    return None
                if length.isdigit():
                    position = header.end() + digits + int(length)
                    continue
        position += 1
    return None


def difference(expected: str, got: bytes, tolerance: float) -> str | None:
    """Say how a reply (without its newline) differs from that of a transcript; None if it does not."""
    token = TOKEN.fullmatch(expected)
    if token and token["code"]:
        return _block_difference(token["code"], parse_numbers(token["numbers"] or ""), got, tolerance)
    wanted, found = FIELD.findall(encode(expected)), FIELD.findall(got)
    if len(wanted) != len(found):
        return f"{len(found)} fields and separators instead of {len(wanted)}"
    for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
        if not _same_field(one, other, tolerance):
            return f"{other!r} instead of {one!r} (field {number // 2 + 1}, tolerance {tolerance:g})"
    return None


def _block_difference(code: str, numbers: list[float], got: bytes, tolerance: float) -> str | None:
    expected = block(struct.pack(f"{code[0]}{len(numbers)}{code[1]}", *numbers))
    payload = len(numbers) * struct.calcsize(code[1])
    header = expected[: len(expected) - payload]
    if len(got) != len(expected) or not got.startswith(header):
        return f"{len(got)} bytes that begin {got[:12]!r} instead of {len(expected)} that begin {header!r}"
    found = struct.unpack(f"{code[0]}{len(numbers)}{code[1]}", got[len(header) :])
    # A single cannot be nearer than its own step.
    tolerance = max(tolerance, 1e-7) if code[1] == "f" else tolerance
    for number, (one, other) in enumerate(zip(numbers, found, strict=True)):
        if not _same_number(one, other, tolerance):
            return f"{other!r} instead of {one!r} (value {number + 1}, tolerance {tolerance:g})"
    return None


def _same_field(one: bytes, other: bytes, tolerance: float) -> bool:
    if INTEGER.fullmatch(one):
        return INTEGER.fullmatch(other) is not None and int(one) == int(other)
    try:
        return _same_number(float(one), float(other), tolerance)
    except ValueError:
        return one == other


def _same_number(one: float, other: float, tolerance: float) -> bool:
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=0.0)
