"""Training on a chip: pulses follow the device's curves, errors pass the arrays, and networks learn."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from support.made_networks import striped_images

from crosscal.core.errors import TrainingError
from crosscal.core.network.cell_profile import CellProfile, load_cell_profile
from crosscal.simulated_bench import Wires
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.pulse_response import PulseResponse, curve_constant
from crosscal.simulated_bench.tiles.pulsed_array import SimulatedPulsedTiles
from crosscal.training.networks.on_chip.array_layer import on_arrays
from crosscal.training.networks.on_chip.on_chip_trainer import OnChipPlan, OnChipTrainer

IDEAL = CellProfile(levels_s=(1e-6, 100e-6))


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize(("label", "constant"), [(1.46, 0.848677), (1.75, 0.702081), (4.88, 0.200303)])
def test_curves_have_the_constants_that_neurosim_lists(label: float, constant: float) -> None:
    assert curve_constant(label) == pytest.approx(constant, rel=1e-3)


def test_pulses_up_and_down_follow_curves_that_saturate() -> None:
    response = PulseResponse(levels=32, potentiation=1.75, depression=1.46, cycle=0.0)
    value = torch.zeros(1, 1)
    path = [float(value := response.moved(value, torch.ones(1, 1), rng())) for _ in range(32)]
    curve = [(1 - math.exp(-k / 32 / 0.702)) / (1 - math.exp(-1 / 0.702)) for k in range(1, 33)]
    assert np.allclose(path, curve, atol=1e-3)
    assert float(response.moved(torch.ones(1, 1), torch.tensor([[-32.0]]), rng())) == pytest.approx(
        0.0, abs=1e-6
    )
    first = 1.0 - float(response.moved(torch.ones(1, 1), torch.tensor([[-1.0]]), rng()))
    assert first > 1.5 / 32, "depression is steepest at the top"
    halves = response.moved(
        response.moved(value, torch.full((1, 1), -5.0), rng()), torch.full((1, 1), -3.0), rng()
    )
    whole = response.moved(value, torch.full((1, 1), -8.0), rng())
    assert float(halves) == pytest.approx(float(whole), abs=1e-6)


def test_noise_is_that_of_the_cells_that_are_written() -> None:
    response = PulseResponse(levels=32, potentiation=0.0, depression=0.0, cycle=0.003)
    value = torch.full((200, 200), 0.5)
    pulses = torch.zeros(200, 200)
    pulses[:100] = 4.0
    moved = response.moved(value, pulses, rng())
    assert (moved[100:] == 0.5).all()
    assert float(moved[:100].mean()) == pytest.approx(0.5 + 4 / 32, abs=1e-4)
    assert float(moved[:100].std()) == pytest.approx(0.003, rel=0.02)


def test_noise_of_pulses_is_a_key_of_its_own_beside_noise_of_reads() -> None:
    weights, pulses = torch.zeros(100, 100), torch.ones(100, 100)
    moved = {}
    for key in ("cycle_relative", "write_relative"):
        cells = CellProfile(levels_s=(1e-6, 100e-6), **{key: 0.01})
        array = SimulatedPulsedTiles(ChipSettings(cells=cells), seed=1).array(weights)
        array.pulse(pulses)
        moved[key] = float(array.state()["value"].std())
    assert moved["cycle_relative"] == pytest.approx(0.0, abs=1e-6)
    assert moved["write_relative"] == pytest.approx(0.01, rel=0.05)
    neurosim = load_cell_profile("neurosim-v2")
    assert (neurosim.cycle_relative, neurosim.write_relative) == (0.0, 0.003)
    assert neurosim.unused_by_pulses == ()
    assert load_cell_profile("pcm-2bit").unused_by_pulses == (
        "cycle_relative",
        "programming_error",
        "drift",
        "deviation_s",
    )


def test_products_and_gradients_of_an_ideal_array_are_those_of_torch() -> None:
    torch.manual_seed(3)
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, padding=1, stride=2))
    tiles = SimulatedPulsedTiles(ChipSettings(cells=IDEAL), seed=1)
    layer = on_arrays(network, tiles, rng())[0]
    weight = (layer.scale * layer.array.weights).T.reshape(3, 2, 3, 3).clone().requires_grad_()
    x = torch.rand(4, 2, 8, 8, requires_grad=True)
    found = network(x)
    exact = torch.nn.functional.conv2d(x, weight, padding=1, stride=2)
    assert (found - exact).abs().max() < 0.02 * exact.abs().max()  # 8 bits, three times
    errors = torch.randn(found.shape, generator=rng())
    mine = torch.autograd.grad(found, (x, layer.shadow), errors)
    theirs = torch.autograd.grad(exact, (x, weight), errors)
    assert (mine[0] - theirs[0]).abs().max() < 0.03 * theirs[0].abs().max()
    by_weight = theirs[1].reshape(3, 18).T * layer.scale
    assert (mine[1] - by_weight).abs().max() < 0.03 * by_weight.abs().max()


def test_wires_and_charge_noise_are_on() -> None:
    weights = torch.rand(100, 60, generator=rng()) * 2 - 1
    ideal = SimulatedPulsedTiles(ChipSettings(cells=IDEAL), seed=1).array(weights)
    assert (ideal.weights - weights).abs().max() < 1e-5
    wired = ChipSettings(cells=IDEAL, wires=Wires(row_ohm=4.0, column_ohm=4.0))
    lost = SimulatedPulsedTiles(wired, seed=1).array(weights).weights
    assert lost.abs().mean() < 0.9 * weights.abs().mean()
    cells = load_cell_profile("memcapacitor-2bit")
    charge = SimulatedPulsedTiles(ChipSettings(cells=cells), seed=1).array(weights)
    again = [charge.multiply(torch.ones(1, 100)) for _ in range(2)]
    assert not torch.equal(*again)


def trainer(cells: str, *, epochs: int, rate: float = 0.06, count: int = 600, seed: int = 1) -> OnChipTrainer:
    torch.manual_seed(1)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5, stride=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(96, 4)
    )
    x, y, x_test, y_test = (
        torch.from_numpy(each) for each in (*striped_images(count, seed), *striped_images(count, 2))
    )
    settings = ChipSettings(cells=load_cell_profile(cells))
    tiles = SimulatedPulsedTiles(settings, seed=1)
    plan = OnChipPlan(epochs=epochs, batch=32, rate=rate)
    data = x, y, x_test[:200], y_test[:200]
    return OnChipTrainer(plan, network, tiles, data, identity=settings)


@pytest.mark.parametrize("cells", ["neurosim-v2", "memcapacitor-2bit"])
def test_a_network_learns_on_the_chip(cells: str) -> None:
    reports = list(trainer(cells, epochs=4).epochs())
    assert reports[-1].test_accuracy > 0.85  # 25 % by chance


def test_a_training_that_was_cut_off_goes_where_it_would_have_gone(tmp_path: Path) -> None:
    # Amplifiers' noise is drawn in reports, too.
    cells, path = "memcapacitor-2bit", tmp_path / "state.pt"
    whole = trainer(cells, epochs=2, count=200)
    reports = list(whole.epochs())
    list(trainer(cells, epochs=1, count=200).epochs(checkpoint=path))
    resumed = trainer(cells, epochs=2, count=200)
    assert list(resumed.epochs(checkpoint=path)) == reports[1:]
    assert resumed.reports == reports
    for mine, theirs in zip(resumed._layers, whole._layers, strict=True):
        assert torch.equal(mine.array.state()["value"], theirs.array.state()["value"])


def test_the_state_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    list(trainer("neurosim-v2", epochs=1, count=64).epochs(checkpoint=path))
    list(trainer("neurosim-v2", epochs=2, count=64).epochs(checkpoint=path))
    for other in (
        trainer("neurosim-v2", epochs=3, count=64, rate=0.1),
        trainer("memcapacitor-2bit", epochs=3, count=64),
        trainer("neurosim-v2", epochs=3, count=64, seed=7),
    ):
        with pytest.raises(TrainingError, match="other options or data"):
            next(other.epochs(checkpoint=path))
