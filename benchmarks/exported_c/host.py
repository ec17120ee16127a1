"""Time of one read here: exported C beside numba and onnxruntime; a part of `benchmarks/export_c.py`."""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from exported_c.subjects import Shape, Subjects, measured
from rich.table import Table

from crosscal.commands.export_c.header import programmed_header
from crosscal.firmware_models.c_calibrator import library_source

# A round of the slow kinds ends before another program is given the processor.
_READS = {"affine": 200, "concatsquash": 200, "structured": 20, "whitebox": 20}
_READS_IN_ALL = 12_000
_STREAM = """\
float stream(const float *from, int count, int times);
float stream(const float *from, int count, int times)
{
    float sums[64] = {0.0f};
    float total = 0.0f;
    for (int time = 0; time < times; ++time) {
        for (int i = 0; i + 64 <= count; i += 64) {
            for (int j = 0; j < 64; ++j) {
                sums[j] += from[i + j];
            }
        }
        __asm__ volatile("" : : "r"(from) : "memory");
    }
    for (int j = 0; j < 64; ++j) {
        total += sums[j];
    }
    return total;
}
"""
_FORMS = (
    ("affine", False),
    ("concatsquash", False),
    ("concatsquash", True),
    ("structured", False),
    ("whitebox", False),
)


class Library:
    """An exported header whose names begin with `board`, compiled for this machine."""

    def __init__(self, header: str, folder: Path, options: Sequence[str]) -> None:
        self.functions = compiled(library_source(header, "board"), folder, options)

    def batch(self, current_a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which readings (B, M) are good, and what they calibrate to."""
        given, answer_a = (
            np.ascontiguousarray(current_a, dtype=np.float32),
            np.zeros(current_a.shape, np.float32),
        )
        status = np.full(len(given), 9, dtype=np.uint8)
        self.functions.board_calibrate_batch(len(given), _at(given), _at(answer_a), _at(status))
        return status == 0, answer_a


def compiled(source: str, folder: Path, options: Sequence[str]) -> ctypes.CDLL:
    """Compile C and load it."""
    path = folder / f"library_{time.monotonic_ns()}"
    path.with_suffix(".c").write_text(source)
    # Linked apart: -ffast-math there makes gcc add start-up code that changes the whole process's arithmetic.
    subprocess.run(["cc", "-std=c99", *options, "-c", "-fPIC", f"{path}.c", "-o", f"{path}.o"], check=True)
    subprocess.run(["cc", "-shared", f"{path}.o", "-o", f"{path}.so", "-lm"], check=True)
    return ctypes.CDLL(f"{path}.so")


def measure_host(subjects: Subjects, shapes: Sequence[Shape], arguments: argparse.Namespace) -> Table:
    """Time reads, one after another, and tabulate the best round: other programs run meanwhile."""
    del arguments
    table = Table(title="One read on this machine [µs], one thread, best round")
    for heading in (
        "array",
        "kind",
        "C",
        "C from Python",
        "numba",
        "onnxruntime",
        "constants [KB]",
        "arrival [µs]",
    ):
        table.add_column(heading, justify="right")
    for shape in shapes:
        for kind, fixed_point in _FORMS:
            row = _row(subjects, shape, kind, fixed_point)
            print("  ".join(row), flush=True)
            table.add_row(*row)
    table.caption = (
        "C: its own loop over readings. C from Python: a call by ctypes for each. numba: the calibrator "
        "with out=. arrival: constants streamed from the cache they fit into, by a loop that only adds."
    )
    return table


def _row(subjects: Subjects, shape: Shape, kind: str, fixed_point: bool) -> list[str]:
    reads = _READS[kind]
    data = measured(shape, 1, reads, np.random.default_rng([4, *shape]))
    matrix_s, current_a = data.conductance_s[0], data.current_a[0].astype(np.float32)
    programmed = subjects.calibrator(kind, shape).program(matrix_s)
    header = programmed_header(programmed, name="board", fixed_point=fixed_point)
    constant_bytes = int(header.split(" bytes of constants")[0].split()[-1])
    with tempfile.TemporaryDirectory() as text:
        library = Library(header, Path(text), ("-O3", "-march=native"))
        stream = compiled(_STREAM, Path(text), ("-std=gnu99", "-O3", "-march=native", "-ffast-math"))
    weights = np.ones(constant_bytes // 4, dtype=np.float32)
    answer_a, status = np.empty_like(current_a), np.empty(reads, np.uint8)
    batch = (reads, _at(current_a), _at(answer_a), _at(status))
    one = [(_at(given), _at(answer_a[0])) for given in current_a]
    out = np.empty(shape[1], np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(subjects.path(kind, shape), options)
    feeds = [{"conductance": matrix_s.astype(np.float32), "current": given[None]} for given in current_a[:5]]
    times = [
        _best_us(lambda: library.functions.board_calibrate_batch(*batch), reads),
        _best_us(lambda: [library.functions.board_calibrate(*pair) for pair in one], reads),
        _best_us(lambda: [programmed(given, out) for given in current_a], reads),
        _best_us(
            lambda: [session.run(["calibrated"], feed) for feed in feeds], len(feeds), in_all=3 * len(feeds)
        ),
        _best_us(lambda: stream.stream(_at(weights), weights.size, reads), reads),
    ]
    c, called, numba, onnx, arrival = (f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in times)
    name = f"{kind} (Q15)" if fixed_point else kind
    return [f"{shape[0]} × {shape[1]}", name, c, called, numba, onnx, f"{constant_bytes / 1e3:.0f}", arrival]


def _best_us(call: Callable[[], object], reads: int, in_all: int = _READS_IN_ALL) -> float:
    best = np.inf
    for _ in range(in_all // reads):
        began = time.perf_counter_ns()
        call()
        best = min(best, time.perf_counter_ns() - began)
    return 1e-3 * best / reads


def _at(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
