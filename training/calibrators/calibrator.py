"""Interface of a calibrator to the trainer and the exporter.

A calibrator maps (matrix, measured currents) to calibrated currents. It is a `torch.nn.Module` whose whole
state is its `state_dict`: a checkpoint holds that and the arguments it was made with, nothing else. To add
one, derive from `TrainableCalibrator`, and name the class in `registry.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from crosscal.core.errors import InputError, wanted
from crosscal.training.calibrators.preparation import PreparationSteps
from crosscal.training.measurements import Measurements

if TYPE_CHECKING:
    from crosscal.training.calibrators.graph_writer import GraphFacts, GraphWriter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Some matrices with some of their vectors, as float32 tensors in SI units.

    Attributes:
        conductance_s: targets [S], (K, N, M). voltage_v: inputs [V], (K, V, N).
        current_a: measured [A], (K, V, M); finite everywhere. ideal_a: `Gᵀ v` [A], (K, V, M).
        weight: 1 where the vector is usable, 0 where it must not count, (K, V).
    """

    conductance_s: torch.Tensor
    voltage_v: torch.Tensor
    current_a: torch.Tensor
    ideal_a: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of training with a loss and a learning rate of its own.

    Attributes:
        name: told to `TrainableCalibrator.loss`.
        epochs: passes over the training matrices, at most.
        learning_rate: Adam's step at the start; it falls to a hundredth along a half cosine.
        matrices_per_batch: matrices in a batch; each is encoded once for all its vectors in it.
        vectors_per_batch: vectors per matrix in a batch, drawn anew every epoch; None for all.
        patience: epochs without a better validation error after which the stage ends.
    """

    name: str
    epochs: int
    learning_rate: float
    matrices_per_batch: int = 16
    vectors_per_batch: int | None = None
    patience: int = 20

    def __post_init__(self) -> None:
        for name in ("epochs", "matrices_per_batch", "patience"):
            if getattr(self, name) < 1:
                raise InputError(
                    wanted(
                        got=f"{name} = {getattr(self, name)} in stage {self.name!r}",
                        allowed="1 or more",
                        remedy=f"correct {name}",
                    )
                )

    def with_at_most(self, epochs: int) -> Stage:
        """The same stage, of so many epochs at most."""
        return replace(self, epochs=min(self.epochs, epochs))


class TrainableCalibrator(torch.nn.Module, ABC):
    """A calibrator for one array size, from its first random number to its ONNX graph."""

    name: ClassVar[str]
    """Name in the registry and on the command line."""

    def __init__(self, shape: tuple[int, int], **options: Any) -> None:
        """Allocate the state for an array of `shape` (N, M); `options` are plain JSON values."""
        super().__init__()
        self.shape = shape
        self.options = options

    @abstractmethod
    def prepare(self, data: Measurements, rng: np.random.Generator) -> None:
        """Set the state from the training matrices: normalisation, closed-form fits, random first weights."""

    def prepare_in_steps(self, data: Measurements, rng: np.random.Generator, steps: PreparationSteps) -> None:
        """Do as `prepare` does, keeping what takes long; by default nothing is kept.

        One that keeps steps goes on after them and ends, bit for bit, where `prepare` does.
        """
        del steps
        self.prepare(data, rng)

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """List the stages of training after `prepare`; empty when that was all."""

    @abstractmethod
    def forward(self, conductance_s: torch.Tensor, current_a: torch.Tensor) -> torch.Tensor:
        """Calibrate: [S] (K, N, M) and [A] (K, V, M) → [A] (K, V, M)."""

    @abstractmethod
    def write_graph(self, graph: GraphWriter) -> GraphFacts:
        """Write the calibrator as ONNX nodes, from `conductance` and `current` to `calibrated`."""

    def findings(self) -> tuple[str, ...]:
        """Report findings of `prepare` to the person who trains; nothing by default."""
        return ()

    def loss(self, batch: Batch, stage: Stage) -> torch.Tensor:
        """Compute the loss of a batch in a stage: by default the NMSE of the calibrated currents."""
        del stage
        return normalised_error(self(batch.conductance_s, batch.current_a), batch)

    def validation_error(self, batch: Batch, stage: Stage) -> torch.Tensor:
        """Compute the error that decides on the best epoch: by default the NMSE of calibrated currents."""
        del stage
        return normalised_error(self(batch.conductance_s, batch.current_a), batch)


def normalised_error(estimate_a: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Squared error of usable vectors in parts of the variance that the inputs cause in the batch.

    Args:
        estimate_a: calibrated currents [A], (K, V, M).
        batch: holds the ideal ones.

    Returns:
        A scalar: 1 for the best constant per matrix and column, 0 for no error.
    """
    weight = batch.weight[:, :, None]
    count = batch.weight.sum(dim=1).clamp(min=1.0)[:, None, None]
    mean = (weight * batch.ideal_a).sum(dim=1, keepdim=True) / count
    variance = (weight * (batch.ideal_a - mean) ** 2).sum()
    # Single precision cannot tell a smaller variance from none.
    faintest = 1e-12 * (weight * batch.ideal_a**2).sum() + torch.finfo(variance.dtype).tiny
    return (weight * (estimate_a - batch.ideal_a) ** 2).sum() / torch.maximum(variance, faintest)
