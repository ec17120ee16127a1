"""Instructions, flash and memory of a read on an emulated Cortex-M4: a part of `benchmarks/export_c.py`."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from exported_c.subjects import Shape, Subjects, measured
from onnx import TensorProto, helper, numpy_helper
from rich.table import Table

from crosscal.commands.export_c.header import programmed_header
from crosscal.firmware_models.c_calibrator import cortex_m4
from crosscal.runtime import ProgrammedCalibrator

_READS = 10
_CALIBRATE = """\
#include "calibrator.h"
int read_one(const float *measured_a, float *calibrated_a);
int read_one(const float *measured_a, float *calibrated_a)
{
    return board_calibrate(measured_a, calibrated_a);
}
"""
_PEER = """\
#define COLUMNS {columns}
#define OUTPUTS {columns}
void peer(const float current[restrict 1][{columns}], float calibrated[restrict 1][{columns}]);
static int subject(const float *measured_a, float *answer)
{{
    peer((const float(*)[{columns}])measured_a, (float(*)[{columns}])answer);
    return 0;
}}
"""
_ONNX2C = _PEER.replace("restrict 1", "1").replace("peer(", "entry(")
# Without the first option it puts weights into a file, which a board does not have.
_PEER_FORMS = {
    "emx-onnx-cgen, defaults": ("-O2", "--large-weight-threshold", "0"),
    "emx-onnx-cgen, tuned": (
        "-O3",
        "--large-weight-threshold",
        "0",
        "--large-temp-threshold",
        "0",
        "--restrict-arrays",
    ),
}


def measure_cortex(subjects: Subjects, shapes: Sequence[Shape], arguments: argparse.Namespace) -> Table:
    """Export, run, count, and tabulate."""
    table = Table(title="One read on a Cortex-M4F (qemu-system-arm -M mps2-an386 -icount shift=0)")
    headings = (
        "array",
        "what",
        "options",
        "instructions",
        "most",
        "flash [B]",
        "static RAM [B]",
        "stack [B]",
    )
    for heading in (*headings, "difference"):
        table.add_column(heading, justify="right")
    if missing := cortex_m4.missing_tools():
        table.caption = f"not installed: {', '.join(missing)}"
        return table
    for shape in shapes:
        for row in [
            *_own_rows(subjects, shape),
            *_peer_rows(subjects, shape, arguments.emx),
            *_onnx2c_rows(subjects, shape, arguments.onnx2c),
        ]:
            print("  ".join(row), flush=True)
            table.add_row(*row)
    table.caption = (
        "difference: from the calibrator in Python, of the largest current. The peer computes the network; "
        "ours tests the reading, too."
    )
    return table


def _own_rows(subjects: Subjects, shape: Shape) -> list[list[str]]:
    forms = [
        ("affine", False),
        ("affine", True),
        ("concatsquash", False),
        ("concatsquash", True),
        ("structured", False),
    ]
    rows = []
    for kind, fixed_point in [*forms, ("whitebox", False)]:
        programmed, current_a = _programmed(subjects, kind, shape)
        for option in ("-O2", "-O3"):
            with tempfile.TemporaryDirectory() as text:
                folder = Path(text)
                (folder / "calibrator.h").write_text(
                    programmed_header(programmed, name="board", fixed_point=fixed_point)
                )
                (folder / "subject.h").write_text(cortex_m4.subject_of("board"))
                (folder / "alone.c").write_text(_CALIBRATE)
                name = f"{kind}, Q15" if fixed_point else kind
                rows.append(_row(name, shape, folder, "alone.c", (option,), (), programmed, current_a))
    return rows


def _peer_rows(subjects: Subjects, shape: Shape, command: str) -> list[list[str]]:
    if shutil.which(command) is None:
        return [[f"{shape[0]} × {shape[1]}", f"{command}: not installed", *[""] * 7]]
    programmed, current_a = _programmed(subjects, "concatsquash", shape)
    rows = []
    for name, (option, *flags) in _PEER_FORMS.items():
        for activation in ("Sigmoid", "Tanh"):
            with tempfile.TemporaryDirectory() as text:
                folder = Path(text)
                onnx.save(folded_model(programmed, activation), str(folder / "peer.onnx"))
                made = [command, "compile", "peer.onnx", "peer.c", "--model-name", "peer", *flags]
                subprocess.run(made, cwd=folder, check=True, capture_output=True)
                (folder / "subject.h").write_text(_PEER.format(columns=shape[1]))
                title = f"{name}, {activation.lower()}"
                rows.append(
                    _row(title, shape, folder, "peer.c", (option,), ("peer.c",), programmed, current_a)
                )
    return rows


def _onnx2c_rows(subjects: Subjects, shape: Shape, command: str) -> list[list[str]]:
    if shutil.which(command) is None:
        return [[f"{shape[0]} × {shape[1]}", f"{command}: not installed", *[""] * 7]]
    programmed, current_a = _programmed(subjects, "concatsquash", shape)
    rows = []
    for option in ("-O2", "-O3"):
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            onnx.save(folded_model(programmed, "Sigmoid"), str(folder / "peer.onnx"))
            made = subprocess.run([command, "peer.onnx"], cwd=folder, check=True, capture_output=True)
            (folder / "peer.c").write_bytes(made.stdout)
            (folder / "subject.h").write_text(_ONNX2C.format(columns=shape[1]))
            rows.append(
                _row("onnx2c", shape, folder, "peer.c", (option,), ("peer.c",), programmed, current_a)
            )
    return rows


def _programmed(subjects: Subjects, kind: str, shape: Shape) -> tuple[ProgrammedCalibrator, np.ndarray]:
    data = measured(shape, 1, _READS, np.random.default_rng([5, *shape]))
    programmed = subjects.calibrator(kind, shape).program(data.conductance_s[0])
    return programmed, data.current_a[0].astype(np.float32)


def _row(
    name: str,
    shape: Shape,
    folder: Path,
    alone: str,
    options: Sequence[str],
    sources: Sequence[str],
    programmed: ProgrammedCalibrator,
    current_a: np.ndarray,
) -> list[str]:
    cortex_m4.build(folder, "-std=c99", *options, sources=sources)
    answers = cortex_m4.run(folder, current_a.tolist(), shape[1])
    memory = cortex_m4.memory_of(folder, alone, "-std=c99", *options)
    good = np.array(answers.status) == 0
    expected_a = programmed(current_a.astype(np.float64), allow_extrapolation=True)
    difference = np.abs(np.array(answers.calibrated_a) - expected_a)[good].max() / np.abs(expected_a).max()
    counted = sorted(np.array(answers.instructions)[good])
    numbers = (
        counted[len(counted) // 2],
        counted[-1],
        memory.flash_bytes,
        memory.static_bytes,
        answers.stack_bytes,
    )
    sizes = [f"{int(number):,}" for number in numbers]
    return [f"{shape[0]} × {shape[1]}", name, " ".join(options), *sizes, f"{difference:.0e}"]


def folded_model(programmed: ProgrammedCalibrator, activation: str) -> onnx.ModelProto:
    """Write the folded network as the peer takes it: the same numbers, one reading at a time."""
    correction, columns = programmed.correction, programmed.shape[1]
    around = {name: values[None] for name, values in correction.per_column.items()}
    layers = [(weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in correction.layers]
    if activation == "Sigmoid":
        # tanh y = 2 sigmoid(2 y) - 1, as the network was trained.
        layers = [
            (
                weight * (2.0 if i else 1.0) * (2.0 if i < len(layers) - 1 else 1.0),
                _shifted(weight, bias, i, len(layers)),
            )
            for i, (weight, bias) in enumerate(layers)
        ]
    nodes = [
        helper.make_node("Sub", ["current", "input_shift"], ["centred"]),
        helper.make_node("Mul", ["centred", "input_scale"], ["x0"]),
    ]
    for i, (weight, bias) in enumerate(layers):
        around |= {f"weight_{i}": weight, f"bias_{i}": bias}
        nodes.append(helper.make_node("Gemm", [f"x{i}", f"weight_{i}", f"bias_{i}"], [f"y{i}"], transB=1))
        if i < len(layers) - 1:
            nodes.append(helper.make_node(activation, [f"y{i}"], [f"x{i + 1}"]))
    nodes += [
        helper.make_node("Mul", [f"y{len(layers) - 1}", "output_scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "output_shift"], ["shifted"]),
        helper.make_node("Mul", ["x0", "skip"], ["skipped"]),
        helper.make_node("Add", ["shifted", "skipped"], ["calibrated"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, columns])
        for name in ("current", "calibrated")
    ]
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(v, dtype=np.float32), n) for n, v in around.items()
    ]
    graph = helper.make_graph(nodes, "folded", ports[:1], ports[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _shifted(weight: np.ndarray, bias: np.ndarray, index: int, layers: int) -> np.ndarray:
    own = bias - weight.sum(axis=1) if index else bias
    return own * (2.0 if index < layers - 1 else 1.0)
