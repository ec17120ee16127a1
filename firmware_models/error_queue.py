"""Error queue: first in, first out; when full, its newest entry says that something was lost."""

from __future__ import annotations

from collections import deque

from crosscal.firmware_models.scpi_errors import QUEUE_OVERFLOW, TEXTS

CAPACITY = 32
"""The contract asks for 20 at least."""
_DETAIL_LIMIT = 200
"""Characters; SCPI-1999 (21.8.2) allows 255 together with the error's own text."""
_EMPTY = '0,"No error"'


class ErrorQueue:
    """Errors in the form of answers to `SYSTem:ERRor?`."""

    def __init__(self) -> None:
        self._entries: deque[str] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, code: int, detail: str = "") -> bool:
        """Add an error; in a full queue the newest entry becomes -350, and the answer is False."""
        if len(self._entries) >= CAPACITY:
            self._entries[-1] = _entry(QUEUE_OVERFLOW)
            return False
        self._entries.append(_entry(code, detail))
        return True

    def pop(self) -> str:
        """Take the oldest error; `0,"No error"` if there is none."""
        return self._entries.popleft() if self._entries else _EMPTY

    def pop_all(self) -> str:
        """Take all errors, oldest first, separated by commas."""
        everything = ",".join(self._entries) or _EMPTY
        self._entries.clear()
        return everything

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def _entry(code: int, detail: str = "") -> str:
    # SCPI-1999, 21.8.1: at most 255 characters; the string's own quotes are doubled.
    printable = "".join(c if c.isprintable() and c.isascii() else "?" for c in detail)[:_DETAIL_LIMIT]
    text = f"{TEXTS[code]};{printable}" if printable else TEXTS[code]
    return f'{code},"{text.replace(chr(34), chr(34) * 2)}"'
