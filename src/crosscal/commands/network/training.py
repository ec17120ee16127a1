"""Training of one network for the command line: here, or as one task of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crosscal.training.networks.graph.torch_module import module_to_onnx
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.learning.trainer import LearningReport, NetworkTrainer


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTask:
    """Everything that decides a trained network.

    Attributes:
        plan: network, method, epochs.
        x, y: training inputs (B, channels, height, width) and classes.
        device: torch's device.
        threads: that torch may use; sums in another order round differently.
    """

    plan: LearningPlan
    x: torch.Tensor
    y: torch.Tensor
    device: str
    threads: int

    def trainer(self) -> NetworkTrainer:
        """Make the trainer, untrained."""
        torch.set_num_threads(self.threads)
        return NetworkTrainer(self.plan, self.x, self.y, device=self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """A trained network.

    Attributes:
        onnx: content of its file.
        accuracy: of the best epoch, on the inputs held out.
        columns: part of the biased columns by layer.
    """

    onnx: bytes
    accuracy: float
    columns: tuple[float, ...]


def train(
    task: TrainingTask,
    trainer: NetworkTrainer,
    advance: Callable[[int], None] = lambda _: None,
    tell: Callable[[LearningReport], None] = lambda _: None,
    checkpoint: Path | None = None,
) -> TrainedNetwork:
    """Train to the end.

    Args:
        task: that the trainer was made for.
        trainer: untrained.
        advance: is told the number of inputs done.
        tell: is told each epoch.
        checkpoint: see `NetworkTrainer.epochs`.
    """
    for report in trainer.epochs(advance, checkpoint):
        tell(report)
    accuracy, columns = trainer.best_accuracy, trainer.columns
    network, factors = trainer.finished()
    content = module_to_onnx(network, tuple(task.x.shape[1:]), factors=factors)
    return TrainedNetwork(onnx=content, accuracy=accuracy, columns=columns)


def train_on_cluster(task: TrainingTask, scheduler: str) -> TrainedNetwork:
    """Train on a worker of a Dask cluster, such as one with a GPU."""
    from crosscal.commands.jobs.cluster import cluster, map_unordered

    with cluster(scheduler) as client:
        shared: Any = client.scatter(task)
        # Dask puts the task in the place of its future where this stands in an argument.
        (found,) = map_unordered(client, _train_one, [(shared,)])
    return found


def _train_one(given: tuple[TrainingTask]) -> TrainedNetwork:
    (task,) = given
    return train(task, task.trainer())
