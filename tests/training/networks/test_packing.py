"""Groups of a convolution that share tiles: the same outputs from fewer of them, and cells counted once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crosscal.core.network.cell_profile import CellProfile
from crosscal.training.networks.mapping.mapped_file import load_mapped, save_mapped
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.mapper import map_network
from crosscal.training.networks.mapping.matrix_layer import MatrixLayer
from crosscal.training.networks.mapping.options import DIFFERENTIAL, OFFSET, MappingOptions
from crosscal.training.networks.mapping.packing import pack_groups
from crosscal.training.networks.reporting.report import layer_rows
from crosscal.training.networks.running.software import SoftwareRun

EVEN = CellProfile(levels_s=(0.0, 1e-5, 2e-5, 3e-5))


def grouped(groups: int, outputs: int = 1, inputs: int = 9) -> MatrixLayer:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(groups, outputs, inputs)).astype(np.float32)
    bias = np.zeros(groups * outputs, dtype=np.float32)
    return MatrixLayer(name="depthwise", weight=weight, bias=bias, window=(3, 3), attributes={})


def mapped(representation: str) -> tuple[MappedNetwork, torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(4, 8, 3, groups=4, stride=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(128, 3),
    ).eval()
    options = MappingOptions(cells=EVEN, representation=representation, read_back=False)
    x = torch.rand(6, 4, 9, 9)
    return map_network(network, (4, 9, 9), options, ranges_from=x), network, x


@pytest.mark.parametrize("stride", [1, 2])
def test_packed_groups_give_the_product_of_the_groups(stride: int) -> None:
    layer = MatrixLayer(
        name="grouped",
        weight=(plain := grouped(6, outputs=2, inputs=18)).weight,
        bias=plain.bias,
        window=(3, 3),
        attributes={"strides": [stride, stride]},
    )
    packed = pack_groups(layer, MappingOptions(cells=EVEN, representation=DIFFERENTIAL))
    assert (packed.packed, packed.weight.shape) == (6, (1, 12, 108))
    x = torch.rand(2, 12, 7, 7)
    apart, joined = (each.product(x, torch.from_numpy(each.weight)) for each in (layer, packed))
    assert (apart - joined).abs().max() < 1e-5 * apart.abs().max()
    vectors, shape = packed.vectors(x)
    by_vectors = packed.outputs_of([vectors[0] @ torch.from_numpy(packed.weight[0]).T], shape)
    assert (apart - by_vectors).abs().max() < 1e-5 * apart.abs().max()


@pytest.mark.parametrize(
    ("groups", "inputs", "tile", "packed"),
    [
        (32, 8, (128, 128), 16),
        (32, 9, (64, 128), 4),
        (32, 9, (128, 24), 2),
        (7, 9, (128, 128), 7),
        (32, 9, (8, 128), 1),
    ],
)
def test_as_many_groups_share_a_tile_as_fit_and_divide_their_number(
    groups: int, inputs: int, tile: tuple[int, int], packed: int
) -> None:
    options = MappingOptions(cells=EVEN, representation=DIFFERENTIAL, tile_rows=tile[0], tile_columns=tile[1])
    assert pack_groups(grouped(groups, inputs=inputs), options).packed == packed


def test_empty_cells_scatter_no_more_than_those_of_the_weights() -> None:
    noisy = CellProfile(levels_s=EVEN.levels_s, deviation_s=(1e-6, 1e-6, 1e-6, 1e-6))
    quiet = CellProfile(levels_s=EVEN.levels_s, deviation_s=(0.0, 1e-6, 1e-6, 1e-6))
    found = [
        pack_groups(grouped(32), MappingOptions(cells=cells, representation=DIFFERENTIAL)).packed
        for cells in (noisy, quiet)
    ]
    assert found == [2, 8]


def test_single_shifted_columns_are_not_packed() -> None:
    network, _, _ = mapped(OFFSET)
    assert [layer.matrix.packed for layer in network.layers] == [1, 1]
    assert len(network.layers[0].codes) == 4


def test_a_packed_network_is_kept_noted_and_counts_its_cells_once(tmp_path) -> None:
    network, module, x = mapped(DIFFERENTIAL)
    save_mapped(network, tmp_path / "net.mapped")
    again = load_mapped(tmp_path / "net.mapped")
    first, *_ = layer_rows(again)
    assert (first["packed"], first["groups"], first["tiles"]) == (4, 1, 1)
    assert first["utilisation"] == pytest.approx(4 * 2 * 9 * 8 / 128**2)  # weights, each of 4 pairs of cells
    assert "groups that share tiles, on their diagonals: /0/Conv (4 to a tile)" in network.notes
    with torch.no_grad():
        exact = module(x)
    assert (SoftwareRun(again).run(x) - exact).abs().max() < 1e-5 * exact.abs().max()
