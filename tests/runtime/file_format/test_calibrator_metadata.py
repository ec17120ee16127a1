"""What a calibrator says of itself survives the file, and nothing impossible gets into one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from calibrator_models import affine_model

from crosscal.core.errors import CalibratorFileError, InputError, RangeError, ShapeError
from crosscal.runtime import CalibratorMetadata, ParityProbes

MODEL = affine_model(3, 5, np.random.default_rng(1))


def metadata(**changes: Any) -> CalibratorMetadata:
    return MODEL.metadata(np.random.default_rng(2), **changes)


def test_every_field_survives_the_properties_of_a_file():
    written = metadata(provenance={"seed": 7, "note": "25 °C"}, normalisation={"current": "none"})
    read = CalibratorMetadata.from_properties(written.to_properties())
    for name in CalibratorMetadata.__slots__:
        if name != "parity_probes":
            assert getattr(read, name) == getattr(written, name)
    np.testing.assert_array_equal(read.parity_probes.conductance_s, written.parity_probes.conductance_s)
    np.testing.assert_array_equal(read.parity_probes.current_a, written.parity_probes.current_a)
    np.testing.assert_array_equal(read.parity_probes.calibrated_a, written.parity_probes.calibrated_a)
    assert read.parity_probes.relative_tolerance == written.parity_probes.relative_tolerance


def test_probes_travel_as_little_endian_float32_in_row_major_order():
    import base64

    document = metadata().parity_probes.to_json()
    raw = base64.b64decode(document["conductance"])
    assert np.frombuffer(raw[4:8], "<f4")[0] == metadata().parity_probes.conductance_s[0, 0, 1]


@pytest.mark.parametrize(
    "key",
    [
        "kind",
        "rows",
        "columns",
        "units",
        "conductance_range_s",
        "current_range_a",
        "parity_probes",
        "provenance",
    ],
)
def test_a_missing_entry_is_named(key: str):
    properties = metadata().to_properties()
    del properties[key]
    with pytest.raises(CalibratorFileError, match=f"lack '{key}'"):
        CalibratorMetadata.from_properties(properties)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rows", "three"),
        ("rows", "4"),
        ("columns", "0"),
        ("units", json.dumps({"conductance": "uS", "current": "A", "calibrated": "A"})),
        ("units", "{"),
        ("conductance_range_s", "[1e-4, 1e-5]"),
        ("conductance_range_s", "[1e-5]"),
        ("conductance_range_s", "[-1e-5, 1e-4]"),
        ("current_range_a", "[0, NaN]"),
        ("parity_probes", "[]"),
        ("parity_probes", json.dumps({"matrices": 1, "batch": 1})),
        ("fold", "[1]"),
        ("provenance", '"text"'),
    ],
)
def test_an_impossible_entry_is_one_error(key: str, value: str):
    with pytest.raises(CalibratorFileError, match="metadata"):
        CalibratorMetadata.from_properties(metadata().to_properties() | {key: value})


@pytest.mark.parametrize("spoiled", ["conductance", "current", "calibrated"])
@pytest.mark.parametrize("text", ["not base64!", "AAAA", "AACAfwAAgH8AAIB/"])
def test_probe_arrays_that_are_damaged_are_one_error(spoiled: str, text: str):
    properties = metadata().to_properties()
    document = json.loads(properties["parity_probes"]) | {spoiled: text}
    with pytest.raises(CalibratorFileError, match="metadata"):
        CalibratorMetadata.from_properties(properties | {"parity_probes": json.dumps(document)})


def test_a_newer_format_asks_for_an_update():
    with pytest.raises(CalibratorFileError, match=r"version 3, .* reads 2; update crosscal"):
        CalibratorMetadata.from_properties(metadata().to_properties() | {"format_version": "3"})


def test_another_format_is_named():
    with pytest.raises(CalibratorFileError, match="'something'"):
        CalibratorMetadata.from_properties(metadata().to_properties() | {"format": "something"})


def test_what_json_cannot_hold_is_refused_when_written():
    with pytest.raises(InputError, match="JSON"):
        metadata(provenance={"score": float("nan")}).to_properties()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": ""}, InputError),
        ({"rows": 0}, ShapeError),
        ({"rows": 5, "columns": 3}, ShapeError),
        ({"conductance_range_s": (1e-4, 1e-5)}, RangeError),
        ({"current_range_a": (0.0, float("inf"))}, RangeError),
    ],
)
def test_impossible_metadata_cannot_be_made(changes: dict[str, Any], error: type[InputError]):
    with pytest.raises(error):
        metadata(**changes)


def probes(**changes: Any) -> ParityProbes:
    arrays = {
        "conductance_s": np.ones((2, 3, 5)),
        "current_a": np.ones((2, 4, 5)),
        "calibrated_a": np.ones((2, 4, 5)),
    }
    return ParityProbes(**(arrays | changes))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"conductance_s": np.ones((3, 5))}, ShapeError),
        ({"current_a": np.ones((2, 0, 5))}, ShapeError),
        ({"current_a": np.ones((2, 4, 3))}, ShapeError),
        ({"calibrated_a": np.ones((1, 4, 5))}, ShapeError),
        ({"current_a": np.full((2, 4, 5), np.nan)}, RangeError),
        ({"relative_tolerance": 0.0}, RangeError),
        ({"relative_tolerance": 1.1e-3}, RangeError),
        ({"relative_tolerance": float("nan")}, RangeError),
    ],
)
def test_probes_that_could_not_catch_anything_cannot_be_made(
    changes: dict[str, Any], error: type[InputError]
):
    with pytest.raises(error):
        probes(**changes)


def test_the_worst_probe_counts_relative_to_its_own_matrix():
    answers = np.stack([np.full((4, 5), 1.0), np.full((4, 5), 100.0)])
    several = probes(calibrated_a=answers, conductance_s=np.stack([np.zeros((3, 5)), np.ones((3, 5))]))

    def off_by_a_hundredth_in_the_first(matrix: np.ndarray, _: np.ndarray) -> np.ndarray:
        return answers[int(matrix[0, 0])] + (0.01 if matrix[0, 0] == 0.0 else 0.0)

    assert several.worst_error(off_by_a_hundredth_in_the_first) == pytest.approx(0.01)


def test_an_answer_of_nan_is_the_worst_there_is():
    assert probes().worst_error(lambda _, current_a: np.full_like(current_a, np.nan)) == np.inf
