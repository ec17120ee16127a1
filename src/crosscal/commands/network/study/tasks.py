"""Tasks of a study: a training and the scores of a row, each from its arguments alone."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from crosscal.commands.network.study.row import StudyRow
from crosscal.commands.network.study.study_data import StudyData
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.transfer import TransferCache
from crosscal.training.networks.definitions import make_network
from crosscal.training.networks.graph.onnx_reader import graph_of_model
from crosscal.training.networks.graph.torch_module import module_to_onnx
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.learning.trainer import NetworkTrainer
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.mapper import map_graph
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.column_calibration import calibrate_columns
from crosscal.training.networks.running.scoring import accuracy_of
from crosscal.training.networks.running.software import SoftwareRun

RANGE_INPUTS = 256  # 256 to 2048 agree within a few percent (`training.networks.mapping.ranges`)

_CACHE = TransferCache()  # tiles that rows of one process share


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """Settings of all scores.

    Attributes:
        chips: number of chips.
        known: inputs that columns are calibrated with.
        seed: of the chips.
    """

    chips: int
    known: int
    seed: int


def train(
    data: StudyData,
    plan: LearningPlan,
    start: bytes | None,
    device: str,
    advance: Callable[[int], None] = lambda _: None,
    checkpoint: Path | None = None,
) -> bytes:
    """Train a network and return it as `read_network` takes it.

    Args:
        data: to learn from.
        plan: of the training.
        start: trained network to go on from; None: none.
        device: torch's device.
        advance: is told the number of inputs done.
        checkpoint: see `NetworkTrainer.epochs`.
    """
    network = None if start is None else _module(data, plan, _state(start))
    trainer = NetworkTrainer(plan, data.x_train, data.y_train, device=device, network=network)
    for _ in trainer.epochs(advance, checkpoint):
        pass
    columns = list(trainer.columns)
    network, factors = trainer.finished()
    buffer = io.BytesIO()
    state = {"weights": network.cpu().state_dict(), "factors": factors, "columns": columns}
    torch.save(state, buffer)
    return buffer.getvalue()


def score(
    data: StudyData,
    row: StudyRow,
    network: bytes,
    scoring: Scoring,
    advance: Callable[[int], None] = lambda _: None,
) -> bytes:
    """Map a trained network, score it in software and on chips, and return the scores as JSON."""
    state = _state(network)
    module = _module(data, row.plan, state)
    found: dict[str, Any] = {"columns": state["columns"]}
    parts = {"": (data.x_test, data.y_test)}
    if row.training_inputs:
        parts["training_"] = data.x_train[: row.training_inputs], data.y_train[: row.training_inputs]
    if row.mapping is None:
        with torch.no_grad():
            for name, (x, y) in parts.items():
                found[f"{name}software"] = accuracy_of(module.eval(), x, y, advance=advance)
        return json.dumps(found).encode()
    mapped = _mapped(data, row.mapping, module, state)
    software = SoftwareRun(mapped, row.chip.device)
    for name, (x, y) in parts.items():
        found[f"{name}software"] = accuracy_of(software.run, x, y, advance=advance)
    chips = _Chips(network=mapped, software=software, row=row, scoring=scoring, parts=parts, advance=advance)
    each = [chips.score(number, data.x_train[-scoring.known :]) for number in range(scoring.chips)]
    for name in each[0]:
        found[name] = [scores[name] for scores in each]
    return json.dumps(found).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chips:
    """Chips of a row, with what they are scored on by the beginning of the scores' names."""

    network: MappedNetwork
    software: SoftwareRun
    row: StudyRow
    scoring: Scoring
    parts: dict[str, tuple[Tensor, Tensor]]
    advance: Callable[[int], None]

    def score(self, number: int, known: Tensor) -> dict[str, float]:
        """Program a chip, score it, calibrate its columns with known inputs, and score it again."""
        settings, seed = self.row.chip, self.scoring.seed
        chip = Chip(settings, seed=seed, number=number, cache=_CACHE)
        merged = settings.mode == "merged"
        run = ChipRun(self.network, chip, merged=merged, seed=seed + number, device=settings.device)
        found = {}
        for state in ("raw", "calibrated"):
            if state == "calibrated":
                calibrate_columns(run, self.software, known)
            for name, (x, y) in self.parts.items():
                found[f"{name}{state}"] = accuracy_of(run.run, x, y, advance=self.advance)
        return found


def module_and_mapped(
    data: StudyData, row: StudyRow, mapping: MappingOptions, network: bytes
) -> tuple[nn.Module, MappedNetwork]:
    """Return a trained network as a module and as it is mapped."""
    state = _state(network)
    module = _module(data, row.plan, state)
    return module.eval(), _mapped(data, mapping, module, state)


def _mapped(
    data: StudyData, mapping: MappingOptions, module: nn.Module, state: dict[str, Any]
) -> MappedNetwork:
    onnx_bytes = module_to_onnx(module, tuple(data.x_train.shape[1:]), factors=state["factors"])
    graph = graph_of_model(onnx.load_from_string(onnx_bytes), "network")
    return map_graph(graph, mapping, ranges_from=data.x_train[:RANGE_INPUTS])


def _state(content: bytes) -> dict[str, Any]:
    return torch.load(io.BytesIO(content), weights_only=True)


def _module(data: StudyData, plan: LearningPlan, state: dict[str, Any]) -> nn.Module:
    network = make_network(plan.network, tuple(data.x_train.shape[1:]), data.classes, plan.width)
    network.load_state_dict(state["weights"])
    return network
