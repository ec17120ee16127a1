"""Reads and writes `calibrator.onnx`: a model between an entry that names the format and a seal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from crosscal.core.errors import CalibratorFileError, InputError
from crosscal.core.file_content import ONNX, UNKNOWN, describe_bytes
from crosscal.runtime.file_format.metadata import FORMAT, CalibratorMetadata
from crosscal.runtime.file_format.protobuf import metadata_entry, split_metadata
from crosscal.runtime.file_format.recalibration_record import RecalibrationRecord, target_digest

if TYPE_CHECKING:
    from crosscal.runtime.programmed import ProgrammedCalibrator

# The format's name comes first, so that a file cut off anywhere is still known for what it was.
_OPENING = metadata_entry("format", FORMAT)
_DIGEST = hashlib.sha256().hexdigest()
_SEAL_BYTES = len(metadata_entry("sha256", _DIGEST))
_SEAL_OPENING = metadata_entry("sha256", _DIGEST)[: -len(_DIGEST)]

_TRIALS = 5
_SAME = 1e-6
"""Relative: what runs again on the same machine is the same but for the order of sums."""


def seal_calibrator(model: bytes, metadata: CalibratorMetadata) -> bytes:
    """Return `model` with its metadata and a digest over everything: the content of a calibrator file.

    Raises:
        InputError: the model is a calibrator file already, whose old entries would stay beside the new ones.
    """
    if model.startswith(_OPENING):
        raise InputError(
            "got a calibrator file as the model; allowed: the bare ONNX model that it was made from"
        )
    entries = metadata.to_properties()
    del entries["format"]
    content = _OPENING + model + b"".join(metadata_entry(key, value) for key, value in entries.items())
    return content + _seal(content)


def write_calibrator(path: str | PathLike[str], model: bytes, metadata: CalibratorMetadata) -> None:
    """Write a calibrator file; at any kill the old file or the whole new one is there.

    Args:
        path: the file, replaced if it exists.
        model: serialised ONNX model with the documented inputs and output, without external data.
        metadata: what the file is to say of itself.

    Raises:
        CalibratorFileError: the file cannot be written, or does not load again (`Calibrator.load` says why).
    """
    from crosscal.runtime.calibrator import Calibrator

    content = seal_calibrator(model, metadata)
    Calibrator.from_bytes(content, origin=f"the model for {os.fspath(path)}")
    _write(Path(path), content)


def _write(target: Path, content: bytes) -> None:
    try:
        _replace(target, content)
    except OSError as error:
        raise CalibratorFileError(
            f"{target} cannot be written ({error.strerror}); choose a folder with room in it"
        ) from error


def write_recalibrated(
    path: str | PathLike[str],
    source: str | PathLike[str],
    programmed: ProgrammedCalibrator,
    *,
    facts: Mapping[str, Any],
) -> None:
    """Write the calibrator file `source` once more, with what `programmed` has learned since.

    The graph and the probes stay; plain onnxruntime runs them as before. What was learned is an entry of the
    metadata, which `Calibrator.program` applies.

    Args:
        path: the file, replaced if it exists; it may be `source`. At any kill the old file or the whole new
            one is there.
        source: the calibrator file that `programmed` came from.
        programmed: recalibrated.
        facts: what the history is to say of this recalibration, plain JSON values.

    Raises:
        CalibratorFileError: the source is no calibrator file of ours, the new file cannot be written, or,
            loaded again, does not answer as `programmed` does.
    """
    from crosscal.runtime.calibrator import Calibrator

    content = read_calibrator_bytes(source)
    if not is_sealed(content):
        raise CalibratorFileError(
            f"{os.fspath(source)} is no calibrator file of crosscal, and has no place for the posterior; "
            "train one (crosscal train)"
        )
    model, properties = split_metadata(content)
    metadata = CalibratorMetadata.from_properties(properties)
    before = () if metadata.recalibration is None else metadata.recalibration.history
    record = RecalibrationRecord(
        target_sha256=target_digest(programmed.conductance_s),
        posterior=programmed.posterior,
        history=(*before, facts),
    )
    content = seal_calibrator(model, replace(metadata, recalibration=record))
    again = Calibrator.from_bytes(content, origin=f"the recalibrated {os.fspath(source)}").program(
        programmed.conductance_s, allow_extrapolation=True
    )
    current_a = np.linspace(*metadata.current_range_a, _TRIALS)[:, None] * np.ones(metadata.columns)
    answers_a = [one(current_a, allow_extrapolation=True) for one in (again, programmed)]
    if not np.allclose(*answers_a, rtol=_SAME, atol=0.0):
        raise CalibratorFileError(
            f"{os.fspath(source)} is not the file that the recalibrated calibrator came from; give that one"
        )
    _write(Path(path), content)


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


def _replace(target: Path, content: bytes) -> None:
    unfinished = target.with_name(f".{target.name}.{uuid4().hex}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
