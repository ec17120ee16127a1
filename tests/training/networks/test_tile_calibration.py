"""Calibration of tiles from their own readings: hidden wires and cells are found, products come back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from crosscal.core.errors import InputError
from crosscal.core.network.cell_profile import CellProfile
from crosscal.core.network.input_coding import InputCoding
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.simulated_bench import Wires
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.training.networks.calibration.methods import METHODS, calibrate
from crosscal.training.networks.calibration.tile_belief import TileBelief, learned
from crosscal.training.networks.calibration.tile_calibration import TileCalibration
from crosscal.training.networks.calibration.tile_correction import InputMoments, best_matrix
from crosscal.training.networks.calibration.tile_readings import TileReadings, read_row
from crosscal.training.networks.mapping.mapper import map_network
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.running.board_tiles import BoardArray, BoardLayer
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.scoring import layer_errors
from crosscal.training.networks.running.software import SoftwareRun

CELLS = CellProfile(levels_s=(2e-6, 28e-6, 54e-6, 80e-6), deviation_s=(1.5e-6,) * 4)
WIRES = Wires(row_ohm=12.0, column_ohm=6.0, source_ohm=40.0)


def inputs(count: int, seed: int) -> torch.Tensor:
    """Inputs that go together, as activations do."""
    rng = np.random.default_rng(seed)
    mixed = rng.random((count, 6)) @ np.random.default_rng(99).random((6, 40))
    return torch.from_numpy((mixed + 1.5 * rng.random((count, 40))).astype(np.float32))


@pytest.fixture(scope="module", params=["offset", "differential"])
def run(request: pytest.FixtureRequest) -> ChipRun:
    """One product on two rows of two tiles, programmed into a chip with wires."""
    torch.manual_seed(1)
    options = MappingOptions(
        cells=CELLS,
        tile_rows=24,
        tile_columns=48,
        representation=request.param,
        scale="column",
        adc_bits=11,  # so that wires and cells are seen
        read_back=False,
    )
    network = map_network(
        torch.nn.Sequential(torch.nn.Linear(40, 18)), (40,), options, ranges_from=inputs(100, 1)
    )
    return ChipRun(network, Chip(ChipSettings(cells=CELLS, wires=WIRES), seed=1, number=0))


def test_each_method_gives_back_more_than_the_one_before(run: ChipRun) -> None:
    software, errors = SoftwareRun(run.network), {}
    for method in METHODS:
        calibrate(run, software, inputs(300, 2), method, vectors=48)
        errors[method] = layer_errors(run, software, inputs(200, 3))[0][0]
    assert errors["columns"] < 0.5 * errors["none"]
    assert errors["structured"] < 0.9 * errors["columns"]
    assert errors["recalibrated"] < 0.5 * errors["structured"]
    # Cells that are read exactly, but behind wires that are known to some percent.
    assert errors["read-back"] < 0.5 * errors["structured"]


def test_wires_are_found_from_the_readings_of_a_tile(run: ChipRun) -> None:
    found = TileCalibration(run, SoftwareRun(run.network), inputs(300, 2), vectors=48).apply()
    # Cells scatter by 7 % of their largest; a driver's 40 Ω and its row's segments look much alike.
    assert found.column_ohm == pytest.approx(6.0, rel=0.3)
    assert found.source_ohm + 24 * found.row_ohm == pytest.approx(40 + 24 * 12, rel=0.25)


def test_a_merged_run_has_no_tiles_to_calibrate(run: ChipRun) -> None:
    merged = ChipRun(
        run.network, Chip(ChipSettings(cells=CELLS, mode="merged"), seed=1, number=0), merged=True
    )
    with pytest.raises(InputError, match="single tiles in the mode merged"):
        calibrate(merged, SoftwareRun(run.network), inputs(20, 2), "structured", vectors=4)
    with pytest.raises(InputError, match="the calibration 'magic'; allowed: none, columns"):
        calibrate(merged, SoftwareRun(run.network), inputs(20, 2), "magic", vectors=4)


def test_learning_from_readings_is_linear_regression_with_a_prior() -> None:
    rng = np.random.default_rng(4)
    digits, truth = rng.integers(0, 2, (30, 5)).astype(float), rng.normal(1.0, 0.5, (5, 2))
    sums = digits @ truth + rng.normal(0, 0.1, (30, 2))
    usable = np.ones((30, 2), dtype=bool)
    usable[:4, 1] = False
    sums[:4, 1] = 1e6
    readings = TileReadings(digits=digits, sums=sums, usable=usable, rounding=np.full(2, 0.01))
    prior = TileBelief(
        mean=np.ones((5, 2)), covariance=np.stack([0.25 * np.eye(5)] * 2), noise=np.full(2, 0.01)
    )
    found = learned(prior, readings)
    for column, first in ((0, 0), (1, 4)):
        x, y = digits[first:], sums[first:, column]
        precision = x.T @ x / 0.01 + np.eye(5) / 0.25
        mean = np.linalg.solve(precision, x.T @ y / 0.01 + np.ones(5) / 0.25)
        assert np.allclose(found.mean[:, column], mean)
        assert np.allclose(found.covariance[column], np.linalg.inv(precision))


def test_no_other_linear_estimate_is_better_than_the_best_matrix() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.integers(0, 16, (20_000, 4)) @ np.array(
        [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 1]]
    )
    transfer, weights = rng.random((4, 3)), rng.normal(size=(4, 2))
    belief = TileBelief(mean=transfer, covariance=np.zeros((3, 4, 4)), noise=np.full(3, 0.04))
    matrix, offset = best_matrix(belief, InputMoments.of(vectors), weights, plane_power=85.0)
    sums = vectors @ transfer + rng.normal(0, np.sqrt(0.04 * 85.0), (20_000, 3))
    seen = np.column_stack([sums, vectors.sum(axis=1), np.ones(20_000)])
    exact = vectors @ weights
    error = ((seen @ np.vstack([matrix, offset]) - exact) ** 2).mean()
    fitted = ((seen @ np.linalg.lstsq(seen, exact, rcond=None)[0] - exact) ** 2).mean()
    assert error == pytest.approx(fitted, rel=0.02)  # 20,000 samples


class _RoundingBoard:
    """A board of plain products, and a converter of 10 bits that reaches 2 mA."""

    shape = (16, 16)
    conductance_limits_s = (1e-6, 1e-4)
    adc = SimpleNamespace(bits=10, full_scale=2e-3)

    def program(self, conductance_s: np.ndarray) -> None:
        self._conductance_s = conductance_s

    def measure(self, voltage_v: np.ndarray) -> np.ndarray:
        step_a = 2 * self.adc.full_scale / (2**self.adc.bits - 1)
        return step_a * np.round(voltage_v @ self._conductance_s / step_a)


@pytest.mark.parametrize("pair", [1, 2])
def test_readings_of_a_board_are_judged_by_its_own_converter(pair: int) -> None:
    rng = np.random.default_rng(1)
    layer = LayerCodes(
        name="layer",
        codes=rng.integers(0, 4, (16, 2, 2, pair)),
        significance=np.array([1.0, 4.0]),
        coding=InputCoding(bits=4, digit_bits=4),
        adc_bits=3,  # narrow and coarse: the board has neither
        adc_range=np.array([[0.0, 1.0], [0.0, 1.0]]),
        tile_rows=16,
        tile_columns=16,
    )
    port: Any = _RoundingBoard()
    cost: Any = None
    programmed = BoardLayer(layer, BoardArray(port, CELLS), cost)
    (readings,) = read_row(programmed, layer, 0, rng.integers(0, 16, (300, 16)))
    assert readings.usable.all()
    levels = np.array(CELLS.levels)[layer.codes] / CELLS.unit
    plain = levels[..., 0] if pair == 1 else levels[..., 0] - levels[..., 1]
    exact = readings.digits @ plain.transpose(0, 2, 1).reshape(16, -1)
    # 1200 errors, alike in all columns: their variance is known within 4 %, three deviations are 12 %.
    assert np.mean((readings.sums - exact) ** 2) == pytest.approx(readings.rounding.mean(), rel=0.12)
