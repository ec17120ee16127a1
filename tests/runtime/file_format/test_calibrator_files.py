"""A file that is not wholly right is one clear error, and never a calibrator."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from calibrator_models import Model, affine_model, concatsquash_model

from crosscal.core.errors import CalibratorFileError, InputError
from crosscal.runtime import Calibrator, CalibratorMetadata, ParityProbes, write_calibrator
from crosscal.runtime.file_format.calibrator_file import seal_calibrator

AFFINE = affine_model(3, 5, np.random.default_rng(1))
NETWORK = concatsquash_model(5, 3, np.random.default_rng(1))


def sealed(model: Model = AFFINE, **changes: Any) -> bytes:
    return seal_calibrator(model.content, model.metadata(np.random.default_rng(2), **changes))


def load_bytes(tmp_path: Path, content: bytes) -> Calibrator:
    path = tmp_path / "b7.onnx"
    path.write_bytes(content)
    return Calibrator.load(path)


@pytest.mark.parametrize("model", [AFFINE, NETWORK], ids=lambda model: model.kind)
def test_a_written_file_loads_and_says_what_it_is(tmp_path: Path, model: Model):
    path = tmp_path / "b7.onnx"
    write_calibrator(path, model.content, model.metadata(np.random.default_rng(2)))
    calibrator = Calibrator.load(str(path))
    assert calibrator.shape == (model.rows, model.columns)
    assert calibrator.kind == model.kind
    assert calibrator.folded
    assert calibrator.conductance_range_s == (16.6e-6, 100e-6)
    assert [entry.name for entry in tmp_path.iterdir()] == ["b7.onnx"]


def test_the_front_door_loads_it(tmp_path: Path):
    import crosscal

    path = tmp_path / "b7.onnx"
    write_calibrator(path, AFFINE.content, AFFINE.metadata(np.random.default_rng(2)))
    assert crosscal.load_calibrator(path).shape == (3, 5)


def test_a_written_file_is_standard_onnx(tmp_path: Path):
    path = tmp_path / "b7.onnx"
    write_calibrator(path, NETWORK.content, NETWORK.metadata(np.random.default_rng(2)))
    read = onnx.load(path)
    onnx.checker.check_model(read)
    assert read.graph == NETWORK.onnx_model.graph


# Every length would take a minute; these fall into entries, graph, seal and what lies between.
@pytest.mark.parametrize("part", np.linspace(0.0, 0.999, 41).tolist())
def test_a_file_that_was_cut_off_anywhere_is_refused(tmp_path: Path, part: float):
    content = sealed()
    with pytest.raises(CalibratorFileError, match=r"b7\.onnx cannot be used"):
        load_bytes(tmp_path, content[: int(part * len(content))])


def test_a_file_cut_off_just_where_the_bare_model_would_be_valid_is_refused(tmp_path: Path):
    content = sealed()
    whole_model = content.index(AFFINE.content) + len(AFFINE.content)
    with pytest.raises(CalibratorFileError, match="damaged"):
        load_bytes(tmp_path, content[:whole_model])


@pytest.mark.parametrize("part", np.linspace(0.01, 0.999, 23).tolist())
def test_a_file_with_one_bit_flipped_anywhere_is_refused(tmp_path: Path, part: float):
    content = bytearray(sealed(NETWORK))
    content[int(part * len(content))] ^= 0x10
    with pytest.raises(CalibratorFileError, match="damaged"):
        load_bytes(tmp_path, bytes(content))


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + bytes(100), b"G,I\n1,2\n", bytes(1000)])
def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path, content: bytes):
    with pytest.raises(CalibratorFileError, match=r"onnxruntime cannot open it|no calibrator\.onnx"):
        load_bytes(tmp_path, content)


def test_a_bit_flipped_in_the_opening_makes_no_foreign_model_of_it(tmp_path: Path):
    content = sealed()
    for index in range(60):
        for bit in (0x01, 0x40):
            damaged = bytearray(content)
            damaged[index] ^= bit
            with pytest.raises(CalibratorFileError):
                load_bytes(tmp_path, bytes(damaged))


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(CalibratorFileError, match="No such file"):
        Calibrator.load(tmp_path / "missing.onnx")
    with pytest.raises(CalibratorFileError, match="cannot be read"):
        Calibrator.load(tmp_path)


def test_a_file_that_another_program_saved_again_is_refused(tmp_path: Path):
    again = onnx.load_from_string(sealed()).SerializeToString()
    with pytest.raises(CalibratorFileError, match="saved it again"):
        load_bytes(tmp_path, again)


def test_a_file_of_ours_is_not_taken_for_a_bare_model():
    with pytest.raises(InputError, match="calibrator file as the model"):
        seal_calibrator(sealed(), AFFINE.metadata(np.random.default_rng(2), fold=None))


def test_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    entries = AFFINE.metadata(np.random.default_rng(2)).to_properties() | {"format_version": "3"}
    monkeypatch.setattr(CalibratorMetadata, "to_properties", lambda _: dict(entries))
    with pytest.raises(CalibratorFileError, match="version 3"):
        load_bytes(tmp_path, sealed())


def test_a_file_of_the_first_format_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    entries = AFFINE.metadata(np.random.default_rng(2)).to_properties() | {"format_version": "1"}
    entries["probes"] = entries.pop("parity_probes")
    monkeypatch.setattr(CalibratorMetadata, "to_properties", lambda _: dict(entries))
    with pytest.raises(
        CalibratorFileError, match=r"version 1, from before 0\.1\.0; .*train the calibrator again"
    ):
        load_bytes(tmp_path, sealed())


def test_metadata_of_another_size_than_the_graph_are_refused(tmp_path: Path):
    other = affine_model(5, 3, np.random.default_rng(1))
    content = seal_calibrator(AFFINE.content, other.metadata(np.random.default_rng(2)))
    with pytest.raises(CalibratorFileError, match=r"graph is for \(3, 5\), its metadata for \(5, 3\)"):
        load_bytes(tmp_path, content)


def test_a_graph_that_answers_otherwise_than_its_probes_is_refused(tmp_path: Path):
    right = AFFINE.parity_probes(np.random.default_rng(2))
    wrong = ParityProbes(
        conductance_s=right.conductance_s,
        current_a=right.current_a,
        calibrated_a=right.calibrated_a * np.float32(1.0 + 3e-5),
    )
    with pytest.raises(CalibratorFileError, match=r"onnxruntime misses by 3.*e-05 .* allowed: 1e-05"):
        load_bytes(tmp_path, sealed(parity_probes=wrong))


def test_a_fold_that_answers_otherwise_than_its_graph_is_refused(tmp_path: Path):
    # Both name tensors of the right shape, so that only the probes can tell.
    with pytest.raises(CalibratorFileError, match="folded path misses"):
        load_bytes(tmp_path, sealed(fold={"gain": "gain_at_zero", "offset": "fold_offset"}))
    with pytest.raises(CalibratorFileError, match="folded path misses"):
        load_bytes(tmp_path, sealed(NETWORK, fold=NETWORK.fold | {"activation": "tanh"}))


@pytest.mark.parametrize(
    ("model", "fold", "complaint"),
    [
        (AFFINE, {"gain": "fold_gain"}, "offset"),
        (AFFINE, {"gain": "fold_gain", "offset": "nowhere"}, "onnxruntime cannot open it"),
        (AFFINE, {"gain": "fold_gain", "offset": "conductance"}, "'conductance'"),
        (NETWORK, NETWORK.fold | {"activation": "relu"}, "relu"),
        (NETWORK, NETWORK.fold | {"layers": []}, "no layers"),
        (NETWORK, NETWORK.fold | {"layers": [["fold_weight_0"]]}, "fold"),
        (NETWORK, NETWORK.fold | {"layers": NETWORK.fold["layers"][:1]}, "last layer of 12 units"),
        (NETWORK, NETWORK.fold | {"layers": NETWORK.fold["layers"][::-1]}, "as the layer before it gives"),
        (NETWORK, NETWORK.fold | {"layers": [["fold_bias_0", "fold_bias_0"]]}, "allowed: 2 dimensions"),
        (NETWORK, NETWORK.fold | {"skip": "fold_bias_0"}, "one for each of 3"),
        (NETWORK, NETWORK.fold | {"skip": "as_vector"}, "int64"),
        (NETWORK, NETWORK.fold | {"skips": "skip"}, "unknown entries"),
    ],
)
def test_a_fold_that_cannot_be_is_refused(tmp_path: Path, model: Model, fold: dict[str, Any], complaint: str):
    with pytest.raises(CalibratorFileError, match=complaint):
        load_bytes(tmp_path, sealed(model, fold=fold))


def test_a_file_without_a_fold_or_of_an_unknown_kind_runs_through_onnxruntime(tmp_path: Path):
    rng = np.random.default_rng(3)
    matrix, currents = AFFINE.matrix(rng), AFFINE.currents(rng, 4)
    for changes in ({"fold": None}, {"kind": "of tomorrow"}):
        calibrator = load_bytes(tmp_path, sealed(**changes))
        assert not calibrator.folded
        np.testing.assert_allclose(
            calibrator.program(matrix)(currents), AFFINE.expected(matrix, currents), rtol=1e-6
        )


def test_writing_what_would_not_load_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "b7.onnx"
    write_calibrator(path, AFFINE.content, AFFINE.metadata(np.random.default_rng(2)))
    before = path.read_bytes()
    with pytest.raises(CalibratorFileError, match="folded path"):
        write_calibrator(
            path,
            AFFINE.content,
            AFFINE.metadata(np.random.default_rng(2), fold={"gain": "gain_at_zero", "offset": "fold_offset"}),
        )
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "b7.onnx"
    path.write_bytes(b"old")

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("crosscal.runtime.file_format.calibrator_file.os.fsync", no_space)
    with pytest.raises(CalibratorFileError, match="No space left"):
        write_calibrator(path, AFFINE.content, AFFINE.metadata(np.random.default_rng(2)))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_one_error(tmp_path: Path):
    with pytest.raises(CalibratorFileError, match="cannot be written"):
        write_calibrator(
            tmp_path / "no" / "b7.onnx", AFFINE.content, AFFINE.metadata(np.random.default_rng(2))
        )
