"""Time of one read of `whitebox`, which finds the inputs: a part of `benchmarks/runtime.py`.

Trains on the circuit of memsys2025 at white read noise of 1e-4 of the largest current, then reads fresh
noisy currents of a matrix never trained on, one vector after another, no two alike: what a read takes depends
on how many steps it needs. The answers are checked against the true currents before they are timed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnxruntime
from recalibration import LARGEST_A_PER_ROW, Board
from rich.console import Console
from rich.table import Table

from crosscal.runtime import Calibrator, Inverse, InverseTensors, ProgrammedCalibrator
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.training import EpochReport, TrainingPlan, export_calibrator, train

NOISE = 1e-4
MATRICES, VALIDATION_MATRICES, VECTORS = 40, 4, 100
FILE_CALLS, UNCERTAIN_CALLS = 5, 50
PREPARED = 10

T = TypeVar("T")

_HEADINGS = (
    "array",
    "read [µs]: quartile",
    "median",
    "quartile",
    "steps: median",
    "most",
    "file [ms]",
    "uncertainty [ms]",
    "program [s]",
    "load [s]",
    "error before",
    "after",
)


def measure(sizes: Iterable[tuple[int, int]], *, calls: int, seed: int, keep: Path | None, wide: int) -> None:
    """Train what is not kept, measure, and print a table.

    Args:
        calls: reads timed. keep: folder that trained files stay in. wide: characters of the table.
    """
    table = Table(title=f"Reads of whitebox, one vector, one thread; noise {NOISE:g} of the largest current")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    console = Console(width=None if Console().width >= wide else wide)
    with tempfile.TemporaryDirectory() if keep is None else nullcontext(keep) as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for rows, columns in sizes:
            path = Path(folder) / f"whitebox_{rows}x{columns}_{seed}.onnx"
            board = Board(rows=rows, columns=columns, noise_a=NOISE * rows * LARGEST_A_PER_ROW)
            if not path.exists():
                _train(board, path, seed)
            table.add_row(f"{rows} × {columns}", *_row(board, path, calls, seed))
    console.print(table)
    print(
        "error before, after: root mean square of measured and of calibrated currents less the true ones, in "
        "parts of these.\nfile: the same file, as plain onnxruntime runs it. uncertainty: with_uncertainty "
        "of one vector."
    )


def _train(board: Board, path: Path, seed: int) -> None:
    rng = np.random.default_rng([seed, board.rows, board.columns])
    name = f"{board.rows} × {board.columns}"
    print(f"{name}: measuring {MATRICES + VALIDATION_MATRICES} simulated matrices …", flush=True)
    data = board.run(MATRICES, VECTORS, rng)
    validation = board.run(VALIDATION_MATRICES, VECTORS, rng)

    def progress(report: EpochReport) -> None:
        print(f"\r{name}: training, {report.stage} {report.epoch}/{report.epochs}   ", end="", flush=True)

    plan = TrainingPlan(calibrator="whitebox", seed=seed)
    seconds, result = _timed(lambda: train(plan, data, validation=validation, progress=progress))
    export_calibrator(result, path)
    print(f"\r{name}: trained in {seconds:.0f} s" + 20 * " ", flush=True)


def _row(board: Board, path: Path, calls: int, seed: int) -> list[str]:
    rng = np.random.default_rng([seed + 1, board.rows, board.columns])
    Calibrator.load(path)  # the kernels are compiled now
    load_s, calibrator = _timed(lambda: Calibrator.load(path))
    matrix_s = board.matrix_s(rng)
    program_s, programmed = _timed(lambda: calibrator.program(matrix_s))
    voltage_v = board.vectors_v(calls, rng)
    current_a, ideal_a = board.measured_a(matrix_s, voltage_v, rng), voltage_v @ matrix_s
    errors = [
        np.sqrt(np.mean((a - ideal_a) ** 2) / np.mean(ideal_a**2)) for a in (current_a, programmed(current_a))
    ]
    if not errors[1] < errors[0]:
        raise SystemExit(f"calibrated currents err by {errors[1]:.1e}, measured by {errors[0]:.1e}: no use")
    out = np.empty(board.columns)
    reads_us = 1e6 * _times_s(lambda current: programmed(current, out), current_a)
    uncertain_ms = 1e3 * np.median(_times_s(programmed.with_uncertainty, current_a[:UNCERTAIN_CALLS]))
    steps = _steps(programmed, current_a)
    return [
        *(f"{value:.1f}" for value in np.quantile(reads_us, [0.25, 0.5, 0.75])),
        f"{np.median(steps):.0f}",
        f"{steps.max()}",
        f"{_file_ms(path, matrix_s, current_a[:FILE_CALLS]):.0f}",
        f"{uncertain_ms:.2f}",
        f"{program_s:.2f}",
        f"{load_s:.1f}",
        *(f"{error:.1e}" for error in errors),
    ]


def _steps(programmed: ProgrammedCalibrator, current_a: np.ndarray) -> np.ndarray:
    """Steps that each read took: the fewest allowed with which it answers the same to the bit."""
    correction = programmed.correction
    if not isinstance(correction, InverseCorrection):
        raise SystemExit(f"got a calibrator of kind {programmed.kind}, which takes no steps")
    tensors = correction.tensors
    final = _responses(tensors, current_a)
    steps = np.full(len(current_a), tensors.damping.size)
    for allowed in range(tensors.damping.size - 1, 0, -1):
        shorter = _responses(replace(tensors, damping=tensors.damping[:allowed]), current_a)
        steps[(shorter == final).all(axis=1)] = allowed
    return steps


def _responses(tensors: InverseTensors, current_a: np.ndarray) -> np.ndarray:
    return Inverse(tensors).read(current_a).calibrated_a


def _file_ms(path: Path, matrix_s: np.ndarray, current_a: np.ndarray) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors alone
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    matrix = matrix_s.astype(np.float32)
    given = [{"conductance": matrix, "current": current[None].astype(np.float32)} for current in current_a]
    return 1e3 * float(np.median(_times_s(lambda feeds: session.run(["calibrated"], feeds), given)))


def _times_s(call: Callable[[T], object], given: Iterable[T]) -> np.ndarray:
    """Time every call, after some that are not counted; given as prepared, so that nothing else is timed."""
    prepared = list(given)
    for one in prepared[:PREPARED]:
        call(one)
    times_ns = []
    for one in prepared:
        start = time.perf_counter_ns()
        call(one)
        times_ns.append(time.perf_counter_ns() - start)
    return 1e-9 * np.array(times_ns)


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result
