"""Times of `whitebox` and `structured` against the size of the array, with the exponents that they grow by.

    python benchmarks/speed/sizes.py --keep trained/
    python benchmarks/speed/sizes.py --sizes 8x8 16x16 --calibrator structured --picture times.png

Trains each size on 12 matrices × 100 vectors of the circuit of memsys2025 at white read noise of 1e-4 of the
largest current, in a process of its own, and reads matrices never trained on. Times are of one thread:
processor time of what takes long, and so a busy machine matters little; medians of what takes microseconds.
`first` loads the file where nothing was compiled before. Beside one read stands plain onnxruntime with the
same file. NMSE is relative to the linear-Gaussian reference.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

# Before numpy is imported: times are of one thread.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import onnxruntime

sys.path.append(str(Path(__file__).parents[1]))
from recalibration import CELLS, LARGEST_A_PER_ROW, WIRES, Board, nmse

from crosscal.runtime import Calibrator

NOISE = 1e-4
MATRICES, VECTORS, SEED = 12, 100, 1
READS, BATCH, UNCERTAIN, REFERENCE_VECTORS = 400, 100, 40, 10
SIZES = ("8x8", "16x16", "24x40", "64x64", "128x128")
LABELS = {
    "train_s": "train",
    "program_s": "program",
    "load_s": "load",
    "read_us": "one read",
    "batch_us": "read of 100, each",
    "uncertain_us": "with deviations",
}
HEADINGS = {
    "size": "size",
    "train_s": "train [s]",
    "memory_gib": "[GiB]",
    "file_mib": "file [MiB]",
    "first_s": "first [s]",
    "load_s": "load [s]",
    "program_s": "program [s]",
    "read_us": "read [µs]",
    "batch_us": "of 100 [µs]",
    "uncertain_us": "uncertain [µs]",
    "file_ms": "onnxruntime [ms]",
    "reference": "NMSE ×",
}

T = TypeVar("T")


def board_of(size: str) -> Board:
    rows, columns = map(int, size.split("x"))
    return Board(rows=rows, columns=columns, noise_a=NOISE * rows * LARGEST_A_PER_ROW)


def train_one(kind: str, size: str, path: Path) -> None:
    """Train and export one size; for a process of its own."""
    import resource

    import torch

    from crosscal.training import TrainingPlan, export_calibrator, train

    torch.set_num_threads(1)
    board, rng = board_of(size), np.random.default_rng([SEED, *map(int, size.split("x"))])
    data = board.run(MATRICES, VECTORS, rng)
    begun = time.process_time()
    export_calibrator(train(TrainingPlan(calibrator=kind, seed=SEED), data), path)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    facts = {"train_s": time.process_time() - begun, "memory_gib": most}
    path.with_suffix(".json").write_text(json.dumps(facts))


def first_load(path: Path) -> float:
    """Processor time of a load where nothing was compiled before [s]."""
    code = (
        "import time; begun = time.process_time(); from crosscal.runtime import Calibrator; "
        "import sys; Calibrator.load(sys.argv[1]); print(time.process_time() - begun)"
    )
    with tempfile.TemporaryDirectory() as empty:
        environment = {**os.environ, "NUMBA_CACHE_DIR": empty}
        done = subprocess.run(
            [sys.executable, "-c", code, path], env=environment, capture_output=True, text=True, check=True
        )
    return float(done.stdout.split()[-1])


def measured(kind: str, size: str, folder: Path) -> dict[str, float]:
    """Measure one size; what is not kept is trained."""
    path, board = folder / f"{kind}_{size}.onnx", board_of(size)
    if not path.exists():
        own = [sys.executable, __file__, "--train", size, "--calibrator", kind, "--keep", str(folder)]
        subprocess.run(own, check=True)
    facts = json.loads(path.with_suffix(".json").read_text())
    rng = np.random.default_rng([SEED + 1, board.rows, board.columns])
    Calibrator.load(path)  # kernels are compiled now
    load_s, calibrator = processor_s(lambda: Calibrator.load(path))
    matrix_s = board.matrix_s(rng)
    program_s, programmed = processor_s(lambda: calibrator.program(matrix_s))
    voltage_v = board.vectors_v(READS, rng)
    current_a = board.measured_a(matrix_s, voltage_v, rng)
    out, batch = np.empty(board.columns), np.empty((BATCH, board.columns))
    return facts | {
        "file_mib": path.stat().st_size / 2**20,
        "first_s": first_load(path),
        "load_s": load_s,
        "program_s": program_s,
        "read_us": 1e6 * median_s(lambda one: programmed(one, out), current_a),
        "batch_us": 1e6 * median_s(lambda _: programmed(current_a[:BATCH], batch), range(10)) / BATCH,
        "uncertain_us": 1e6 * median_s(programmed.with_uncertainty, current_a[:UNCERTAIN]),
        "file_ms": file_ms(path, matrix_s, current_a[:2]),
        "reference": nmse(programmed, current_a, voltage_v) / reference(board, matrix_s),
    }


def reference(board: Board, matrix_s: np.ndarray) -> float:
    """NMSE of the best linear estimate with the true circuit, as `benchmarks/recalibration.py` has it."""
    from crosscal.simulated_bench import linear_gaussian_reference

    inputs_v = board.vectors_v(REFERENCE_VECTORS, np.random.default_rng(SEED + 2))
    found = linear_gaussian_reference(matrix_s, inputs_v, wires=WIRES, device=CELLS, noise_a=board.noise_a)
    return float(found.nmse)


def file_ms(path: Path, matrix_s: np.ndarray, current_a: np.ndarray) -> float:
    """Time of one read by plain onnxruntime, with the same file [ms]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = [
        {"conductance": matrix_s.astype(np.float32), "current": one[None].astype(np.float32)}
        for one in current_a
    ]
    return 1e3 * median_s(lambda given: session.run(["calibrated"], given), feeds)


def processor_s(call: Callable[[], T]) -> tuple[float, T]:
    begun = time.process_time()
    result = call()
    return time.process_time() - begun, result


def median_s(call: Callable[[T], object], given: Iterable[T]) -> float:
    """Median of the processor times of calls [s], the first not counted."""
    prepared, times_ns = list(given), []
    call(prepared[0])
    for one in prepared:
        begun = time.process_time_ns()
        call(one)
        times_ns.append(time.process_time_ns() - begun)
    return 1e-9 * float(np.median(times_ns))


def exponents(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Growth of times with the square root of the number of cells, between the two largest arrays."""
    if len(found) < 2:
        return {}
    (one, first), (two, last) = list(found.items())[-2:]
    sides = [np.sqrt(np.prod([int(lines) for lines in size.split("x")])) for size in (one, two)]
    return {name: float(np.log(last[name] / first[name]) / np.log(sides[1] / sides[0])) for name in LABELS}


def draw(found: dict[str, dict[str, float]], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4))
    sides = [np.sqrt(np.prod([int(lines) for lines in size.split("x")])) for size in found]
    grows = exponents(found)
    for name in LABELS:
        scale = 1e-6 if name.endswith("_us") else 1.0
        label = LABELS[name] + (f", power {grows[name]:.1f}" if grows else "")
        axes.loglog(sides, [scale * one[name] for one in found.values()], "o-", label=label)
    axes.set_xticks(sides, found)
    axes.minorticks_off()
    axes.set(xlabel="array, by the square root of its number of cells", ylabel="time of one thread [s]")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=list(SIZES))
    parser.add_argument("--calibrator", default="whitebox", choices=("whitebox", "structured"))
    parser.add_argument("--keep", type=Path, help="folder of trained files; those there are used again")
    parser.add_argument("--picture", type=Path, help="draws times against size")
    parser.add_argument("--train", metavar="SIZE", help="train one size into --keep, and no more")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if given.train:
            train_one(given.calibrator, given.train, folder / f"{given.calibrator}_{given.train}.onnx")
            return
        print(" | ".join(HEADINGS.values()))
        found = {}
        for size in given.sizes:
            found[size] = measured(given.calibrator, size, folder)
            print(" | ".join([size, *(f"{found[size][key]:.3g}" for key in list(HEADINGS)[1:])]), flush=True)
    print("exponents:", ", ".join(f"{name} {value:.1f}" for name, value in exponents(found).items()))
    if given.picture:
        draw(found, given.picture)


if __name__ == "__main__":
    main()
