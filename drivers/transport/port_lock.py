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
        self._path = (folder or Path(tempfile.gettempdir())) / f"crosscal-{Path(device).name}-{digest}.lock"
        self._process = os.getpid()
        self._file = _locked(self._path, port)
        # Only to tell others who it is: a file that belongs to another user may be lockable but not writable.
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, f"{self._process}\n".encode())

    def release(self) -> None:
        """Let others have the port, and remove the file; releasing twice is no error."""
        if self._file < 0:
            return
        # A fork has the file open, but the lock is its parent's. Windows removes no file that is open.
        if os.getpid() == self._process and sys.platform != "win32" and _is_at(self._path, self._file):
            # While the lock is held: whoever has opened this file meanwhile finds that it is gone.
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._file)
        self._file = -1


def _locked(path: Path, port: str) -> int:
    """Open and lock the file of a port.

    Raises:
        BoardConnectionError: another Board holds the port.
    """
    while True:
        descriptor = _open_shared(path)
        try:
            _lock(descriptor)
        except OSError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise BoardConnectionError(
                f"{port} is held by another program{holder}; allowed: one program at a time; close the other "
                "one"
            ) from error
        if sys.platform == "win32" or _is_at(path, descriptor):
            return descriptor
        # Its holder removed it after it was opened here: a lock on it would keep nobody out.
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether a file that is open is still the one of this name."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _open_shared(path: Path) -> int:
    """Open a file that any user may lock, also one that another user made."""
    # In a folder that all users share, a link laid there by another must not be followed.
    plain = getattr(os, "O_NOFOLLOW", 0)
    while True:
        try:
            return os.open(path, os.O_RDWR | plain)
        except PermissionError:
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, os.O_RDONLY | plain)
        except FileNotFoundError:
            # Made by another program meanwhile, it is opened as one that was there.
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | plain, 0o666)
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
