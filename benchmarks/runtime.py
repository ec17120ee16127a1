"""Time of one read: the compiled calibrator beside onnxruntime, numpy and torch, medians of one run.

Trains a `concatsquash` calibrator (three hidden layers of 128) for each size on made-up measurements, writes
its file, and times what a bench script calls. Contenders compute the same folded network in float32 on one
thread, take turns so that a busy machine slows all alike, and must agree before they are timed.

Then the same for `whitebox` (`speed/inverse.py`), at 16×16, 24×40 and 64×64; training it takes minutes, but
only once with `--keep`.

    python benchmarks/runtime.py
    python benchmarks/runtime.py --only inverse --keep trained/
    python benchmarks/runtime.py --sizes 8x8 64x64 --batches 1 --calls 5000
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

# Before numpy and torch are imported: two pools of threads on a busy machine cost more than they bring.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table
from speed.inverse import measure as measure_inverse

from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.training import Measurements, TrainingPlan, export_calibrator, train

CONDUCTANCE_RANGE_S = (16.6e-6, 100e-6)
VOLTAGE_RANGE_V = (0.1, 0.5)
MATRICES, VECTORS = 24, 16
ROUNDS = 20
AGREEMENT = 1e-5
WIDTH = 140
MOST_READS = 2000
PARTS = ("networks", "inverse")

Read = Callable[[], np.ndarray]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FoldedNetwork:
    """The network of one matrix as every contender computes it, float32."""

    layers: list[tuple[np.ndarray, np.ndarray]]
    input_shift: np.ndarray
    input_scale: np.ndarray
    output_shift: np.ndarray
    output_scale: np.ndarray
    skip: np.ndarray


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    if "networks" in arguments.only:
        _measure_networks(arguments)
    if "inverse" in arguments.only:
        measure_inverse(
            arguments.inverse_sizes,
            calls=min(arguments.calls, MOST_READS),
            seed=arguments.seed,
            keep=arguments.keep,
            wide=WIDTH,
        )


def _measure_networks(arguments: argparse.Namespace) -> None:
    table = Table(title="Time of a call, median [µs]; float32, one thread")
    for heading in ("rows × columns", "vectors", *_HEADINGS, "crosscal − torch", "load [ms]", "program [ms]"):
        table.add_column(heading, justify="right")
    for rows, columns in arguments.sizes:
        for row in _rows_of_size(rows, columns, arguments):
            table.add_row(*row)
    # A row is wide; on a narrow terminal or in a pipe it is better long than cut.
    Console(width=None if Console().width >= WIDTH else WIDTH).print(table)
    print(
        "onnxruntime file: the whole calibrator file, unfolded, as plain onnxruntime runs it. crosscal − "
        "torch: largest difference from the trained network itself, in parts of the largest current."
    )


_HEADINGS = ("crosscal", "onnxruntime", "onnxruntime bound", "onnxruntime file", "numpy", "torch")


def _rows_of_size(rows: int, columns: int, arguments: argparse.Namespace) -> list[list[str]]:
    rng = np.random.default_rng([arguments.seed, rows, columns])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calibrator.onnx"
        data = _measurements(rows, columns, rng)
        result = train(TrainingPlan(calibrator="concatsquash", seed=arguments.seed, max_epochs=1), data)
        export_calibrator(result, path)
        Calibrator.load(path)  # the kernels are compiled now, whatever the size
        load_s, calibrator = _timed(lambda: Calibrator.load(path))
        matrix = data.conductance_s[0]
        program_s, programmed = _timed(lambda: calibrator.program(matrix))
        network = _folded(path, calibrator, matrix)
        lines = []
        for batch in arguments.batches:
            current_a = np.resize(data.current_a[0], (batch, columns))
            current_a = current_a[0] if batch == 1 else current_a
            contenders = _contenders(path, programmed, network, matrix, current_a)
            _require_agreement(contenders)
            with torch.no_grad():
                trained_a = result.calibrator(
                    torch.from_numpy(matrix).float()[None],
                    torch.from_numpy(current_a.reshape(1, -1, columns)).float(),
                ).numpy()
            difference = np.abs(programmed(current_a).reshape(trained_a[0].shape) - trained_a[0]).max()
            medians_us = _medians_us(contenders, max(1, arguments.calls // ROUNDS // batch))
            lines.append(
                [
                    f"{rows} × {columns}",
                    str(batch),
                    *(f"{medians_us[name]:.1f}" for name in _HEADINGS),
                    f"{difference / np.abs(trained_a).max():.1e}",
                    f"{1e3 * load_s:.0f}",
                    f"{1e3 * program_s:.1f}",
                ]
            )
        return lines


def _measurements(rows: int, columns: int, rng: np.random.Generator) -> Measurements:
    """Ideal currents, attenuated along the array as wires do: enough to train something of the right form."""
    conductance_s = rng.uniform(*CONDUCTANCE_RANGE_S, (MATRICES, rows, columns))
    voltage_v = rng.uniform(*VOLTAGE_RANGE_V, (MATRICES, VECTORS, rows))
    attenuation = 1.0 / (1.0 + 0.1 * np.add.outer(np.linspace(0, 1, rows), np.linspace(0, 1, columns)))
    return Measurements(
        conductance_s=conductance_s,
        voltage_v=voltage_v,
        current_a=voltage_v @ (conductance_s * attenuation),
        usable=np.ones((MATRICES, VECTORS), dtype=bool),
    )


def _folded(path: Path, calibrator: Calibrator, matrix: np.ndarray) -> FoldedNetwork:
    """Evaluate the tensors that the file names, with onnx and onnxruntime alone."""
    fold = dict(calibrator.metadata.fold)
    model = onnx.load(path)
    names = [name for layer in fold["layers"] for name in layer]
    keys = ("input_shift", "input_scale", "output_shift", "output_scale", "skip")
    names += [fold[key] for key in keys]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    feeds = {"conductance": matrix.astype(np.float32), "current": np.zeros((1, matrix.shape[1]), np.float32)}
    values = dict(zip(names, _session(model.SerializeToString()).run(names, feeds), strict=True))
    return FoldedNetwork(
        layers=[(values[weight], values[bias]) for weight, bias in fold["layers"]],
        **{key: values[fold[key]].reshape(-1) for key in keys},
    )


def _contenders(
    path: Path,
    programmed: ProgrammedCalibrator,
    network: FoldedNetwork,
    matrix: np.ndarray,
    current_a: np.ndarray,
) -> dict[str, Read]:
    """Inputs lie ready in the form that suits each best; ours are float64, as a board gives them."""
    out_a = np.empty_like(current_a)
    single = np.atleast_2d(current_a).astype(np.float32)
    folded = _session(_as_onnx(network))
    return {
        "crosscal": lambda: programmed(current_a, out_a),
        "onnxruntime": lambda: folded.run(None, {"current": single})[0],
        "onnxruntime bound": _bound(folded, {"current": single}),
        "onnxruntime file": _bound(
            _session(path.read_bytes()), {"conductance": matrix.astype(np.float32), "current": single}
        ),
        "numpy": _numpy_read(network, single),
        "torch": _torch_read(network, single),
    }


def _bound(session: onnxruntime.InferenceSession, feeds: dict[str, np.ndarray]) -> Read:
    answer = np.empty_like(feeds["current"])
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    binding.bind_output("calibrated", "cpu", 0, np.float32, answer.shape, answer.ctypes.data)

    def read() -> np.ndarray:
        session.run_with_iobinding(binding)
        return answer

    return read


def _numpy_read(network: FoldedNetwork, current_a: np.ndarray) -> Read:
    weights = [np.ascontiguousarray(weight.T) for weight, _ in network.layers]
    biases = [bias for _, bias in network.layers]

    def read() -> np.ndarray:
        x0 = x = (current_a - network.input_shift) * network.input_scale
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = 1.0 / (1.0 + np.exp(-(x @ weight + bias)))
        x = x @ weights[-1] + biases[-1]
        return network.output_shift + network.output_scale * x + network.skip * x0

    return read


def _torch_read(network: FoldedNetwork, current_a: np.ndarray) -> Read:
    layers = [tuple(torch.from_numpy(array) for array in layer) for layer in network.layers]
    around = {
        key: torch.from_numpy(getattr(network, key))
        for key in ("input_shift", "input_scale", "output_shift", "output_scale", "skip")
    }
    given = torch.from_numpy(current_a)

    def read() -> np.ndarray:
        with torch.inference_mode():
            x0 = x = (given - around["input_shift"]) * around["input_scale"]
            for weight, bias in layers[:-1]:
                x = torch.sigmoid(torch.nn.functional.linear(x, weight, bias))
            x = torch.nn.functional.linear(x, *layers[-1])
            return (around["output_shift"] + around["output_scale"] * x + around["skip"] * x0).numpy()

    return read


def _as_onnx(network: FoldedNetwork) -> bytes:
    """Write the folded network as a model of its own, weights as constants: onnxruntime may prepack them."""
    keys = ("input_shift", "input_scale", "output_shift", "output_scale", "skip")
    constants = [numpy_helper.from_array(getattr(network, key), key) for key in keys]
    nodes = [
        helper.make_node("Sub", ["current", "input_shift"], ["centred"]),
        helper.make_node("Mul", ["centred", "input_scale"], ["x0"]),
    ]
    x = "x0"
    for index, (weight, bias) in enumerate(network.layers, start=1):
        constants += [
            numpy_helper.from_array(weight, f"w{index}"),
            numpy_helper.from_array(bias, f"b{index}"),
        ]
        nodes.append(helper.make_node("Gemm", [x, f"w{index}", f"b{index}"], [f"y{index}"], transB=1))
        x = f"y{index}"
        if index < len(network.layers):
            nodes.append(helper.make_node("Sigmoid", [x], [f"x{index}"]))
            x = f"x{index}"
    nodes += [
        helper.make_node("Mul", [x, "output_scale"], ["scaled"]),
        helper.make_node("Mul", ["x0", "skip"], ["skipped"]),
        helper.make_node("Add", ["scaled", "skipped"], ["together"]),
        helper.make_node("Add", ["together", "output_shift"], ["calibrated"]),
    ]
    columns = network.skip.size
    ports = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["b", columns]) for n in ("current", "calibrated")
    ]
    graph = helper.make_graph(nodes, "folded", ports[:1], ports[1:], constants)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _require_agreement(contenders: dict[str, Read]) -> None:
    reference = contenders["crosscal"]()
    for name, read in contenders.items():
        worst = np.abs(read().reshape(reference.shape) - reference).max() / np.abs(reference).max()
        if not worst <= AGREEMENT:
            raise SystemExit(
                f"{name} differs from crosscal by {worst:.1e} of the largest current: nothing to compare"
            )


def _medians_us(contenders: dict[str, Read], calls: int) -> dict[str, float]:
    times_ns: dict[str, list[int]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, read in contenders.items():
            read()
            for _ in range(calls):
                start = time.perf_counter_ns()
                read()
                times_ns[name].append(time.perf_counter_ns() - start)
    return {name: float(np.median(times)) / 1e3 for name, times in times_ns.items()}


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    sizes = [(8, 8), (32, 32), (64, 64), (24, 40), (128, 128)]
    parser.add_argument(
        "--sizes", nargs="+", type=_size, default=sizes, metavar="ROWSxCOLUMNS", help="arrays (8x8 … 128x128)"
    )
    parser.add_argument(
        "--inverse-sizes",
        nargs="+",
        type=_size,
        default=[(16, 16), (24, 40), (64, 64)],
        metavar="ROWSxCOLUMNS",
        help="arrays of whitebox (16x16 24x40 64x64)",
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="one part: networks or inverse (both)")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="folder that trained whitebox files stay in (none)"
    )
    parser.add_argument(
        "--batches",
        nargs="+",
        type=_positive,
        default=[1, 100],
        metavar="B",
        help="vectors in a call (1 100)",
    )
    parser.add_argument("--calls", type=_positive, default=10_000, help="calls timed for one vector (10000)")
    parser.add_argument("--seed", type=int, default=1, help="of matrices, inputs and weights (1)")
    arguments = parser.parse_args()
    arguments.only = arguments.only or PARTS
    return arguments


def _size(text: str) -> tuple[int, int]:
    rows, _, columns = text.partition("x")
    return _positive(rows), _positive(columns)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


if __name__ == "__main__":
    main()
