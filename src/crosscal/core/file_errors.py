"""Errors of the file system: their numbers, and a remedy for each."""

from __future__ import annotations

import errno
import os
import re

_NO_SPACE = "free some space, or choose a folder on another disk"
_NOT_WRITABLE = "choose a folder that can be written"
_WRITING = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), or write less",
    errno.EACCES: _NOT_WRITABLE,
    errno.EPERM: _NOT_WRITABLE,
    errno.EROFS: _NOT_WRITABLE,
    errno.ENOENT: "choose a folder that exists",
    errno.ENOTDIR: "choose a folder that exists",
    errno.EISDIR: "give the name of a file",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOLCK: "this file system has no file locking: set HDF5_USE_FILE_LOCKING=FALSE in the environment "
    "if no other program uses the file, or choose another folder",
    errno.EAGAIN: "another program has the file open: wait for its end",
}
_READING = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "give the name of a file",
    errno.EACCES: "ask for the right to read it",
    errno.EPERM: "ask for the right to read it",
    errno.ENOLCK: _WRITING[errno.ENOLCK],
    errno.EAGAIN: _WRITING[errno.EAGAIN],
}


def remedy_of(number: int | None, *, writing: bool) -> str:
    """Tell how to get past an error of the file system, by its number."""
    table, otherwise = (_WRITING, "choose another folder") if writing else (_READING, "check the file")
    return table.get(number or 0, otherwise)


def hdf5_error(error: Exception) -> tuple[int | None, str]:
    """Find the system's error number in an error of HDF5, and its text; HDF5 has it in the message alone."""
    number = getattr(error, "errno", None)
    found = re.search(r"errno = (\d+)", str(error))
    if found is not None:
        number = int(found[1])
    return number, str(error) if number is None else os.strerror(number)
