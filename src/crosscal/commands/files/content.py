"""Kind of a file by its first bytes, whatever its name."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

_SIGNATURES = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a .npy file"),
    (b"PK\x03\x04", "a .npz archive"),
    (b"MATLAB 5.0 MAT-file", "a .mat file"),
    # Protocol buffers: field 1 as a number, the version of ONNX's format.
    (b"\x08", "an ONNX file"),
)
_LONGEST = 4096


def describe_content(path: str | PathLike[str]) -> str:
    """Name the kind of a file: one of the formats known here, `text`, or `neither text nor a known format`.

    Raises:
        OSError: it cannot be opened.
    """
    with Path(path).open("rb") as file:
        start = file.read(_LONGEST)
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    marked = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    # Text of no common encoding has zero bytes, but for UTF-16, which is marked.
    return "text" if marked or b"\0" not in start else "neither text nor a known format"
