"""Part of a file that differs from another file: all between their common beginning and their common end."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Self

import numpy as np

_MOST_BYTES = 1 << 30
"""Of a decompressed part: a few bytes of a damaged file must not fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Content of a file, given another.

    Attributes:
        whole_sha256: names the other file.
        first, last: bytes that both begin with, and that both end with.
        between: all others of this file.
    """

    whole_sha256: str
    first: int
    last: int
    between: bytes

    @classmethod
    def of(cls, content: bytes, whole_sha256: str, whole: bytes) -> Self:
        """Compare a file with another."""
        first = _alike(content, whole)
        # Counted from the end, in what is left of both.
        last = _alike(content[first:][::-1], whole[first:][::-1])
        between = content[first : len(content) - last]
        return cls(whole_sha256=whole_sha256, first=first, last=last, between=between)

    def encoded(self) -> bytes:
        """Return a line that says what it is, and the compressed bytes."""
        head = {"whole": self.whole_sha256, "first": self.first, "last": self.last}
        return json.dumps(head).encode() + b"\n" + zlib.compress(self.between, 6)

    @classmethod
    def decoded(cls, stored: bytes) -> Self:
        """Read what `encoded` returned.

        Raises:
            ValueError, zlib.error: it is something else.
        """
        line, _, rest = stored.partition(b"\n")
        head = json.loads(line)
        if not isinstance(head, dict) or not isinstance(head.get("whole"), str):
            raise ValueError("no part of a file")
        first, last = head.get("first"), head.get("last")
        if not (isinstance(first, int) and isinstance(last, int) and min(first, last) >= 0):
            raise ValueError("no part of a file")
        unpacker = zlib.decompressobj()
        between = unpacker.decompress(rest, _MOST_BYTES)
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("no whole part of a file")
        return cls(whole_sha256=head["whole"], first=first, last=last, between=between)

    def joined(self, whole: bytes) -> bytes:
        """Return the file."""
        return whole[: self.first] + self.between + whole[len(whole) - min(self.last, len(whole)) :]


def _alike(one: bytes, other: bytes) -> int:
    """Number of bytes that both begin with."""
    count = min(len(one), len(other))
    different = np.frombuffer(one, np.uint8, count) != np.frombuffer(other, np.uint8, count)
    return int(np.argmax(different)) if different.any() else count
