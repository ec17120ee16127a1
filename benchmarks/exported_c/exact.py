"""ONNX and exported C beside the same search in double precision: a part of `benchmarks/export_c.py`."""

from __future__ import annotations

import argparse
import ctypes
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from exported_c.host import Library, compiled
from exported_c.subjects import Shape, Subjects, measured
from rich.table import Table

from crosscal.commands.export_c.header import programmed_header

_KIND = "whitebox"
_LITERAL = re.compile(r"((?:0x[0-9a-fA-F.]+p[+-]?\d+)|(?:\d+\.\d*(?:e[+-]?\d+)?))f\b")
_BATCH = """
void batch(int readings, const double *measured_a, double *calibrated_a);
void batch(int readings, const double *measured_a, double *calibrated_a)
{
    int i;
    for (i = 0; i < readings; ++i) {
        (void)board_calibrate(&measured_a[i * board_COLUMNS], &calibrated_a[i * board_COLUMNS]);
    }
}
"""


def measure_exactness(subjects: Subjects, shapes: Sequence[Shape], arguments: argparse.Namespace) -> Table:
    """Tabulate the reading of each shape in which C and ONNX differ most, and the search's own remainder."""
    table = Table(
        title=f"{_KIND}: differences of the largest current, at the reading where C and ONNX differ most"
    )
    for heading in (
        "array",
        "C to ONNX",
        "C to double",
        "ONNX to double",
        "double to all steps, any reading",
    ):
        table.add_column(heading, justify="right")
    for shape in shapes:
        row = [f"{shape[0]} × {shape[1]}", *(f"{value:.1e}" for value in _worst(subjects, shape, arguments))]
        print("  ".join(row), flush=True)
        table.add_row(*row)
    return table


def _worst(subjects: Subjects, shape: Shape, arguments: argparse.Namespace) -> tuple[float, ...]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(subjects.path(_KIND, shape), options)
    data = measured(shape, arguments.matrices, arguments.vectors, np.random.default_rng([3, *shape]))
    worst, remainder = (0.0, 0.0, 0.0), 0.0
    for matrix_s, row_a in zip(data.conductance_s, data.current_a, strict=True):
        current_a = row_a.astype(np.float32)
        given = {"conductance": matrix_s.astype(np.float32), "current": current_a}
        onnx_a = session.run(["calibrated"], given)[0]
        header = programmed_header(subjects.calibrator(_KIND, shape).program(matrix_s), name="board")
        with tempfile.TemporaryDirectory() as folder:
            good, c_a = Library(header, Path(folder), ("-O1",)).batch(current_a)
            double_a, all_a = (
                _in_double(header, current_a, Path(folder), every=every) for every in (False, True)
            )
        largest_a = np.abs(onnx_a).max()
        differences = np.where(good, np.abs(c_a - onnx_a).max(axis=1), 0.0)
        at = int(differences.argmax())
        found = (
            float(np.abs(one[at] - other[at]).max() / largest_a)
            for one, other in ((c_a, onnx_a), (c_a, double_a), (onnx_a, double_a))
        )
        worst = max(worst, tuple(found))
        remainder = max(remainder, float(np.abs(double_a - all_a)[good].max() / largest_a))
    return (*worst, remainder)


def _in_double(header: str, current_a: np.ndarray, folder: Path, *, every: bool) -> np.ndarray:
    """Read with the header's own code in double precision; `every`: all steps, whatever they move."""
    start = header.index("static inline int board_refused")
    end = header.index("\n}", start) + 2
    # It looks at the bits of single numbers; the other answer says which readings are good.
    text = (
        header[:start]
        + "static inline int board_refused(const double *x) { (void)x; return 0; }"
        + header[end:]
    )
    text = _LITERAL.sub(r"\1", re.sub(r"\bfloat\b", "double", text))
    text = re.sub(r"\b(sqrt|fabs|exp|log)f\(", r"\1(", text)
    if every:
        text = re.sub(r"(#define board_TOLERANCE )\S+", r"\g<1>0.0", text)
    functions = compiled(text + _BATCH, folder, ("-O1", "-w"))
    given, answer_a = np.ascontiguousarray(current_a, dtype=np.float64), np.zeros(current_a.shape)
    functions.batch(len(given), *(ctypes.c_void_p(array.ctypes.data) for array in (given, answer_a)))
    return answer_a
