"""Files that are replaced whole: at any kill or power cut the old content or the new one is there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace_file(target: Path, content: bytes | memoryview, *, beside: Path) -> None:
    """Write a file, on the disk when this returns.

    Args:
        target: the file.
        content: all of it.
        beside: another name in the same folder, for the first write; gone after any error.

    Raises:
        OSError: it cannot be written; `target` is as it was.
    """
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
