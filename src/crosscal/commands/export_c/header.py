"""From a calibrator's file and a matrix to the text of a header."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import numpy as np

from crosscal.commands.export_c.constants import body_of
from crosscal.commands.export_c.probes import probes_of
from crosscal.core.array_types import Matrix
from crosscal.firmware_models.c_calibrator import Facts, render
from crosscal.front_door import load_calibrator
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.file_format.recalibration_record import target_digest


def header_text(
    path: Path,
    conductance_s: Matrix,
    *,
    name: str,
    fixed_point: bool = False,
    self_test: bool = False,
    read_back_s: Matrix | None = None,
) -> str:
    """Program a calibrator and write it in C.

    Args:
        path: the calibrator's file.
        conductance_s: the target matrix [S], (N, M).
        name: beginning of the names in the header.
        fixed_point: weights and activations of 16 bits.
        self_test: whether probes come along.
        read_back_s: what the board measured of its cells [S], (N, M); None if it was not asked.

    Raises:
        CalibratorFileError: the file cannot be used.
        InputError: a matrix out of range, a calibrator that does not fold, or a name that is no C identifier.
    """
    calibrator = load_calibrator(path)
    described = {
        "calibrator": f"{path.name}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}",
        "recalibrated": "no"
        if calibrator.recalibration is None
        else f"{len(calibrator.recalibration.history)} times",
    }
    programmed = calibrator.program(conductance_s, read_back_s=read_back_s)
    return programmed_header(
        programmed, name=name, fixed_point=fixed_point, self_test=self_test, described=described
    )


def programmed_header(
    programmed: ProgrammedCalibrator,
    *,
    name: str,
    fixed_point: bool = False,
    self_test: bool = False,
    described: dict[str, str] | None = None,
) -> str:
    """Write a programmed calibrator in C; `described`: further lines for the header's comment."""
    body = body_of(programmed, fixed_point=fixed_point)
    rows, columns = programmed.shape
    lines = {
        **(described or {}),
        "matrix": f"SHA-256 {target_digest(programmed.conductance_s)} of its shape and float32",
        "crosscal": version("crosscal"),
    }
    if programmed.voltage_range_v is not None:
        low_v, high_v = programmed.voltage_range_v
        lines["inputs"] = f"{low_v:.4g} V to {high_v:.4g} V were trained on"
    facts = Facts(
        name=name,
        kind=programmed.kind,
        rows=rows,
        columns=columns,
        limit_a=float(np.float64(programmed.limit_a)),
        described=lines,
        probes=probes_of(programmed, body.relative_tolerance) if self_test else None,
    )
    return render(facts, body)
