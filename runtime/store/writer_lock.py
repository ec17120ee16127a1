"""Lock of a store's one writer: held by the daemon, given back by the system when it ends in any way."""

from __future__ import annotations

import os
from pathlib import Path

from crosscal.core.errors import StoreBusyError, wanted

_NAME = "writer.lock"


class WriterLock:
    """The right to write a store; taken on construction.

    Args:
        folder: the store.

    Raises:
        StoreBusyError: another process has it.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | _CLOSED_IN_CHILDREN, 0o644)
        try:
            _lock(self._descriptor)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise StoreBusyError(
                wanted(
                    got=f"the store {folder}, which process {holder or 'unknown'} is writing",
                    allowed="one daemon for each store",
                    remedy="end the other daemon, or give this one a store of its own",
                )
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let another process write."""
        os.close(self._descriptor)


# A child must not keep the lock; each system has one of the two flags.
_CLOSED_IN_CHILDREN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)

try:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # Windows
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
