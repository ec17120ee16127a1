"""Lock on a serial port: the operating system lets two programs open one port and mix their bytes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from crosscal.core.errors import BoardConnectionError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCKED_BYTE = 1 << 20
"""Far behind the text, so that Windows, where locks are mandatory, still lets others read who holds it."""


class PortLock:
    """Holds a port for this process until released; the operating system releases it if the process dies.

    Args:
        port: the port's name; all names of one device (links to it) share one lock.
        folder: where the lock file lies; the same for all programs. The system's temporary folder if None.

    Raises:
        BoardConnectionError: another Board holds the port.
    """

    def __init__(self, port: str, *, folder: Path | None = None) -> None:
        device = os.path.realpath(port) if os.path.sep in port else port.upper()
        digest = hashlib.sha256(device.encode()).hexdigest()[:12]
        path = (folder or Path(tempfile.gettempdir())) / f"crosscal-{Path(device).name}-{digest}.lock"
        self._file = _open_shared(path)
        try:
            _lock(self._file)
        except OSError as error:
            holder = _holder(self._file)
            os.close(self._file)
            raise BoardConnectionError(
                f"{port} is held by another program{holder}; allowed: one program at a time; close the other "
                "one"
            ) from error
        # Only to tell others who it is: a file that belongs to another user may be lockable but not writable.
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others have the port; releasing twice is no error."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _open_shared(path: Path) -> int:
    """Open a file that any user may lock, also one that another user made."""
    # In a folder that all users share, a link laid there by another must not be followed.
    plain = getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, os.O_RDWR | plain)
    except PermissionError:
        return os.open(path, os.O_RDONLY | plain)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | plain, 0o666)
        if sys.platform != "win32":
            # The process's umask would keep other users out.
            os.fchmod(descriptor, 0o666)
    return descriptor


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(descriptor: int) -> str:
    with contextlib.suppress(OSError, ValueError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        return f" (process {int(os.read(descriptor, 20))})"
    return ""
