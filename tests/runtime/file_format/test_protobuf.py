"""Appended bytes are read back by the onnx package itself, which shares no code with ours."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from calibrator_models import affine_model

from crosscal.runtime.file_format.protobuf import graph_outputs, metadata_entry, split_metadata
from crosscal.runtime.onnx_session import open_session


def test_appended_outputs_join_those_that_the_graph_had():
    model = affine_model(3, 5, np.random.default_rng(1))
    merged = onnx.load_from_string(model.content + graph_outputs(["fold_gain", "fold_offset"]))
    assert [output.name for output in merged.graph.output] == ["calibrated", "fold_gain", "fold_offset"]
    assert merged.graph.node == model.onnx_model.graph.node
    assert merged.graph.initializer == model.onnx_model.graph.initializer


def test_onnxruntime_evaluates_appended_outputs_whose_type_nobody_stated():
    model = affine_model(3, 5, np.random.default_rng(1))
    session = open_session(model.content + graph_outputs(["fold_gain", "slope"]))
    matrix = model.matrix(np.random.default_rng(2)).astype(np.float32)
    gain, slope = session.run(
        ["fold_gain", "slope"], {"conductance": matrix, "current": np.zeros((1, 5), dtype=np.float32)}
    )
    np.testing.assert_array_equal(slope, model.parameters["slope"].astype(np.float32))
    np.testing.assert_allclose(
        gain, model.parameters["gain_at_zero"] + model.parameters["slope"] * matrix.sum(axis=0), rtol=1e-6
    )


# Lengths around which a varint grows by a byte.
@pytest.mark.parametrize("length", [0, 1, 110, 120, 127, 128, 16_370, 16_383, 16_384, 3_000_000])
def test_entries_of_any_length_are_read_back(length: int):
    value = "µ" + "v" * length
    read = onnx.load_from_string(metadata_entry("key", value) + metadata_entry("another", ""))
    assert {entry.key: entry.value for entry in read.metadata_props} == {"key": value, "another": ""}


def test_an_entry_before_the_model_is_as_good_as_one_after_it():
    model = affine_model(3, 5, np.random.default_rng(1))
    merged = onnx.load_from_string(metadata_entry("first", "1") + model.content + metadata_entry("last", "2"))
    assert [entry.key for entry in merged.metadata_props] == ["first", "last"]
    assert merged.graph == model.onnx_model.graph


def test_metadata_come_off_again_and_leave_the_model_to_the_byte():
    model = affine_model(3, 5, np.random.default_rng(1))
    entries = metadata_entry("first", "µ" * 200) + metadata_entry("last", "")
    bare, properties = split_metadata(metadata_entry("format", "ours") + model.content + entries)
    assert bare == model.content
    assert properties == {"format": "ours", "first": "µ" * 200, "last": ""}


@pytest.mark.parametrize("content", [b"\x80", b"\x0a\x05abc", b"\x0b", b"\x09abc"])
def test_what_is_no_sequence_of_fields_is_refused(content: bytes):
    with pytest.raises(ValueError, match="protobuf"):
        split_metadata(content)


def test_numbers_of_fixed_size_are_passed_over():
    content = b"\x09" + bytes(8) + b"\x15" + bytes(4) + b"\x18\x96\x01"
    assert split_metadata(content) == (content, {})
