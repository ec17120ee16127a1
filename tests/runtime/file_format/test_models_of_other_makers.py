"""Any ONNX with the documented inputs and output runs; any other is one clear error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from crosscal.core.errors import CalibratorFileError, RangeError, ShapeError
from crosscal.runtime import Calibrator

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
Port = tuple[str, int, list[int | str]]

MATRIX: Port = ("conductance", FLOAT, [3, 5])
CURRENT: Port = ("current", FLOAT, ["batch", 5])
CALIBRATED: Port = ("calibrated", FLOAT, ["batch", 5])


def foreign(
    inputs: Sequence[Port] = (MATRIX, CURRENT),
    outputs: Sequence[Port] = (CALIBRATED,),
    nodes: Sequence[NodeProto] | None = None,
    properties: dict[str, str] | None = None,
) -> Calibrator:
    """A model that scales each column by the sum of its conductances, unless told otherwise."""
    nodes = nodes or [
        helper.make_node("ReduceSum", ["conductance", "axis"], ["gain"], keepdims=0),
        helper.make_node("Mul", ["current", "gain"], ["calibrated"]),
    ]
    graph = helper.make_graph(
        list(nodes),
        "another maker's",
        [helper.make_tensor_value_info(*port) for port in inputs],
        [helper.make_tensor_value_info(*port) for port in outputs],
        [
            numpy_helper.from_array(np.array([0], dtype=np.int64), "axis"),
            numpy_helper.from_array(np.array([3, 5], dtype=np.int64), "fixed"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, properties or {})
    return Calibrator.from_bytes(model.SerializeToString(), origin="theirs.onnx")


def test_runs_and_says_what_it_does_not_know():
    calibrator = foreign()
    assert (calibrator.shape, calibrator.kind, calibrator.folded) == ((3, 5), "onnx", False)
    assert calibrator.conductance_range_s is None
    rng = np.random.default_rng(1)
    matrix, current_a = rng.uniform(1.0, 2.0, (3, 5)), rng.normal(size=(4, 5))
    programmed = calibrator.program(matrix)
    np.testing.assert_allclose(programmed(current_a), current_a * matrix.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(programmed(current_a[0]), current_a[0] * matrix.sum(axis=0), rtol=1e-6)
    with pytest.raises(RangeError, match="no range of currents"):
        programmed.within_trained_range(current_a)


def test_metadata_of_theirs_are_none_of_ours():
    assert foreign(properties={"format": "their own", "kind": "affine"}).metadata is None


def test_a_model_for_any_size_takes_its_size_from_the_matrix():
    calibrator = foreign(
        [("conductance", FLOAT, ["n", "m"]), ("current", FLOAT, ["b", "m"])],
        [("calibrated", FLOAT, ["b", "m"])],
    )
    assert calibrator.shape == (None, None)
    for rows, columns in ((2, 3), (4, 1)):
        matrix = np.full((rows, columns), 0.5)
        np.testing.assert_allclose(calibrator.program(matrix)(np.ones((2, columns))), 0.5 * rows)
    with pytest.raises(ShapeError, match=r"\(any, any\)"):
        calibrator.program(np.ones(3))


def test_a_model_that_fixes_its_size_in_one_input_only_is_held_to_it():
    calibrator = foreign([("conductance", FLOAT, [3, "m"]), CURRENT])
    assert calibrator.shape == (3, 5)
    with pytest.raises(ShapeError, match=r"shape \(5, 3\); allowed: \(3, 5\)"):
        calibrator.program(np.ones((5, 3)))


@pytest.mark.parametrize(
    ("inputs", "outputs", "nodes", "complaint"),
    [
        (
            [("image", FLOAT, [1, 3])],
            [("label", FLOAT, [1, 3])],
            [helper.make_node("Relu", ["image"], ["label"])],
            r"inputs \['image'\] and outputs \['label'\]; allowed: inputs 'conductance' and 'current'",
        ),
        ([MATRIX, CURRENT, ("extra", FLOAT, [1])], [CALIBRATED], None, "'extra'"),
        (
            [MATRIX, CURRENT],
            [("answer", FLOAT, ["batch", 5])],
            [helper.make_node("Relu", ["current"], ["answer"])],
            "outputs",
        ),
        ([MATRIX, ("current", FLOAT, [1, 5])], [("calibrated", FLOAT, [1, 5])], None, "batches of 1 only"),
        (
            [("conductance", DOUBLE, [3, 5]), ("current", DOUBLE, ["b", 5])],
            [("calibrated", DOUBLE, ["b", 5])],
            None,
            r"'conductance' is tensor\(double\)",
        ),
        (
            [("conductance", FLOAT, [15]), CURRENT],
            [CALIBRATED],
            [helper.make_node("Relu", ["current"], ["calibrated"])],
            "two dimensions",
        ),
        (
            [("conductance", FLOAT, [5, 3]), CURRENT],
            [CALIBRATED],
            [helper.make_node("Relu", ["current"], ["calibrated"])],
            "3 columns and currents of 5",
        ),
    ],
)
def test_other_inputs_or_outputs_are_one_error(
    inputs: list[Port], outputs: list[Port], nodes: list[NodeProto] | None, complaint: str
):
    with pytest.raises(CalibratorFileError, match=complaint) as caught:
        foreign(inputs, outputs, nodes)
    assert "theirs.onnx cannot be used" in str(caught.value)


def test_a_model_that_answers_another_shape_is_refused_when_it_is_programmed():
    calibrator = foreign(
        outputs=[("calibrated", FLOAT, ["b", "m"])],
        nodes=[helper.make_node("Transpose", ["current"], ["calibrated"])],
    )
    with pytest.raises(CalibratorFileError, match=r"answers \(5, 2\) to currents of \(2, 5\)"):
        calibrator.program(np.ones((3, 5)))


def test_a_model_that_fails_on_a_matrix_is_refused_when_it_is_programmed():
    calibrator = foreign(
        [("conductance", FLOAT, ["n", "m"]), ("current", FLOAT, ["b", "k"])],
        [("calibrated", FLOAT, ["b", "m"])],
        [
            helper.make_node("Reshape", ["conductance", "fixed"], ["same"]),
            helper.make_node("ReduceSum", ["same", "axis"], ["gain"], keepdims=0),
            helper.make_node("Mul", ["current", "gain"], ["calibrated"]),
        ],
    )
    assert calibrator.program(np.ones((3, 5))).shape == (3, 5)
    with pytest.raises(CalibratorFileError, match=r"onnxruntime fails on a matrix \(4, 4\)"):
        calibrator.program(np.ones((4, 4)))


def test_an_answer_of_nan_is_an_error_and_nothing_is_written():
    programmed = foreign(nodes=[helper.make_node("Log", ["current"], ["calibrated"])]).program(
        np.ones((3, 5))
    )
    current_a = np.ones((2, 5))
    np.testing.assert_array_equal(programmed(current_a), 0.0)
    current_a[1, 1] = -1.0
    out = np.full_like(current_a, 77.0)
    with pytest.raises(RangeError, match="answered NaN"):
        programmed(current_a, out)
    assert (out == 77.0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 9.91e37])
def test_what_is_no_reading_is_refused_without_metadata_too(bad: float):
    with pytest.raises(RangeError, match="in vector 1, column 1"):
        foreign().program(np.ones((3, 5)))(np.array([bad, 1.0, 1.0, 1.0, 1.0]))
