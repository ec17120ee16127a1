"""Calibrator files that are written only after they have been loaded again and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from crosscal.core.errors import CalibratorFileError
from crosscal.runtime.calibrator import Calibrator
from crosscal.runtime.file_format.calibrator_file import seal_calibrator, write_calibrator_bytes
from crosscal.runtime.file_format.metadata import CalibratorMetadata
from crosscal.runtime.file_format.protobuf import split_metadata
from crosscal.runtime.file_format.recalibration_record import RecalibrationRecord, target_digest
from crosscal.runtime.programmed import ProgrammedCalibrator

_TRIALS = 5  # currents, over the range trained on: any shows another graph
_REMEMBERED = 100
"""Recalibrations in a file's history: a daemon makes thousands, and its store has them all."""
_SAME = 1e-6
"""Relative: a second run on the same machine differs by the order of sums alone."""


def write_calibrator(path: str | PathLike[str], model: bytes, metadata: CalibratorMetadata) -> None:
    """Write a calibrator file; at any kill the old file or the whole new one is there.

    Args:
        path: the file, replaced if it exists.
        model: serialised ONNX model with the documented inputs and output, without external data.
        metadata: statements of the file about itself.

    Raises:
        CalibratorFileError: the file cannot be written, or does not load again (`Calibrator.load` says why).
    """
    content = seal_calibrator(model, metadata)
    Calibrator.from_bytes(content, origin=f"the model for {os.fspath(path)}")
    write_calibrator_bytes(path, content)


def write_recalibrated(
    path: str | PathLike[str],
    source: str | PathLike[str],
    programmed: ProgrammedCalibrator,
    *,
    facts: Mapping[str, Any],
) -> None:
    """Write the calibrator file `source` once more, with the posterior of `programmed`.

    The graph and the probes stay; plain onnxruntime runs them as before. The posterior is an entry of the
    metadata, and `Calibrator.program` applies it.

    Args:
        path: the file, replaced if it exists; it may be `source`. At any kill the old file or the whole new
            one is there.
        source: the calibrator file that `programmed` came from.
        programmed: recalibrated.
        facts: entry of this recalibration in the history, plain JSON values.

    Raises:
        CalibratorFileError: the source is no calibrator file of ours, the new file cannot be written, or,
            loaded again, does not answer as `programmed` does.
    """
    recalibrated = recalibrated_calibrator(
        Calibrator.load(source), programmed, facts=facts, origin=os.fspath(source)
    )
    write_calibrator_bytes(path, recalibrated.content)


def recalibrated_calibrator(
    source: Calibrator, programmed: ProgrammedCalibrator, *, facts: Mapping[str, Any], origin: str
) -> Calibrator:
    """Return a calibrator with what `programmed` has learned, in a content of its own, checked.

    The graph is the one that `source` has open, and is not opened again.

    Args:
        source: the calibrator that `programmed` came from.
        programmed: recalibrated.
        facts: entry of this recalibration in the history, plain JSON values; the latest hundred are kept.
        origin: names `source` in errors.

    Raises:
        CalibratorFileError: see `write_recalibrated`.
    """
    if source.metadata is None:
        raise CalibratorFileError(
            f"{origin} is no calibrator file of crosscal, and has no place for the posterior; "
            "train one (crosscal train)"
        )
    metadata = source.metadata
    before = () if metadata.recalibration is None else metadata.recalibration.history
    record = RecalibrationRecord(
        target_sha256=target_digest(programmed.conductance_s),
        posterior=programmed.posterior,
        history=(*before, facts)[-_REMEMBERED:],
    )
    model, _ = split_metadata(source.content)
    content = seal_calibrator(model, replace(metadata, recalibration=record))
    renewed = source.with_metadata_of(content, origin=f"the recalibrated {origin}")
    again = renewed.program(programmed.conductance_s, allow_extrapolation=True)
    current_a = np.linspace(*metadata.current_range_a, _TRIALS)[:, None] * np.ones(metadata.columns)
    answers_a = [one(current_a, allow_extrapolation=True) for one in (again, programmed)]
    if not np.allclose(*answers_a, rtol=_SAME, atol=0.0):
        raise CalibratorFileError(
            f"{origin} is not the file that the recalibrated calibrator came from; give that one"
        )
    return renewed
