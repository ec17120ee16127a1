"""Trainer of networks for crossbars, resumable after every epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from crosscal.core.errors import InputError, wanted
from crosscal.training.networks.definitions import make_network
from crosscal.training.networks.learning.checkpoint import (
    read_checkpoint,
    training_identity,
    write_checkpoint,
)
from crosscal.training.networks.learning.exploration import TRIAL_INPUTS, column_parts, trials
from crosscal.training.networks.learning.favourable import favourable_codes
from crosscal.training.networks.learning.importance import BATCHES, column_importance, restrict_columns
from crosscal.training.networks.learning.mapped_weight import (
    attach_mapped_weights,
    mapped_weight_of,
    original_weight_of,
    scatter_drawn,
    weight_layers,
)
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.running.scoring import accuracy_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningReport:
    """State after an epoch.

    Attributes:
        epoch: counted from 1.
        loss: mean over the epoch.
        validation_accuracy: with weights as they would be mapped, and the cells' scatter drawn for each batch
            where the method is one against scatter.
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
        held_out: places of the inputs that validate; drawn if None.

    Attributes:
        columns: part of the columns of every layer that is biased; empty before biasing begins.
    """

    def __init__(
        self,
        plan: LearningPlan,
        x: Tensor,
        y: Tensor,
        *,
        device: str = "cpu",
        network: nn.Module | None = None,
        held_out: Tensor | None = None,
    ) -> None:
        self.plan, self._device = plan, device
        torch.manual_seed(plan.seed)
        classes = int(y.max()) + 1
        shape = tuple(x.shape[1:])
        made = network if network is not None else make_network(plan.network, shape, classes, plan.width)
        self.network = made.to(device)
        self._x, self._y = x, y
        self._held, self._learnt = _split(len(x), plan, held_out)
        self._epoch, self._best = 0, (-1.0, copy.deepcopy(self.network.state_dict()))
        self._layers: list[nn.Module] = []
        self._identity = ""  # until a checkpoint needs it
        self.columns: tuple[float, ...] = ()
        self._optimiser = torch.optim.Adam(self.network.parameters(), plan.rate)

    @property
    def learnt(self) -> int:
        """Inputs that are learned from; the others validate."""
        return len(self._learnt)

    @property
    def left(self) -> int:
        """Inputs that are still to be learned from, those of trials of biased columns included."""
        rest = (self.plan.epochs - self._epoch) * self.learnt
        if self.columns or not (self.plan.biased and self.plan.explored):
            return rest
        return rest + trials(len(weight_layers(self.network))) * min(self.learnt, TRIAL_INPUTS)

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

        Raises:
            InputError: a checkpoint of another plan, other data or another first network.
        """
        if checkpoint is not None:
            self._identity = self._identity or training_identity(self.plan, self._x, self._y, self.network)
            if checkpoint.exists():
                self._resume(checkpoint)
        while self._epoch < self.plan.epochs:
            if self.plan.mapped and not self._layers and self._epoch >= self.plan.warm_up_epochs:
                count = len(weight_layers(self.network))
                self._begin_mapped(column_parts(self.plan, count, lambda parts: self._trial(parts, advance)))
            self._restrict()
            loss = self._learn(advance)
            self._epoch += 1
            accuracy = self._validate()
            # Weights of the warm-up are not yet such as cells can hold.
            if accuracy > self._best[0] and (self._layers or not self.plan.mapped):
                self._best = accuracy, copy.deepcopy(self.network.state_dict())
            if checkpoint is not None:
                write_checkpoint(checkpoint, self._identity, self._state())
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

    def _trial(self, parts: tuple[float, ...], advance: Callable[[int], None]) -> float:
        """Train a copy for one short epoch and return its accuracy on the inputs held out."""
        few = self._learnt[:TRIAL_INPUTS]
        places = torch.cat([few, self._held])
        trial = NetworkTrainer(
            replace(self.plan, columns=parts, epochs=1, warm_up=0.0),
            self._x[places],
            self._y[places],
            device=self._device,
            network=copy.deepcopy(self.network),
            held_out=torch.arange(len(few), len(places)),
        )
        for _ in trial.epochs(advance):
            pass
        return trial.best_accuracy

    def _begin_mapped(self, columns: tuple[float, ...]) -> None:
        plan, self.columns = self.plan, columns
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
        restrict_columns(self._layers, importance, self.columns, rows)

    def _learn(self, advance: Callable[[int], None]) -> float:
        self.network.train()
        rng = np.random.default_rng([self.plan.seed, 1, self._epoch])
        torch.manual_seed(int(rng.integers(2**31)))
        order = self._learnt[torch.from_numpy(rng.permutation(len(self._learnt)))]
        total = 0.0
        for part in order.split(self.plan.batch):
            self._optimiser.zero_grad()
            loss = nn.functional.cross_entropy(self._outputs(self._x[part]), self._y[part].to(self._device))
            loss.backward()
            self._optimiser.step()
            total += float(loss.detach()) * len(part)
            advance(len(part))
        return total / len(order)

    def _outputs(self, x: Tensor) -> Tensor:
        half = self.plan.precision == "bf16"
        with torch.autocast(torch.device(self._device).type, torch.bfloat16, enabled=half):
            return self.network(x.to(self._device)).float()

    @torch.no_grad()
    def _validate(self) -> float:
        self.network.eval()
        torch.manual_seed(self.plan.seed)  # the same scatter for every epoch
        with scatter_drawn(self._layers if self.plan.biased or self.plan.scatter else []):
            return accuracy_of(self._outputs, self._x[self._held], self._y[self._held])

    def _state(self) -> dict[str, object]:
        return {
            "epoch": self._epoch,
            "mapped": bool(self._layers),
            "columns": list(self.columns),
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "best_accuracy": self._best[0],
            "best": self._best[1],
        }

    def _resume(self, path: Path) -> None:
        state = read_checkpoint(path, self._identity, self._device)
        if state["mapped"]:
            self._begin_mapped(tuple(state["columns"]))
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._epoch, self._best = state["epoch"], (state["best_accuracy"], state["best"])


def _split(count: int, plan: LearningPlan, held_out: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the places of the inputs that validate and of those that are learned from."""
    if held_out is not None:
        learnt = torch.ones(count, dtype=torch.bool)
        learnt[held_out] = False
        return held_out, learnt.nonzero().flatten()
    order = torch.from_numpy(np.random.default_rng([plan.seed, 0]).permutation(count))
    held = max(1, round(plan.validation * count))
    if held >= count:
        raise InputError(wanted(got=f"{count} inputs", allowed="two or more", remedy="give more data"))
    return order[:held], order[held:]
