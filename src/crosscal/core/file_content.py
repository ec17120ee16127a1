"""Kind of a file by its first bytes, whatever its name."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

HDF5 = "an HDF5 file"
NETCDF = "a NetCDF file"
NUMPY = "a .npy file"
ONNX = "an ONNX file"
TEXT = "text"
UNKNOWN = "neither text nor a known format"

_SIGNATURES = (
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"\x93NUMPY", NUMPY),
    (b"CDF\x01", NETCDF),
    (b"CDF\x02", NETCDF),
    (b"PK\x03\x04", "a .npz archive"),
    (b"MATLAB 5.0 MAT-file", "a .mat file"),
    (b"MATLAB 7.3 MAT-file", "a .mat file"),
    # Protocol buffers: field 1 as a number, the version of ONNX's format; ours begin with field 14, metadata.
    (b"\x08", ONNX),
    (b"r\x1d\n\x06format\x12\x13crosscal-calibrator", ONNX),
)
_LOOKED_AT = 4096
"""Bytes: a binary file without a zero byte in as many is rare."""


def describe_content(path: str | PathLike[str]) -> str:
    """Name the kind of a file.

    Raises:
        OSError: it cannot be opened.
    """
    with Path(path).open("rb") as file:
        return describe_bytes(file.read(_LOOKED_AT))


def describe_bytes(content: bytes) -> str:
    """Name the kind of a file with this beginning."""
    start = content[:_LOOKED_AT]
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    marked = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    return TEXT if marked or _is_utf8(start) else UNKNOWN


def _is_utf8(start: bytes) -> bool:
    """Tell whether bytes are UTF-8 without zeros; a character that is cut off at the end does no harm."""
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return b"\0" not in start and error.start > len(start) - 4 and len(start) == _LOOKED_AT
    return b"\0" not in start
