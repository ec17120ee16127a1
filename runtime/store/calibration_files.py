"""Files of committed calibrations: named by their SHA-256, written once, checked whenever they are read."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable
from pathlib import Path

from crosscal.core.durable_file import replace_file, sync_folder
from crosscal.core.errors import StoreError, wanted
from crosscal.runtime.store.database import full

_FOLDER = "calibrations"
_SUFFIX = ".onnx"
_UNFINISHED = ".unfinished"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class CalibrationFiles:
    """The files of one store.

    Args:
        store: its folder.
    """

    def __init__(self, store: Path) -> None:
        self._store, self._folder = store, store / _FOLDER

    def create(self) -> None:
        """Make their folder."""
        self._folder.mkdir(exist_ok=True)
        sync_folder(self._store)

    def path_of(self, sha256: str) -> Path:
        """Path of the file with this content."""
        return self._folder / f"{sha256}{_SUFFIX}"

    def write(self, content: bytes) -> str:
        """Write a file, on the disk when this returns, and give its name; one that is there is kept.

        Raises:
            StoreFullError: no room. StoreError: it cannot be written. Either way nothing is left behind.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path_of(sha256)
        if target.exists() and self._digest(target) == sha256:
            return sha256
        try:
            replace_file(target, content, beside=target.with_suffix(_UNFINISHED))
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise full(self._store) from error
            raise StoreError(
                wanted(
                    got=f"{target} that cannot be written ({error.strerror})",
                    allowed="a store that its daemon may write",
                    remedy="check the folder, its owner and its rights",
                )
            ) from error
        return sha256

    def read(self, sha256: str) -> bytes:
        """Read a file and check its content against its name.

        Raises:
            StoreError: it is gone or damaged.
        """
        path = self.path_of(sha256)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _damaged(path, "its content does not have the SHA-256 that names it")
        return content

    def remove_all_but(self, kept: Iterable[str]) -> None:
        """Remove what a writer that was killed left behind: files that no commit names."""
        names = {self.path_of(sha256).name for sha256 in kept}
        for path in self._folder.iterdir():
            if path.name not in names and path.suffix in (_SUFFIX, _UNFINISHED):
                _forget(path)

    @staticmethod
    def _digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        wanted(
            got=f"a calibration {path} that cannot be read ({why})",
            allowed="the file as it was committed",
            remedy="restore it from a copy, or go back to another version (crosscal rollback)",
        )
    )


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # Removed when the store is opened the next time.
        return
