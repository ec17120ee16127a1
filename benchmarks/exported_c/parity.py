"""Largest difference between exported C and plain onnxruntime: a part of `benchmarks/export_c.py`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
from exported_c.host import Library
from exported_c.subjects import ALLOWED, KINDS, Shape, Subjects, measured
from rich.table import Table

from crosscal.commands.export_c.header import programmed_header
from crosscal.firmware_models.c_calibrator import cortex_m4
from crosscal.runtime import ProgrammedCalibrator

_FORMS = [*((kind, False) for kind in KINDS), ("affine", True), ("concatsquash", True)]
_ON_BOARD = (2, 10)


def measure_parity(subjects: Subjects, shapes: Sequence[Shape], arguments: argparse.Namespace) -> Table:
    """Compare, and tabulate the largest difference in parts of the largest current."""
    counts = arguments.matrices, arguments.vectors
    table = Table(
        title=f"Largest difference from ONNX, of the largest current: {counts[0]} matrices × {counts[1]} "
        f"vectors, on the Cortex-M4 {_ON_BOARD[0]} × {_ON_BOARD[1]}"
    )
    for heading in ("array", "kind", "arithmetic", "allowed", "this machine", "refused", "Cortex-M4"):
        table.add_column(heading, justify="right")
    for shape, (kind, fixed_point) in product(shapes, _FORMS):
        host, refused = _difference(subjects, kind, shape, fixed_point, counts, on_board=False)
        emulated = not cortex_m4.missing_tools()
        board = (
            _difference(subjects, kind, shape, fixed_point, _ON_BOARD, on_board=True)[0] if emulated else None
        )
        allowed = 1e-4 if fixed_point else ALLOWED[kind]
        row = [f"{shape[0]} × {shape[1]}", kind, "Q15" if fixed_point else "float32", f"{allowed:.0e}"]
        row += [f"{host:.1e}", f"{refused}", "not installed" if board is None else f"{board:.1e}"]
        print("  ".join(row), flush=True)
        table.add_row(*row)
    return table


def _difference(
    subjects: Subjects, kind: str, shape: Shape, fixed_point: bool, counts: tuple[int, int], *, on_board: bool
) -> tuple[float, int]:
    """Largest difference, and how many readings were refused."""
    calibrator, options = subjects.calibrator(kind, shape), onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(subjects.path(kind, shape), options)
    data = measured(shape, *counts, np.random.default_rng([3, *shape]))
    worst, refused = 0.0, 0
    for matrix_s, row_a in zip(data.conductance_s, data.current_a, strict=True):
        current_a = row_a.astype(np.float32)
        given = {"conductance": matrix_s.astype(np.float32), "current": current_a}
        expected_a = session.run(["calibrated"], given)[0]
        answer = _on_board if on_board else _here
        good, answer_a = answer(calibrator.program(matrix_s), current_a, fixed_point)
        refused += int((~good).sum())
        worst = max(worst, float(np.abs(answer_a - expected_a)[good].max() / np.abs(expected_a).max()))
    return worst, refused


def _here(
    programmed: ProgrammedCalibrator, current_a: np.ndarray, fixed_point: bool
) -> tuple[np.ndarray, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        header = programmed_header(programmed, name="board", fixed_point=fixed_point)
        library = Library(header, Path(folder), ("-O1",))
        return library.batch(current_a)


def _on_board(
    programmed: ProgrammedCalibrator, current_a: np.ndarray, fixed_point: bool
) -> tuple[np.ndarray, np.ndarray]:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "calibrator.h").write_text(
            programmed_header(programmed, name="board", fixed_point=fixed_point)
        )
        (folder / "subject.h").write_text(cortex_m4.subject_of("board"))
        cortex_m4.build(folder, "-std=c99", "-O2")
        answers = cortex_m4.run(folder, current_a.tolist(), programmed.shape[1])
    return np.array(answers.status) == 0, np.array(answers.calibrated_a)
