"""Text that people and their programs saved: UTF-8, with a byte-order mark or without, or UTF-16 with one."""

from __future__ import annotations

import codecs
from os import PathLike
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, for its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: str | PathLike[str]) -> str:
    """Read a text file; spreadsheets and editors on Windows put a byte-order mark in front.

    Raises:
        OSError: it cannot be opened.
        UnicodeDecodeError: it is no text.
    """
    content = Path(path).read_bytes()
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
