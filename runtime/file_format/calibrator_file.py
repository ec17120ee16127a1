"""Content of `calibrator.onnx`: a model between an entry that names the format and a seal."""

from __future__ import annotations

import hashlib
import os
from os import PathLike
from pathlib import Path
from uuid import uuid4

from crosscal.core.durable_file import replace_file
from crosscal.core.errors import CalibratorFileError, InputError
from crosscal.core.file_content import ONNX, UNKNOWN, describe_bytes
from crosscal.runtime.file_format.metadata import FORMAT, CalibratorMetadata
from crosscal.runtime.file_format.protobuf import metadata_entry

# The format's name comes first, so that a file cut off anywhere is still known for what it was.
_OPENING = metadata_entry("format", FORMAT)
_DIGEST = hashlib.sha256().hexdigest()
_SEAL_BYTES = len(metadata_entry("sha256", _DIGEST))
_SEAL_OPENING = metadata_entry("sha256", _DIGEST)[: -len(_DIGEST)]


def seal_calibrator(model: bytes, metadata: CalibratorMetadata) -> bytes:
    """Return `model` with its metadata and a digest over everything: the content of a calibrator file.

    Raises:
        InputError: the model is a calibrator file already: its old entries would stay beside the new ones.
    """
    if model.startswith(_OPENING):
        raise InputError(
            "got a calibrator file as the model; allowed: the bare ONNX model that it was made from"
        )
    entries = metadata.to_properties()
    del entries["format"]
    content = _OPENING + model + b"".join(metadata_entry(key, value) for key, value in entries.items())
    return content + _seal(content)


def write_calibrator_bytes(path: str | PathLike[str], content: bytes) -> None:
    """Write a file; at any kill the old file or the whole new one is there.

    Raises:
        CalibratorFileError: it cannot be written.
    """
    target = Path(path)
    try:
        beside = target.with_name(f".{target.name}.{uuid4().hex}.unfinished")
        replace_file(target, content, beside=beside)
    except OSError as error:
        raise CalibratorFileError(
            f"{target} cannot be written ({error.strerror}); choose a folder with room in it"
        ) from error


def read_calibrator_bytes(path: str | PathLike[str]) -> bytes:
    """Read a file whole.

    Raises:
        CalibratorFileError: it cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CalibratorFileError(
            f"{os.fspath(path)} cannot be read ({error.strerror}); give the path of a calibrator.onnx"
        ) from error
    kind = describe_bytes(content)
    if content and kind not in (ONNX, UNKNOWN):
        raise CalibratorFileError(
            f"{os.fspath(path)} is {kind}, no calibrator.onnx; give the file that crosscal train wrote"
        )
    return content


def is_sealed(content: bytes) -> bool:
    """Whether this is a calibrator file of ours, whole and unchanged.

    Returns:
        True for one of ours, False for a file that neither begins nor ends as ours do.

    Raises:
        CalibratorFileError: it begins or ends as ours do, but was cut off or changed.
    """
    # Either end gives it away: damage to one of them must not make a foreign model, trusted unseen, of it.
    ends_sealed = content[-_SEAL_BYTES:].startswith(_SEAL_OPENING)
    if not content.startswith(_OPENING) and not ends_sealed:
        return False
    if not content.startswith(_OPENING) or content[-_SEAL_BYTES:] != _seal(content[:-_SEAL_BYTES]):
        raise CalibratorFileError(
            "it is damaged: cut off, changed since it was exported, or another program has saved it again; "
            "restore it from a copy"
        )
    return True


def _seal(content: bytes) -> bytes:
    return metadata_entry("sha256", hashlib.sha256(content).hexdigest())
