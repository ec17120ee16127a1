"""Mapping of networks: weights from true levels, ranges of converters, files, data."""

from __future__ import annotations

import struct
import zipfile

import numpy as np
import pytest
import torch
from support.made_networks import small_network, striped_images

from crosscal.core.errors import FileFormatError, InputError, RangeError, SettingsError, ShapeError
from crosscal.core.network.cell_profile import CellProfile, cell_profile_names, load_cell_profile
from crosscal.core.network.input_coding import InputCoding
from crosscal.training.networks.data import fit_shape, read_data
from crosscal.training.networks.graph.graph import Graph, Node
from crosscal.training.networks.mapping.level_table import level_table
from crosscal.training.networks.mapping.mapped_file import load_mapped, save_mapped
from crosscal.training.networks.mapping.mapper import map_network
from crosscal.training.networks.mapping.matrix_layer import split_matrix_layers
from crosscal.training.networks.mapping.options import DIFFERENTIAL, OFFSET, MappingOptions
from crosscal.training.networks.mapping.ranges import InputRange, whole_numbers
from crosscal.training.networks.mapping.weight_codes import encode_weights

EVEN = CellProfile(levels_s=(0.0, 1e-5, 2e-5, 3e-5))
UNEVEN = load_cell_profile("radar-baked")


def decoded(encoded, cells: CellProfile) -> np.ndarray:
    """Weights as the cells' levels give them, (O, K)."""
    values = cells.levels[encoded.codes] / cells.unit
    both = values[..., 0] - (values[..., 1] if values.shape[3] == 2 else 0.0)
    return ((both @ encoded.significance - encoded.reference) * encoded.factor).T


@pytest.mark.parametrize("representation", [OFFSET, DIFFERENTIAL])
@pytest.mark.parametrize("cells", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("scale", ["column", "layer", "2"])
def test_levels_form_the_weights_that_were_asked_for(
    representation: str, cells: CellProfile, scale: str
) -> None:
    weight = np.random.default_rng(0).uniform(-1, 1, (5, 40)) * np.array([[0.1], [0.3], [0.9], [0.0], [1.0]])
    encoded = encode_weights(weight, MappingOptions(cells=cells, scale=scale), representation)
    assert np.abs(decoded(encoded, cells) - encoded.weight).max() < 1e-6, "what is stated is what is formed"
    # Equidistant levels leave half a step of 128; measured ones leave gaps of up to 1.5 steps of fewer.
    step = encoded.factor[:, None] * (1.0 if cells is EVEN else 1.5)
    inside = np.abs(weight) < encoded.factor[:, None] * 120
    assert (np.abs(encoded.weight - weight)[inside] <= (step * np.ones_like(weight))[inside]).all()


def test_equidistant_levels_give_the_powers_of_four_and_the_shift_of_half_the_range() -> None:
    table = level_table(EVEN, 4)
    assert table.significance.tolist() == [1, 4, 16, 64]
    assert table.values.tolist() == list(range(256))
    assert table.middle == 128
    encoded = encode_weights(
        np.array([[-2.0, -1.0, 0.0, 1.0]]), MappingOptions(cells=EVEN, scale="2"), OFFSET
    )
    assert encoded.codes[:, 0, 3, 0].tolist() == [0, 1, 2, 3]  # most significant slice after the shift


def test_unequal_levels_leave_no_gap_wider_than_the_lowest_slice_has() -> None:
    table = level_table(UNEVEN, 4)
    levels = UNEVEN.levels / UNEVEN.unit
    assert np.diff(table.values).max() <= np.diff(levels).max() + 1e-9
    assert (np.diff(table.significance) > 0).all()


@pytest.mark.parametrize("signed", [False, True])
def test_whole_numbers_come_back_within_half_a_step(signed: bool) -> None:
    x = torch.rand(4, 3, 5, 5) - (0.5 if signed else 0.0)
    coding = InputCoding(bits=8, signed=signed)
    for largest in (None, 1.0):
        numbers, factor = whole_numbers(x, InputRange(largest=largest, signed=signed), coding)
        assert (numbers == numbers.round()).all()
        assert (numbers * factor - x).abs().max() <= 0.5 / coding.largest + 1e-6


def test_a_mapped_network_is_the_same_after_its_file(tmp_path) -> None:
    network = map_network(small_network(), (1, 12, 12), MappingOptions(cells=EVEN, tile_rows=32))
    path = tmp_path / "net.mapped"
    save_mapped(network, path)
    again = load_mapped(path)
    assert again.graph.nodes == network.graph.nodes
    assert again.options == network.options
    assert again.notes == network.notes
    for one, other in zip(network.layers, again.layers, strict=True):
        for a, b in zip(one.codes, other.codes, strict=True):
            assert (a.codes == b.codes).all()
            assert (a.adc_range == b.adc_range).all()
            assert a.coding == b.coding
        assert (one.factor == other.factor).all()
        assert (one.matrix.weight == other.matrix.weight).all()


def test_files_of_another_kind_or_version_and_damaged_ones_are_refused_in_one_line(tmp_path) -> None:
    path = tmp_path / "net.mapped"
    path.write_bytes(b"PK nothing")
    with pytest.raises(FileFormatError, match="no mapped network"):
        load_mapped(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network.json", '{"format": "crosscal-mapped-network", "format_version": 99}')
    with pytest.raises(FileFormatError, match="of format 99; allowed: format 1"):
        load_mapped(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network.json", '{"format": "crosscal-mapped-network", "format_version": 1}')
    with pytest.raises(FileFormatError, match="damaged"):
        load_mapped(path)


def test_every_profile_that_comes_along_can_be_mapped_for() -> None:
    for name in cell_profile_names():
        cells = load_cell_profile(name)
        encoded = encode_weights(np.array([[0.5, -0.25]]), MappingOptions(cells=cells), DIFFERENTIAL)
        assert np.abs(encoded.weight - [[0.5, -0.25]]).max() < 0.01, name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("levels_s = [1e-6, 3e-6, 2e-6, 4e-6]", "got 2e-06 for code 2 after 3e-06.*do not overlap"),
        ("levels_s = [1e-6, 3e-6, 4e-6]", "got 3 levels; allowed: 2, 4, 8"),
        ("levels_s = [1e-6, 3e-6]\ndeviation_s = [1e-7]", "got 1 values; allowed: 2, one per level"),
        ("deviation_s = [1e-7, 1e-7]", "levels_s and levels_f: allowed: one of them"),
        ("levels_s = [1e-6, 2e-6]\nlevel = 3", "the unknown key level"),
    ],
)
def test_cells_that_there_cannot_be_are_refused(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "cells.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        load_cell_profile(str(path))


def test_options_that_no_tile_can_have_are_refused() -> None:
    for options, message in (
        ({"adc_bits": 0}, "an ADC of 0 bits"),
        ({"tile_columns": 3}, "tiles of 128x3 for weights of 4 columns each"),
        ({"weight_bits": 1}, "weights of 1 bits"),
    ):
        with pytest.raises(RangeError, match=message):
            MappingOptions(cells=EVEN, **options)
    with pytest.raises(InputError, match="the scale '-1'"):
        MappingOptions(cells=EVEN, scale="-1")


def test_inputs_sorted_by_class_are_shuffled_alike_and_others_stay_as_they_are(tmp_path) -> None:
    y = np.repeat(np.arange(4), 25)
    x = np.arange(100, dtype=np.float32)[:, None]
    mixed = np.random.default_rng(1).permutation(100)
    np.savez(tmp_path / "sorted.npz", x_train=x, y_train=y, x_test=x[mixed], y_test=y[mixed])
    train, test = (read_data(tmp_path / "sorted.npz", part) for part in ("train", "test"))
    assert np.unique(train.y[:20]).tolist() == [0, 1, 2, 3], "a few stand for all"
    assert (train.y == train.x[:, 0].astype(int) // 25).all(), "each keeps its class"
    assert sorted(train.x[:, 0]) == x[:, 0].tolist()
    assert (test.x == x[mixed]).all()
    again = read_data(tmp_path / "sorted.npz", "train", labels=False)
    assert (again.x == train.x).all()


def test_data_come_from_npz_idx_and_folders_of_images_alike(tmp_path) -> None:
    from PIL import Image

    images, y = striped_images(6, 0)
    x = (255 * images[:, 0]).astype(np.uint8)
    np.savez(tmp_path / "data.npz", x_test=x, y_test=y)
    idx = tmp_path / "idx"
    idx.mkdir()
    header = struct.pack(">HBBIII", 0, 8, 3, *x.shape)
    (idx / "t10k-images-idx3-ubyte").write_bytes(header + x.tobytes())
    labels = struct.pack(">HBBI", 0, 8, 1, len(y)) + y.astype(np.uint8).tobytes()
    (idx / "t10k-labels-idx1-ubyte").write_bytes(labels)
    for k, (image, label) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / "images" / "test" / f"class-{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{k}.png")
    first = read_data(tmp_path / "data.npz", "test")
    second = read_data(idx, "test")
    third = read_data(tmp_path / "images", "test")
    assert (first.x == second.x).all()
    assert (first.y == second.y).all()
    assert sorted(third.x.sum(axis=(1, 2))) == pytest.approx(sorted(first.x.sum(axis=(1, 2))))
    assert first.x.max() <= 1.0
    assert fit_shape(first.x, (1, 12, 12)).shape == (6, 1, 12, 12)
    assert fit_shape(first.x, (144,)).shape == (6, 144)


def test_data_that_do_not_fit_are_refused(tmp_path) -> None:
    with pytest.raises(ShapeError, match=r"inputs of shape \(12, 12\); allowed: \(3, 12, 12\)"):
        fit_shape(np.zeros((2, 12, 12)), (3, 12, 12))
    path = tmp_path / "data.npz"
    np.savez(path, x_test=np.zeros((3, 4)))
    with pytest.raises(InputError, match="add y_test"):
        read_data(path, "test")
    np.savez(path, x_test=np.zeros((3, 4)), y_test=np.zeros(2, dtype=int))
    with pytest.raises(ShapeError, match="3 inputs and 2 classes"):
        read_data(path, "test")


def test_the_planner_takes_the_representation_that_scatter_moves_less_and_says_why() -> None:
    quiet_zero = CellProfile(levels_s=(0.0, 1e-5, 2e-5, 3e-5), deviation_s=(1e-8, 3e-6, 3e-6, 3e-6))
    loud_zero = CellProfile(levels_s=(1e-5, 2e-5, 3e-5, 4e-5), deviation_s=(4e-6, 1e-8, 1e-8, 1e-8))
    chosen = {}
    for name, cells in (("quiet", quiet_zero), ("loud", loud_zero)):
        network = map_network(small_network().eval(), (1, 12, 12), MappingOptions(cells=cells, scale="layer"))
        chosen[name] = network.options.representation, network.notes
    assert chosen["quiet"][0] == DIFFERENTIAL
    assert chosen["loud"][0] == OFFSET
    assert any("scatter of the cells moves weights by" in note for note in chosen["loud"][1])
    worst = CellProfile(levels_s=(0.0, 1e-5, 2e-5, 3e-5), deviation_s=(1e-5, 1e-5, 3e-5, 1e-5))
    notes = map_network(small_network().eval(), (1, 12, 12), MappingOptions(cells=worst)).notes
    assert any("--favourable 0,1,3" in note and "code 2 scatters most" in note for note in notes)


def test_every_name_of_the_package_can_be_imported() -> None:
    import crosscal.training.networks as networks

    assert len(networks.__all__) >= 10
    for name in networks.__all__:
        assert getattr(networks, name) is not None


@pytest.mark.parametrize(
    ("shape", "attributes", "message"),
    [
        ((6, 2, 3, 3), {"group": 4}, r"node 'odd' with group = 4 and 6 outputs; allowed: .*equally many"),
        ((6, 2, 3, 3), {"group": 0}, "node 'odd' with group = 0"),
        ((6, 2, 3, 3), {"kernel_shape": [5, 5]}, r"kernel_shape = \[5, 5\] and weights of \[3, 3\]"),
        ((6, 0, 3, 3), {}, r"node 'odd' with weights of shape \(6, 0, 3, 3\)"),
    ],
)
def test_a_convolution_whose_attributes_do_not_fit_its_weights_is_refused(shape, attributes, message) -> None:
    node = Node(operator="Conv", name="odd", inputs=("x", "w"), outputs=("y",), attributes=attributes)
    weights = {"w": np.ones(shape, np.float32)}
    graph = Graph(
        nodes=(node,), constants=weights, input="x", input_shape=(2, 8, 8), fixed_batch=None, output="y"
    )
    with pytest.raises(InputError, match=message):
        split_matrix_layers(graph)
