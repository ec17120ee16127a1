"""Trainer of networks for crossbars, resumable after every epoch."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from crosscal.core.errors import InputError, wanted
from crosscal.core.whole_file import whole_file
from crosscal.training.networks.definitions import make_network
from crosscal.training.networks.learning.favourable import favourable_codes
from crosscal.training.networks.learning.importance import BATCHES, column_importance, restrict_columns
from crosscal.training.networks.learning.mapped_weight import (
    attach_mapped_weights,
    mapped_weight_of,
    original_weight_of,
)
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.running.scoring import accuracy_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningReport:
    """State after an epoch.

    Attributes:
        epoch: counted from 1.
        loss: mean over the epoch.
        validation_accuracy: with weights as they would be mapped, without scatter.
        best_accuracy: so far.
    """

    epoch: int
    loss: float
    validation_accuracy: float
    best_accuracy: float


class NetworkTrainer:
    """A training under way.

    Args:
        plan: network, method, epochs.
        x, y: training inputs (B, channels, height, width) and classes.
        device: torch's device.
        network: an own network in place of the plan's definition.
    """

    def __init__(
        self,
        plan: LearningPlan,
        x: Tensor,
        y: Tensor,
        *,
        device: str = "cpu",
        network: nn.Module | None = None,
    ) -> None:
        self.plan, self._device = plan, device
        torch.manual_seed(plan.seed)
        classes = int(y.max()) + 1
        shape = tuple(x.shape[1:])
        made = network if network is not None else make_network(plan.network, shape, classes, plan.width)
        self.network = made.to(device)
        order = torch.from_numpy(np.random.default_rng([plan.seed, 0]).permutation(len(x)))
        held = max(1, round(plan.validation * len(x)))
        self._x, self._y = x, y
        self._held, self._learnt = order[:held], order[held:]
        if not len(self._learnt):
            got = f"{len(x)} inputs"
            raise InputError(wanted(got=got, allowed="two or more", remedy="give more data"))
        self._epoch, self._best = 0, (-1.0, copy.deepcopy(self.network.state_dict()))
        self._layers: list[nn.Module] = []
        self._optimiser = torch.optim.Adam(self.network.parameters(), plan.rate)

    @property
    def learnt(self) -> int:
        """Inputs that are learned from; the others validate."""
        return len(self._learnt)

    @property
    def best_accuracy(self) -> float:
        """Accuracy of the best epoch so far, on the inputs held out."""
        return self._best[0]

    def epochs(
        self, advance: Callable[[int], None] = lambda _: None, checkpoint: Path | None = None
    ) -> Iterator[LearningReport]:
        """Train on, epoch by epoch, keeping the best by validation.

        Args:
            advance: is told the number of inputs done.
            checkpoint: file that is written after every epoch, and resumed from if it is there.
        """
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)
        while self._epoch < self.plan.epochs:
            if self.plan.mapped and not self._layers and self._epoch >= self.plan.warm_up_epochs:
                self._begin_mapped()
            self._restrict()
            loss = self._learn(advance)
            self._epoch += 1
            accuracy = self._validate()
            # Weights of the warm-up are not yet such as cells can hold.
            if accuracy > self._best[0] and (self._layers or not self.plan.mapped):
                self._best = accuracy, copy.deepcopy(self.network.state_dict())
            if checkpoint is not None:
                self._save(checkpoint)
            yield LearningReport(
                epoch=self._epoch, loss=loss, validation_accuracy=accuracy, best_accuracy=self._best[0]
            )

    def finished(self) -> tuple[nn.Module, dict[str, float]]:
        """Return the best network with its weights as mapped, and the digital factor of each by name."""
        network = self.network.eval()
        if self._best[0] >= 0:
            network.load_state_dict(self._best[1])
        names = {module: name for name, module in network.named_modules()}
        factors = {}
        for layer in self._layers:
            factors[f"{names[layer]}.weight"] = float(mapped_weight_of(layer).factor)
            nn.utils.parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        self._layers = []
        return network, factors

    def _begin_mapped(self) -> None:
        plan = self.plan
        favourable = favourable_codes(plan.favourable, plan.options.cells) if plan.biased else None
        self._layers = attach_mapped_weights(
            self.network, plan.options, favourable=favourable, scatter=plan.scatter
        )
        self.network.to(self._device)
        self._optimiser = torch.optim.Adam(self.network.parameters(), plan.rate)
        self._best = -1.0, copy.deepcopy(self.network.state_dict())

    def _restrict(self) -> None:
        plan = self.plan
        if not self._layers:
            return
        for layer in self._layers:
            mapped_weight_of(layer).set_range(original_weight_of(layer))
        if not plan.biased:
            return
        rows = plan.options.tile_rows
        some = self._learnt[: BATCHES * plan.batch].split(plan.batch)
        batches = [(self._x[part].to(self._device), self._y[part].to(self._device)) for part in some]
        importance = column_importance(self.network.eval(), self._layers, batches, rows)
        restrict_columns(self._layers, importance, plan.columns, rows)

    def _learn(self, advance: Callable[[int], None]) -> float:
        self.network.train()
        rng = np.random.default_rng([self.plan.seed, 1, self._epoch])
        torch.manual_seed(int(rng.integers(2**31)))
        order = self._learnt[torch.from_numpy(rng.permutation(len(self._learnt)))]
        total = 0.0
        for part in order.split(self.plan.batch):
            self._optimiser.zero_grad()
            outputs = self.network(self._x[part].to(self._device))
            loss = nn.functional.cross_entropy(outputs, self._y[part].to(self._device))
            loss.backward()
            self._optimiser.step()
            total += float(loss.detach()) * len(part)
            advance(len(part))
        return total / len(order)

    @torch.no_grad()
    def _validate(self) -> float:
        self.network.eval()

        def run(x: Tensor) -> Tensor:
            return self.network(x.to(self._device))

        return accuracy_of(run, self._x[self._held], self._y[self._held])

    def _fingerprint(self) -> str:
        options = asdict(self.plan.options) | {"cells": msgspec.to_builtins(self.plan.options.cells)}
        plan = {
            name: getattr(self.plan, name) for name in self.plan.__dataclass_fields__ if name != "options"
        }
        return json.dumps({"plan": plan, "options": options, "inputs": list(self._x.shape)}, sort_keys=True)

    def _save(self, path: Path) -> None:
        state: dict[str, Any] = {
            "fingerprint": self._fingerprint(),
            "epoch": self._epoch,
            "mapped": bool(self._layers),
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "best_accuracy": self._best[0],
            "best": self._best[1],
        }
        with whole_file(path) as part:
            torch.save(state, part)

    def _resume(self, path: Path) -> None:
        state = torch.load(path, map_location=self._device, weights_only=True)
        if state["fingerprint"] != self._fingerprint():
            raise InputError(
                wanted(
                    got=f"{path}, the state of another training",
                    allowed="that of the same plan and data",
                    remedy="give another output, or delete that file",
                )
            )
        if state["mapped"]:
            self._begin_mapped()
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._epoch, self._best = state["epoch"], (state["best_accuracy"], state["best"])
