"""Training for crossbars: weights that cells can hold, scatter, favourable codes, resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from support.made_networks import small_network, striped_images, trained_network

from crosscal.core.errors import InputError
from crosscal.core.network.cell_profile import CellProfile, load_cell_profile
from crosscal.training.networks.definitions import make_network
from crosscal.training.networks.graph.onnx_reader import graph_of_model
from crosscal.training.networks.graph.torch_module import module_to_onnx
from crosscal.training.networks.learning.exploration import explore_parts, trials
from crosscal.training.networks.learning.favourable import favourable_codes
from crosscal.training.networks.learning.importance import column_importance, restrict_columns
from crosscal.training.networks.learning.mapped_weight import (
    MappedWeight,
    attach_mapped_weights,
    mapped_weight_of,
)
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.learning.trainer import NetworkTrainer
from crosscal.training.networks.mapping.mapper import map_graph, map_network
from crosscal.training.networks.mapping.options import DIFFERENTIAL, OFFSET, MappingOptions

EVEN = CellProfile(levels_s=(0.0, 1e-5, 2e-5, 3e-5), deviation_s=(1e-7, 3e-7, 9e-7, 6e-7))
X, Y = (torch.from_numpy(each) for each in striped_images(300, 1))


def plan_of(method: str, **more: object) -> LearningPlan:
    options = MappingOptions(cells=EVEN, representation=OFFSET, scale="layer")
    return LearningPlan(**{"options": options, "method": method, "epochs": 3, "rate": 3e-3, **more})


@pytest.fixture(scope="module")
def biased() -> tuple[torch.nn.Module, dict[str, float], float]:
    trainer = NetworkTrainer(plan_of("biased-noise"), X, Y, network=small_network())
    reports = list(trainer.epochs())
    return *trainer.finished(), reports[-1].best_accuracy


@pytest.mark.parametrize("representation", [OFFSET, DIFFERENTIAL])
@pytest.mark.parametrize("scale", ["layer", "2"])
@pytest.mark.parametrize("cells", [EVEN, load_cell_profile("radar-baked")], ids=["even", "uneven"])
def test_a_weight_in_training_is_the_weight_that_is_mapped(
    representation: str, scale: str, cells: CellProfile
) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(30, 5))
    options = MappingOptions(cells=cells, representation=representation, scale=scale)
    layers = attach_mapped_weights(network, options, favourable=None, scatter=False)
    held = layers[0].weight.detach().numpy().copy()
    factor = float(mapped_weight_of(layers[0]).factor)
    torch.nn.utils.parametrize.remove_parametrizations(layers[0], "weight", leave_parametrized=True)
    model = module_to_onnx(network, (30,), factors={"0.weight": factor})
    mapped = map_graph(
        graph_of_model(onnx.load_from_string(model), "net"),
        MappingOptions(
            cells=cells,
            representation=representation,
            scale="auto" if scale == "layer" else scale,
            read_back=False,
        ),
    )
    assert mapped.layers[0].weight_error < 1e-5
    assert np.abs(held).max() > 0


def test_biased_columns_hold_favourable_codes_alone_and_are_still_learned(
    biased: tuple[torch.nn.Module, dict[str, float], float],
) -> None:
    network, factors, accuracy = biased
    model = module_to_onnx(network, (1, 12, 12), factors=factors)
    options = MappingOptions(cells=EVEN, representation=OFFSET)
    mapped = map_graph(graph_of_model(onnx.load_from_string(model), "net"), options, ranges_from=X[:50])
    assert mapped.options.scale == "trained"
    for layer in mapped.layers:
        top = layer.codes[0].codes[:, :, -1, 0]
        assert set(np.unique(top)) <= {0, 1, 3}, layer.matrix.name
    assert accuracy > 0.6  # of four classes


def test_scatter_has_the_variance_of_the_cells_and_is_drawn_in_training_alone() -> None:
    options = MappingOptions(cells=EVEN, representation=OFFSET, scale="2")
    mapped = MappedWeight(options, scatter=True)
    weight = torch.full((20_000,), 0.5)
    mapped.set_range(weight)
    drawn = mapped.train()(weight)
    # 0.5 · 64 + 128 = 160 = 2·64 + 2·16: codes 2, 2, 0, 0
    deviations = np.array([0.09, 0.09, 0.01, 0.01]) * [64, 16, 4, 1]
    assert drawn.std().item() == pytest.approx(np.sqrt((deviations**2).sum()) / 64, rel=0.03)
    assert (mapped.eval()(weight) == 0.5).all()


def test_gradients_pass_rounding() -> None:
    options = MappingOptions(cells=EVEN, representation=DIFFERENTIAL, scale="2")
    mapped = MappedWeight(options)
    weight = torch.tensor([0.3, -1.1], requires_grad=True)
    mapped.set_range(weight)
    (mapped(weight) * torch.tensor([2.0, 3.0])).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [2.0, 3.0]


def test_the_most_important_columns_are_restricted_first() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(6, 4, bias=False))
    options = MappingOptions(cells=EVEN, representation=OFFSET, scale="layer")
    layers = attach_mapped_weights(network, options, favourable=(0, 1), scatter=False)
    x = torch.zeros(8, 6)
    x[:, :3] = 1.0  # the first crossbar of three rows
    classes = torch.tensor([2] * 7 + [1])
    importance = column_importance(network, layers, [(x, classes)], rows=3)
    assert importance[0].argmax().item() == 2 * 2  # output 2, first chunk
    restrict_columns(layers, importance, (1 / 8,), rows=3)
    mask = mapped_weight_of(layers[0]).restricted
    assert mask.sum().item() == 3
    assert mask[2, :3].all()


def test_exploration_finds_the_best_part_of_every_layer_within_its_number_of_trials() -> None:
    best, tried = (0.25, 1.0, 0.0), []

    def score(parts: tuple[float, ...]) -> float:
        tried.append(parts)
        return -sum(abs(part - wanted) for part, wanted in zip(parts, best, strict=True))

    assert explore_parts(3, score) == best
    assert len(tried) == trials(3)


def test_explored_columns_are_learned_and_kept_in_a_checkpoint(tmp_path: Path) -> None:
    plan = plan_of("biased", columns="explored", epochs=2, warm_up=0.5)
    trainer = NetworkTrainer(plan, X, Y, network=small_network())
    total, done = trainer.left, []
    reports = list(trainer.epochs(done.append, tmp_path / "state"))
    assert (trainer.left, sum(done)) == (0, total)
    assert len(trainer.columns) == 4
    again = NetworkTrainer(plan, X, Y, network=small_network())
    assert list(again.epochs(checkpoint=tmp_path / "state")) == []
    assert again.columns == trainer.columns
    assert again.best_accuracy == reports[-1].best_accuracy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"representation": "auto"}, "the representation auto for training; allowed: offset, differential"),
        ({"representation": "offset", "scale": "column"}, "the scale column for training; allowed: layer"),
    ],
)
def test_mappings_that_training_does_not_follow_are_refused_before_it_begins(
    options: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        LearningPlan(options=MappingOptions(cells=EVEN, **options), method="noise")


def test_a_network_of_ones_own_is_mapped_with_the_factors_that_it_was_trained_for(
    biased: tuple[torch.nn.Module, dict[str, float], float],
) -> None:
    module, factors, _ = biased
    options = MappingOptions(cells=EVEN, representation=OFFSET)
    network = map_network(module, (1, 12, 12), options, ranges_from=X[:50], factors=factors)
    assert network.options.scale == "trained"
    assert [layer.factor[0] for layer in network.layers] == pytest.approx(list(factors.values()))


def test_parts_for_another_number_of_layers_are_refused() -> None:
    trainer = NetworkTrainer(plan_of("biased", columns=(1.0, 0.5)), X, Y, network=small_network())
    with pytest.raises(InputError, match="2 parts of biased columns for 4 layers"):
        list(trainer.epochs())


def test_an_epoch_is_chosen_with_the_scatter_that_it_is_trained_against() -> None:
    noisy = MappingOptions(cells=EVEN, representation=OFFSET, scale="2")
    plan = plan_of("biased", epochs=1, warm_up=0.0, columns=0.0, options=noisy)
    quiet = replace(plan, method="quantised")
    found = {}
    for each in (plan, quiet):
        (report,) = NetworkTrainer(each, X, Y, network=trained_network()).epochs()
        found[each.method] = report
    assert found["biased"].loss == found["quantised"].loss  # no scatter while it learns
    assert found["biased"].validation_accuracy < found["quantised"].validation_accuracy


def test_products_in_half_precision_learn_weights_in_single() -> None:
    losses = {}
    for precision in ("float32", "bf16"):
        trainer = NetworkTrainer(
            plan_of("noise", epochs=1, precision=precision), X, Y, network=small_network()
        )
        losses[precision] = [report.loss for report in trainer.epochs()]
        assert {each.dtype for each in trainer.network.parameters()} == {torch.float32}
    assert losses["bf16"] != losses["float32"]
    assert losses["bf16"][0] == pytest.approx(losses["float32"][0], rel=0.02)


def test_a_training_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    plan = plan_of("noise", epochs=3)
    whole = NetworkTrainer(plan, X, Y, network=small_network())
    expected = [report.loss for report in whole.epochs()]
    path = tmp_path / "state"
    first = NetworkTrainer(plan, X, Y, network=small_network()).epochs(checkpoint=path)
    next(first), next(first)
    last = list(NetworkTrainer(plan, X, Y, network=small_network()).epochs(checkpoint=path))
    assert len(last) == 1
    assert last[0].loss == pytest.approx(expected[2], rel=1e-5)
    for other in (
        NetworkTrainer(plan_of("noise", epochs=4), X, Y, network=small_network()),
        NetworkTrainer(plan, X.flip(0), Y, network=small_network()),
        NetworkTrainer(plan, X, Y.flip(0), network=small_network()),
        NetworkTrainer(plan, X, Y, network=small_network(5)),
    ):
        with pytest.raises(InputError, match="the state of another training"):
            next(other.epochs(checkpoint=path))


def test_favourable_codes_come_from_the_paper_the_device_or_the_user() -> None:
    assert favourable_codes("III-A", EVEN) == (0, 1, 3)
    assert favourable_codes("III-B", EVEN) == (0, 1, 2)
    assert favourable_codes("device", EVEN) == (0, 1, 3)
    assert favourable_codes("device", load_cell_profile("wan-2022")) == (0, 2, 3)
    assert favourable_codes("2,0", EVEN) == (0, 2)
    with pytest.raises(InputError, match="favourable codes '0,7'"):
        favourable_codes("0,7", EVEN)


def test_definitions_have_the_published_sizes() -> None:
    lenet = make_network("lenet5", (1, 28, 28), 10)
    weights = sum(p.numel() for name, p in lenet.named_parameters() if name.endswith("weight"))
    assert weights == 61_470
    vgg = make_network("vgg8", (3, 32, 32), 10, width=8)
    assert vgg(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    with pytest.raises(InputError, match=r"inputs of shape \(1, 4, 4\) for lenet5"):
        make_network("lenet5", (1, 4, 4), 10)
