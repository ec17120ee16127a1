"""File of a store with what was learned of a board's noise: replaced whole, checked whenever it is read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from crosscal.core.durable_file import replace_file
from crosscal.core.errors import StoreError, wanted
from crosscal.runtime.store.database import NO_ROOM_ERRORS, full

_NAME = "noise.npz"
_UNFINISHED = ".unfinished"


class NoiseFile:
    """The file of one store; its first line names a matrix and the SHA-256 of all that follows.

    Args:
        store: its folder.
    """

    def __init__(self, store: Path) -> None:
        self._store, self._path = store, store / _NAME

    @property
    def size_bytes(self) -> int:
        """Room that it takes."""
        return self._path.stat().st_size if self._path.exists() else 0

    def write(self, matrix: str, content: bytes) -> None:
        """Replace the file.

        Raises:
            StoreFullError: no room. StoreError: it cannot be written. Either way the last one stays.
        """
        head = f"{matrix} {hashlib.sha256(content).hexdigest()}\n".encode()
        try:
            replace_file(self._path, head + content, beside=self._path.with_suffix(_UNFINISHED))
        except OSError as error:
            if error.errno in NO_ROOM_ERRORS:
                raise full(self._store) from error
            raise StoreError(
                wanted(
                    got=f"{self._path} that cannot be written ({error.strerror})",
                    allowed="a store that its daemon may write",
                    remedy="check the folder, its owner and its rights",
                )
            ) from error

    def remove(self) -> None:
        """Remove the file, if there is one.

        Raises:
            StoreError: it cannot be removed.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"got {self._path} that cannot be removed ({error.strerror})") from error

    def read(self, matrix: str) -> bytes | None:
        """Read the content for a matrix; None if the file is of another one, or there is none.

        Raises:
            StoreError: it is damaged.
        """
        try:
            head, _, content = self._path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"got {self._path} that cannot be read ({error.strerror})") from error
        named, _, sha256 = head.decode("latin-1").partition(" ")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoreError(
                wanted(
                    got=f"a damaged file {self._path}",
                    allowed="the file as it was written",
                    remedy="remove it: the noise of the board is learned anew",
                )
            )
        return content if named == matrix else None
