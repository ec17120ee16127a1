"""Trainer on a chip: gradients become pulses, by the rule of DNN+NeuroSim."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crosscal.core.errors import TrainingError, wanted
from crosscal.core.network.fingerprint import fingerprint
from crosscal.core.network.pulsed_port import PulsedTiles
from crosscal.core.whole_file import whole_file
from crosscal.training.networks.on_chip.array_layer import on_arrays
from crosscal.training.networks.running.scoring import accuracy_of

MOMENTUM, SHARE = 0.9, 0.1  # of the velocity, and of a gradient in it (DNN+NeuroSim V2.1, train.py)
BIAS_RATE = 0.05  # of the digital biases, which NeuroSim's networks do not have
DECAY = 0.7  # of the rate from epoch to epoch: pulses grow rarer as the network settles


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChipPlan:
    """Plan of a training on a chip.

    Attributes:
        epochs, batch: passes and inputs of a step.
        rate: part of the range that the largest gradient of a layer moves its cell by, twice.
        seed: of first weights and order.
    """

    epochs: int = 5
    batch: int = 64
    rate: float = 0.06
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChipReport:
    """Accuracies after an epoch, of training inputs (the first ones) and of test inputs."""

    epoch: int
    training_accuracy: float
    test_accuracy: float


class OnChipTrainer:
    """A training on a chip.

    Args:
        plan: of the training.
        network: as defined; its products are put on arrays.
        tiles: that hold them.
        data: x and y to train on, x and y to test on.
        device: torch's device.
        identity: all that decides what the tiles do, as `fingerprint` takes it; a checkpoint of another is
            refused.
    """

    def __init__(
        self,
        plan: OnChipPlan,
        network: nn.Module,
        tiles: PulsedTiles,
        data: tuple[Tensor, Tensor, Tensor, Tensor],
        *,
        device: str = "cpu",
        identity: Any = None,
    ) -> None:
        self._plan, self._data, self._device = plan, data, device
        self._layers = on_arrays(network, tiles, torch.Generator().manual_seed(plan.seed))
        self._rng = torch.Generator(device=device).manual_seed(plan.seed)
        self._network = network.to(device)
        self._velocity = [torch.zeros_like(layer.shadow) for layer in self._layers]
        others = [value for name, value in network.named_parameters() if not name.endswith("shadow")]
        self._digital = torch.optim.SGD(others, BIAS_RATE, momentum=MOMENTUM)
        self._done = 0
        self._reports: list[OnChipReport] = []
        self._identity = fingerprint(
            # More epochs may follow than were planned at first.
            {**asdict(plan), "epochs": 0},
            identity,
            repr(network),
            # The first weights and everything of the arrays that is drawn.
            [layer.array.state() for layer in self._layers],
            data,
        )

    @property
    def reports(self) -> list[OnChipReport]:
        """Reports of all epochs that are done, those of a checkpoint included."""
        return list(self._reports)

    @property
    def inputs(self) -> int:
        """Number of training inputs."""
        return len(self._data[0])

    def epochs(
        self, advance: Callable[[int], None] = lambda _: None, checkpoint: Path | None = None
    ) -> Iterator[OnChipReport]:
        """Train, and report after each epoch.

        Args:
            advance: is told the number of inputs done; may raise to stop.
            checkpoint: keeps the state after each epoch; a training that finds it goes on from there.

        Raises:
            TrainingError: a checkpoint of other options, cells or data.
        """
        if checkpoint is not None and checkpoint.exists():
            self._take(checkpoint)
        for epoch in range(self._done, self._plan.epochs):
            self._epoch(epoch, advance)
            self._done = epoch + 1
            # Before the state is kept: products of the report draw noise, too.
            self._reports.append(self._report(epoch + 1))
            if checkpoint is not None:
                self._keep(checkpoint)
            yield self._reports[-1]

    def _epoch(self, epoch: int, advance: Callable[[int], None]) -> None:
        x, y = self._data[:2]
        order = torch.randperm(
            len(x), generator=torch.Generator().manual_seed(1000 * self._plan.seed + epoch)
        )
        rate = self._plan.rate * DECAY**epoch
        self._network.train()
        for start in range(0, len(x), self._plan.batch):
            chosen = order[start : start + self._plan.batch]
            self._digital.zero_grad()
            for layer in self._layers:
                layer.shadow.grad = None
            found = self._network(x[chosen].to(self._device))
            nn.functional.cross_entropy(found, y[chosen].to(self._device)).backward()
            self._update(rate)
            self._digital.step()
            advance(len(chosen))
        for layer in self._layers:
            layer.array.settle()

    def _update(self, rate: float) -> None:
        """Turn gradients into pulses: the largest of a layer, to a power of two, counts as 1."""
        for layer, velocity in zip(self._layers, self._velocity, strict=True):
            if layer.shadow.grad is None:
                continue
            velocity.mul_(MOMENTUM).add_(layer.shadow.grad, alpha=SHARE)
            largest = float(velocity.abs().max())
            if largest > 0:
                unit = 2.0 ** round(torch.log2(torch.tensor(largest)).item())
                pulses = velocity / unit * (-rate * layer.array.levels / 2)
                # At random, so that parts of a pulse count too.
                part = torch.rand(pulses.shape, generator=self._rng, device=pulses.device)
                layer.array.pulse(torch.floor(pulses + part))

    def _keep(self, checkpoint: Path) -> None:
        digital = {
            name: value for name, value in self._network.state_dict().items() if not name.endswith("shadow")
        }
        with whole_file(checkpoint) as part:
            torch.save(
                {
                    "identity": self._identity,
                    "done": self._done,
                    "reports": [asdict(each) for each in self._reports],
                    "digital": digital,
                    "optimiser": self._digital.state_dict(),
                    "velocity": self._velocity,
                    "arrays": [layer.array.state() for layer in self._layers],
                    "rng": self._rng.get_state(),
                },
                part,
            )

    def _take(self, checkpoint: Path) -> None:
        kept = torch.load(checkpoint, weights_only=True, map_location=self._device)
        if kept.get("identity") != self._identity:
            raise TrainingError(
                wanted(
                    got=f"a training with other options or data kept in {checkpoint}",
                    allowed="the same network, cells, wires, data and options",
                    remedy="repeat them, or train into another folder",
                )
            )
        self._network.load_state_dict(kept["digital"], strict=False)
        self._digital.load_state_dict(kept["optimiser"])
        self._velocity, self._done = kept["velocity"], kept["done"]
        self._reports = [OnChipReport(**each) for each in kept["reports"]]
        for layer, state in zip(self._layers, kept["arrays"], strict=True):
            layer.array.restore(state)
        self._rng.set_state(kept["rng"].cpu())

    def _report(self, epoch: int) -> OnChipReport:
        x, y, x_test, y_test = self._data
        self._network.eval()

        @torch.no_grad()
        def run(part: Tensor) -> Tensor:
            return self._network(part.to(self._device))

        count = len(x_test)
        return OnChipReport(
            epoch=epoch,
            training_accuracy=accuracy_of(run, x[:count], y[:count]),
            test_accuracy=accuracy_of(run, x_test, y_test),
        )
