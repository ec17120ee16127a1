"""Files of committed calibrations: named by their SHA-256, written once, checked whenever they are read.

A recalibration changes a tenth of a calibrator file. So the first one is stored whole (`.onnx`), and those
that differ little from it as what is different (`.part`).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from crosscal.core.durable_file import replace_file, sync_folder
from crosscal.core.errors import StoreError, wanted
from crosscal.runtime.store.database import NO_ROOM_ERRORS, full
from crosscal.runtime.store.file_part import Part

_FOLDER = "calibrations"
_WHOLE, _PART = ".onnx", ".part"
_UNFINISHED = ".unfinished"
_WORTH = 0.5
"""Size of what differs, relative to the whole, below which it is stored alone."""


class CalibrationFiles:
    """The files of one store.

    Args:
        store: its folder.
    """

    def __init__(self, store: Path) -> None:
        self._store, self._folder = store, store / _FOLDER
        self._whole: tuple[str, bytes] | None = None
        self._written: tuple[str, bytes] | None = None

    def create(self) -> None:
        """Make their folder."""
        self._folder.mkdir(exist_ok=True)
        sync_folder(self._store)

    @property
    def size_bytes(self) -> int:
        """Room that all of them take."""
        return sum(path.stat().st_size for path in self._folder.glob("*")) if self._folder.exists() else 0

    def write(self, content: bytes) -> str:
        """Write a file, on the disk when this returns, and give its name; one that is there is kept.

        Raises:
            StoreFullError: no room. StoreError: it cannot be written. Either way nothing is left behind.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        if self._is_whole(sha256):
            return sha256
        part = self._part_of(content)
        target = self._path_of(sha256, _WHOLE if part is None else _PART)
        try:
            replace_file(target, part or content, beside=target.with_suffix(_UNFINISHED))
        except OSError as error:
            if error.errno in NO_ROOM_ERRORS:
                raise full(self._store) from error
            raise StoreError(
                wanted(
                    got=f"{target} that cannot be written ({error.strerror})",
                    allowed="a store that its daemon may write",
                    remedy="check the folder, its owner and its rights",
                )
            ) from error
        self._written = (sha256, content) if part is None else None
        return sha256

    def committed(self, sha256: str) -> None:
        """Take a file for committed: it stays, so that others may be stored as what differs from it."""
        if self._written is not None and self._written[0] == sha256:
            self._whole, self._written = self._written, None

    def read(self, sha256: str) -> bytes:
        """Read a file and check its content against its name.

        Raises:
            StoreError: it is gone or damaged.
        """
        path = self._path_of(sha256, _PART)
        if not path.exists():
            return self._read_whole(sha256)
        try:
            part = Part.decoded(path.read_bytes())
            content = part.joined(self._read_whole(part.whole_sha256))
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from error
        except (ValueError, zlib.error) as error:
            raise _damaged(path, "it is not as it was written") from error
        return _checked(content, sha256, path)

    def remove_all_but(self, kept: Iterable[str]) -> None:
        """Remove what a writer that was killed left behind: files that no commit names."""
        names = set(kept)
        wholes = []
        for path in self._folder.iterdir():
            committed = path.stem in names and path.suffix in (_WHOLE, _PART)
            if not committed and path.suffix in (_WHOLE, _PART, _UNFINISHED):
                _forget(path)
            elif path.suffix == _WHOLE:
                wholes.append(path)
        newest = max(wholes, key=lambda path: path.stat().st_mtime, default=None)
        if newest is not None:
            with suppress(StoreError):
                self._whole = newest.stem, self._read_whole(newest.stem)

    def _path_of(self, sha256: str, suffix: str) -> Path:
        return self._folder / f"{sha256}{suffix}"

    def _read_whole(self, sha256: str) -> bytes:
        path = self._path_of(sha256, _WHOLE)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from error
        return _checked(content, sha256, path)

    def _is_whole(self, sha256: str) -> bool:
        """Whether a file is there and as it was written; one that is damaged is written again."""
        try:
            self.read(sha256)
        except StoreError:
            return False
        return True

    def _part_of(self, content: bytes) -> bytes | None:
        """What differs from the latest whole file; None if that is most of it, or there is none."""
        if self._whole is None:
            return None
        part = Part.of(content, *self._whole).encoded()
        return part if len(part) < _WORTH * len(content) else None


def _checked(content: bytes, sha256: str, path: Path) -> bytes:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(path, "its content does not have the SHA-256 that names it")
    return content


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
