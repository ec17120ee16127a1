"""Mapped networks on tiles of the tests' own: products, corrections, and compensation by read-back."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from support.made_networks import small_network, striped_images

from crosscal.core.errors import ShapeError
from crosscal.core.network.cell_profile import CellProfile
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.core.network.tile_port import FoldedLayer, LayerCost
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.mapper import map_network
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.running import chip_run
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.column_calibration import calibrate_columns, fit_columns
from crosscal.training.networks.running.scoring import accuracy_of, layer_errors
from crosscal.training.networks.running.software import SoftwareRun

EVEN = CellProfile(levels_s=(1e-6, 2e-6, 3e-6, 4e-6))
X = torch.from_numpy(striped_images(60, 1)[0])


class PlainLayer:
    """Cells in plain numpy, with errors that a test chooses, and outputs with gains and offsets."""

    cost = LayerCost(tiles=1, conversions=1, energy_j=1.0, latency_s=1.0, area_m2=1.0)

    def __init__(self, layer: LayerCodes, scatter: float, gain: float) -> None:
        self._layer, self._rng, self._scatter, self._gain = layer, np.random.default_rng(1), scatter, gain
        self._codes = layer.codes
        self._values = self._written(layer.codes)

    def _written(self, codes: np.ndarray) -> np.ndarray:
        levels = np.array(EVEN.levels_s)
        return levels[codes] + self._scatter * 1e-6 * self._rng.standard_normal(codes.shape)

    def read_cells(self) -> np.ndarray:
        return self._values

    def rewrite(self, codes: np.ndarray) -> None:
        self._values = np.where(codes == self._codes, self._values, self._written(codes))
        self._codes = codes.copy()

    def matrix(self) -> np.ndarray:
        values = self._values / EVEN.unit
        joined = values[..., 0] - (values[..., 1] if values.shape[3] == 2 else 0.0)
        return joined @ self._layer.significance

    def multiply(self, inputs: torch.Tensor) -> torch.Tensor:
        product = inputs.double() @ torch.from_numpy(self.matrix())
        steps = 1 + self._gain * torch.linspace(-1, 1, product.shape[1], dtype=torch.float64)
        return (product * steps).float()

    def folded(self) -> FoldedLayer:
        matrix = torch.from_numpy(self.matrix()).float()
        return FoldedLayer(matrix=matrix, deviation=torch.zeros(self._layer.shape[1]))


class PlainTiles:
    def __init__(self, scatter: float = 0.0, gain: float = 0.0) -> None:
        self._scatter, self._gain = scatter, gain

    def program(self, layer: LayerCodes) -> PlainLayer:
        return PlainLayer(layer, self._scatter, self._gain)


def mapped(**more: object) -> MappedNetwork:
    options = MappingOptions(
        **{"cells": EVEN, "adc_bits": None, "input_bits": 12, "read_back": False, **more}
    )
    return map_network(small_network().eval(), (1, 12, 12), options, ranges_from=X)


def mean_error(network: MappedNetwork, tiles: PlainTiles) -> float:
    return float(np.mean(layer_errors(ChipRun(network, tiles), SoftwareRun(network), X)[0]))


@pytest.mark.parametrize("representation", ["offset", "differential"])
@pytest.mark.parametrize("merged", [False, True])
def test_perfect_tiles_give_the_float_networks_outputs(representation: str, merged: bool) -> None:
    network = mapped(representation=representation, weight_bits=14)
    run = ChipRun(network, PlainTiles(), merged=merged)
    exact = SoftwareRun(network).run(X)
    assert (run.run(X) - exact).abs().max() < 2e-3 * exact.abs().max()  # 12-bit inputs, four layers


def test_inputs_taken_one_by_one_have_the_outputs_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = mapped(representation="offset")
    run = ChipRun(network, PlainTiles())
    at_once = run.run(X)
    monkeypatch.setattr(chip_run, "BLOCK_VALUES", 1)
    # Sums in another order: single precision, some hundred products.
    assert (run.run(X) - at_once).abs().max() < 1e-5 * at_once.abs().max()


@pytest.mark.parametrize("representation", ["offset", "differential"])
def test_read_back_leaves_the_scatter_of_the_lowest_slice_alone(representation: str) -> None:
    scatter = 0.15
    raw = mean_error(mapped(representation=representation), PlainTiles(scatter))
    compensated = mean_error(mapped(representation=representation, read_back=True), PlainTiles(scatter))
    perfect = mean_error(mapped(representation=representation), PlainTiles())
    # Offsets cannot make up for a high slice that lies too high already; pairs can.
    assert compensated < (0.35 if representation == "offset" else 0.12) * raw
    assert compensated > perfect


def test_calibrated_columns_lose_their_gains() -> None:
    network = mapped()
    run, software = ChipRun(network, PlainTiles(gain=0.2)), SoftwareRun(network)
    before = np.mean(layer_errors(run, software, X)[0])
    calibrate_columns(run, software, X)
    assert np.mean(layer_errors(run, software, X)[0]) < 0.02 * before


@pytest.mark.parametrize("representation", ["offset", "differential"])
def test_merged_products_have_the_noise_of_reads_that_converted_ones_have(representation: str) -> None:
    cells = msgspec.structs.replace(EVEN, cycle_relative=0.05)
    network, image = mapped(cells=cells, representation=representation), X[:1].expand(400, 1, 12, 12)
    found = {}
    for mode in ("converted", "merged"):
        chip = Chip(ChipSettings(cells=cells, mode=mode), seed=1, number=0)
        found[mode] = ChipRun(network, chip, merged=mode == "merged").product(0, image).double()
    # 400 reads of 6 · 144 outputs, some 9 reads apart: their mean variance is known to half a percent
    spread = {mode: outputs.std(dim=0).pow(2).mean().item() for mode, outputs in found.items()}
    assert spread["merged"] == pytest.approx(spread["converted"], rel=0.02)
    means = [outputs.mean(dim=0) for outputs in found.values()]
    # The difference of two means of 400 reads: a tenth of their deviation at four standard deviations.
    assert (means[0] - means[1]).abs().mean() < 0.1 * spread["merged"] ** 0.5


def test_noise_on_reads_makes_no_gain_smaller() -> None:
    generator = torch.Generator().manual_seed(0)
    exact = torch.randn(20_000, 2, generator=generator)
    found = exact * torch.tensor([0.5, 2.0]) + 1.0 + torch.randn(20_000, 2, generator=generator)
    correction = fit_columns(found, exact)
    assert correction.gain.tolist() == pytest.approx([2.0, 0.5], rel=0.03)
    assert (found * correction.gain + correction.offset).mean().item() == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (torch.zeros(6, 3, 4, 4), r"outputs of shape \(6, 3, 4, 4\) for 6 inputs; allowed: .*\(6, classes\)"),
        (torch.zeros(2, 9), r"outputs of shape \(2, 9\) for 6 inputs.*free batch axis"),
        (torch.zeros(6, dtype=torch.int64), r"whole numbers of shape \(6,\).*end the network before ArgMax"),
        (torch.zeros(6, 1, dtype=torch.int64), "end the network before ArgMax"),
    ],
)
def test_outputs_that_are_no_classification_are_not_scored(outputs: torch.Tensor, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        accuracy_of(lambda _: outputs, torch.zeros(6, 2), torch.zeros(6, dtype=torch.int64))


def test_scores_of_classes_may_have_axes_of_one_value_after_them() -> None:
    scores, classes = torch.eye(3)[:, :, None, None], torch.tensor([0, 1, 1])
    assert accuracy_of(lambda _: scores, torch.zeros(3, 2), classes) == pytest.approx(2 / 3)
