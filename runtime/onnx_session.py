"""Opens ONNX models in onnxruntime, on one thread, and names the one error that each misfit deserves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native  # pyright: ignore[reportAttributeAccessIssue]  compiled, without stubs

from crosscal.core.errors import CalibratorFileError

CONDUCTANCE, CURRENT, CALIBRATED = "conductance", "current", "calibrated"

# onnxruntime's exceptions have no common base of their own.
MODEL_ERRORS = (
    native.EPFail,
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
    RuntimeError,
    ValueError,
)

Shape = tuple[int | None, int | None]


def open_session(model: bytes, *, optimised: bool = True) -> onnxruntime.InferenceSession:
    """Open a serialised model.

    Args:
        model: the model.
        optimised: let onnxruntime rewrite the graph for fast runs. Of a graph that runs once for each
            matrix, a rewrite takes longer than it saves: three times the time to open, and no faster run.

    Raises:
        CalibratorFileError: no ONNX model, damaged, or one that onnxruntime cannot run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = (
        4  # whatever is wrong is raised; nothing is to be printed on standard error as well
    )
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except MODEL_ERRORS as error:
        raise CalibratorFileError(
            f"onnxruntime cannot open it ({_first_line(error)}): no ONNX model, damaged, with data in other "
            "files, or of a newer opset than this onnxruntime has; crosscal train writes calibrators"
        ) from error


def check_ports(session: onnxruntime.InferenceSession) -> Shape:
    """Check that a model has the documented inputs and output.

    Returns:
        Rows and columns, as far as the model fixes them.

    Raises:
        CalibratorFileError: other names, types, ranks, or a batch of fixed size.
    """
    inputs = {port.name: port for port in session.get_inputs()}
    outputs = {port.name: port for port in session.get_outputs()}
    if set(inputs) != {CONDUCTANCE, CURRENT} or CALIBRATED not in outputs:
        raise CalibratorFileError(
            f"got a model with inputs {sorted(inputs)} and outputs {sorted(outputs)}; allowed: inputs "
            f"{CONDUCTANCE!r} and {CURRENT!r}, output {CALIBRATED!r} (docs/reference/calibrator_format.md); "
            "rename them, or train a calibrator"
        )
    for port in (inputs[CONDUCTANCE], inputs[CURRENT], outputs[CALIBRATED]):
        if port.type != "tensor(float)" or len(port.shape) != 2:
            raise CalibratorFileError(
                f"got a model whose {port.name!r} is {port.type} of shape {port.shape}; allowed: float32 "
                "with two dimensions; export it again"
            )
    rows, columns = (_fixed(size) for size in inputs[CONDUCTANCE].shape)
    batch, current_columns = (_fixed(size) for size in inputs[CURRENT].shape)
    if batch is not None:
        raise CalibratorFileError(
            f"got a model for batches of {batch} only; allowed: any batch; export it with that dimension free"
        )
    if None not in (columns, current_columns) and columns != current_columns:
        raise CalibratorFileError(
            f"got a model for matrices of {columns} columns and currents of {current_columns}; allowed: as "
            "many of both"
        )
    return rows, columns if columns is not None else current_columns


def evaluate(
    session: onnxruntime.InferenceSession,
    names: Iterable[str],
    conductance_s: np.ndarray,
    current_a: np.ndarray,
) -> dict[str, np.ndarray]:
    """Run a model once.

    Args:
        session: the model, its ports checked.
        names: outputs wanted.
        conductance_s: [S], (N, M), float32. current_a: [A], (B, M), float32.

    Returns:
        name → value.

    Raises:
        CalibratorFileError: the model fails on these inputs, or answers something else than tensors.
    """
    names = list(names)
    try:
        values = session.run(names, {CONDUCTANCE: conductance_s, CURRENT: current_a})
    except MODEL_ERRORS as error:
        raise failure(error, f"a matrix {conductance_s.shape} and currents {current_a.shape}") from error
    tensors = {
        name: value for name, value in zip(names, values, strict=True) if isinstance(value, np.ndarray)
    }
    if len(tensors) < len(names):
        raise CalibratorFileError(
            "got a model that answers sequences or maps; allowed: tensors; export it again"
        )
    return tensors


def failure(error: Exception, inputs: str) -> CalibratorFileError:
    """Phrase an error that onnxruntime raised while it ran a model."""
    return CalibratorFileError(
        f"onnxruntime fails on {inputs} ({_first_line(error)}); use the size that the model was made for, or "
        "export it again"
    )


def _fixed(size: int | str | None) -> int | None:
    """Return a dimension that the model fixes; one that is free has a name, or nothing."""
    return size if isinstance(size, int) else None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0][:200]
