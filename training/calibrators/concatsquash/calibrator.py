"""`concatsquash`: the seed paper's network, with a normalisation that knows the matrix.

Inside is the paper's network: three hidden layers of 128 with sigmoids between, each modulated by z, 64
numbers that an encoder makes of G. Around it stand a shift, a scale and a skip per column:

    x = (I − mean current of this matrix) / spread
    calibrated = mean ideal current of this matrix + spread · (network(x, z) + skip ⊙ x)

All that depends on G alone is fixed when a matrix is programmed: a plain multilayer perceptron is left. The
skip is the least-squares gain of each column. So before any training this is a column-wise correction for a
matrix never seen before, and outside the inputs it was trained on it goes on as a straight line.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, cast

import numpy as np
import torch

from crosscal.core.errors import InputError, wanted
from crosscal.training.calibrators.calibrator import Stage, TrainableCalibrator
from crosscal.training.calibrators.concatsquash.column_statistics import ColumnStatistics
from crosscal.training.calibrators.concatsquash.graph import write_concatsquash
from crosscal.training.calibrators.concatsquash.layer import ConcatSquashLayer
from crosscal.training.calibrators.concatsquash.matrix_features import MatrixFeatures
from crosscal.training.calibrators.concatsquash.mean_current import fit_mean_current
from crosscal.training.calibrators.graph_writer import GraphFacts, GraphWriter
from crosscal.training.measurements import Measurements

# The seed paper's (Rezaeifar et al., MemSys 2025).
LATENT = 64
HIDDEN = 128
HIDDEN_LAYERS = 3

_INNER = 64  # units; errors are within 2 % of these with 32 and 128 (`python benchmarks/constants.py _INNER`)
_WHITENING_FLOOR = 1e-3  # insensitive between 1e-4 and 1e-2 (`python benchmarks/constants.py FLOOR`)
_SIGMOID_GAIN = 4.8
"""Brings the sigmoids of a standard normal variable from 0.21 back to a spread of 1."""


class ConcatSquash(TrainableCalibrator):
    """The paper's network for an array of `shape`.

    Args:
        shape: (N, M).
        latent: size of z; by default 64, as in the paper, but no fewer than one number per column.
        hidden: units of a hidden layer.
        hidden_layers: number of hidden layers.

    Raises:
        InputError: a size below 1.

    Reference:
        The layer, z = 64 and 3 × 128 are the seed paper's; encoder, normalisation and skip are ours.
    """

    name: ClassVar[str] = "concatsquash"
    current_spread_a: torch.Tensor
    ideal_spread_a: torch.Tensor
    mean_voltage_v: torch.Tensor
    whitening: torch.Tensor

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        latent: int | None = None,
        hidden: int = HIDDEN,
        hidden_layers: int = HIDDEN_LAYERS,
    ) -> None:
        rows, columns = shape
        latent = max(LATENT, columns) if latent is None else latent
        _check_sizes(latent=latent, hidden=hidden, hidden_layers=hidden_layers)
        super().__init__(shape, latent=latent, hidden=hidden, hidden_layers=hidden_layers)
        self.features = MatrixFeatures(shape)
        self.mean_current = torch.nn.Linear(self.features.count, columns)
        self.latent = torch.nn.Linear(self.features.count, latent)
        self.inner = torch.nn.Linear(self.features.count, _INNER)
        self.outer = torch.nn.Linear(_INNER, latent)
        widths = [columns, *[hidden] * hidden_layers, columns]
        self._layers = torch.nn.ModuleList(
            ConcatSquashLayer(before, after, latent) for before, after in pairwise(widths)
        )
        self.skip = torch.nn.Parameter(torch.zeros(columns))
        self.register_buffer("current_spread_a", torch.ones(columns))
        self.register_buffer("ideal_spread_a", torch.ones(columns))
        self.register_buffer("mean_voltage_v", torch.zeros(rows))
        self.register_buffer("whitening", torch.eye(columns))

    @property
    def layers(self) -> Sequence[ConcatSquashLayer]:
        """The layers of the network, the last without an activation after it."""
        return cast(Sequence[ConcatSquashLayer], self._layers)

    def prepare(self, data: Measurements, rng: np.random.Generator) -> None:
        """Fit normalisation, skip and mean currents in closed form; draw the first weights."""
        facts = ColumnStatistics.of(data)
        self.features.prepare(facts.conductance_s)
        with torch.no_grad():
            features = self.features(torch.from_numpy(facts.conductance_s).float()).double().numpy()
            mean = facts.mean_current_a / facts.current_spread_a
            weights, constants = fit_mean_current(self.features, features, mean)
            for target, values in (
                (self.current_spread_a, facts.current_spread_a),
                (self.ideal_spread_a, facts.ideal_spread_a),
                (self.mean_voltage_v, facts.mean_voltage_v),
                (self.whitening, _whitening(facts.covariance)),
                (self.skip, facts.gain * facts.current_spread_a / facts.ideal_spread_a),
                (self.mean_current.weight, weights),
                (self.mean_current.bias, constants),
            ):
                target.copy_(torch.from_numpy(values))
        self._start_encoder(rng)
        self._start_layers(rng)

    def stages(self) -> tuple[Stage, ...]:
        """One stage, on the NMSE of the calibrated currents."""
        return (Stage(name="end to end", epochs=40, learning_rate=5e-4, matrices_per_batch=8, patience=15),)

    def forward(self, conductance_s: torch.Tensor, current_a: torch.Tensor) -> torch.Tensor:
        """Calibrate, (K, V, M); each matrix is encoded once for all its vectors."""
        features = self.features(conductance_s)
        z = self.latent(features) + self.outer(torch.nn.functional.silu(self.inner(features)))
        x = current_a / self.current_spread_a - self.mean_current(features)[:, None, :]
        *hidden_layers, last = self.layers
        hidden = x @ self.whitening.T
        for layer in hidden_layers:
            hidden = torch.sigmoid(layer(hidden, z))
        correction = last(hidden, z) + self.skip * x
        return (self.mean_voltage_v @ conductance_s)[:, None, :] + self.ideal_spread_a * correction

    def write_graph(self, graph: GraphWriter) -> GraphFacts:
        """Write first the part that depends on the matrix alone, then the plain network on `current`."""
        return write_concatsquash(graph, self)

    def _start_encoder(self, rng: np.random.Generator) -> None:
        """Begin with the sums that decide a column's gain and mixing: its tilts, then its other sums."""
        size, count = self.latent.weight.shape
        columns = self.shape[1]
        orders = [*range(1, self.features.down_count), 0]
        places = [self.features.positions_of_column(m)[order] for order in orders for m in range(columns)]
        weight = rng.standard_normal((size, count)) / np.sqrt(count)
        chosen = np.array(places[:size])
        weight[: len(chosen)] = np.eye(count)[chosen]
        inner = rng.standard_normal((_INNER, count)) / np.sqrt(count)
        with torch.no_grad():
            self.latent.weight.copy_(torch.from_numpy(weight))
            self.inner.weight.copy_(torch.from_numpy(inner))
            for zero in (self.latent.bias, self.inner.bias, self.outer.weight, self.outer.bias):
                zero.zero_()

    def _start_layers(self, rng: np.random.Generator) -> None:
        """Draw weights that keep every unit's input around 0 with a spread of 1; the last layer gives 0."""
        first, *middle, last = self.layers
        outputs, inputs = first.weight.shape
        weight = rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)
        first.start(weight, 0.5 * rng.standard_normal(outputs))
        for layer in middle:
            outputs, inputs = layer.weight.shape
            weight = _SIGMOID_GAIN * rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)
            layer.start(weight, -0.5 * weight.sum(axis=1))
        last.start(np.zeros(last.weight.shape), np.zeros(last.bias.shape))


def _whitening(covariance: np.ndarray) -> np.ndarray:
    """Give currents of this covariance a spread of 1 in every direction, less in those that are all noise."""
    variances, directions = np.linalg.eigh(covariance)
    return (directions / np.sqrt(np.maximum(variances, 0.0) + _WHITENING_FLOOR * variances.mean())).T


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise InputError(wanted(got=f"{name} = {size}", allowed="1 or more", remedy=f"correct {name}"))
