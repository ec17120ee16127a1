"""Few numbers of a matrix that decide its columns' errors: the first half of the encoder of G.

Wires make a column's error depend on where along it the conductance lies and on how heavily its rows are
loaded. So the features are weighted sums down each column, over the whole array, and of conductance times row
load; the weights begin as Legendre polynomials of the position and are learned. All columns share them:
so a hundred matrices are enough to learn from.
"""

from __future__ import annotations

import numpy as np
import torch

from crosscal.core.array_types import Float
from crosscal.training.calibrators.graph_writer import CONDUCTANCE, GraphWriter

COLUMN_WEIGHTS = 4
"""Errors are within 3 % of these between 2 and 6 (`python benchmarks/constants.py COLUMN_WEIGHTS`)."""

ROW_WEIGHTS = 3
"""Errors are within 4 % of these between 1 and 3; 5 are too many for six columns, 14 % worse (`python
benchmarks/constants.py ROW_WEIGHTS`)."""


class MatrixFeatures(torch.nn.Module):
    """Matrices [S], (K, N, M), to features around 0 with a spread of 1, (K, `count`).

    First come the sums down every column, then the sums with row load of every column, then those of the
    whole array.

    Attributes:
        down_count, load_count, whole_count: sums down each column; sums of conductance times row load in each
            column; sums over the whole array.
    """

    mean_s: torch.Tensor
    spread_s: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__()
        rows, columns = shape
        self.shape = shape
        self.down_count, self.load_count = min(COLUMN_WEIGHTS, rows), min(ROW_WEIGHTS, columns)
        self.whole_count = self.down_count * self.load_count
        self.down = torch.nn.Parameter(_float32(legendre(rows, self.down_count)))
        self.along = torch.nn.Parameter(_float32(legendre(columns, self.load_count)))
        self.register_buffer("mean_s", torch.zeros(()))
        self.register_buffer("spread_s", torch.ones(()))
        self.register_buffer("shift", torch.zeros(self.count))
        self.register_buffer("scale", torch.ones(self.count))

    @property
    def count(self) -> int:
        """Number of features of a matrix."""
        return self.shape[1] * (self.down_count + self.load_count) + self.whole_count

    def prepare(self, conductance_s: Float[np.ndarray, "matrices rows columns"]) -> None:
        """Learn means and spreads from the training matrices."""
        self.mean_s.fill_(float(conductance_s.mean()))
        self.spread_s.fill_(float(_spread(conductance_s.std())))
        self.shift.zero_()
        self.scale.fill_(1.0)
        with torch.no_grad():
            raw = self(_float32(conductance_s)).double().numpy()
        self.shift.copy_(torch.from_numpy(raw.mean(axis=0)))
        self.scale.copy_(torch.from_numpy(1.0 / _spread(raw.std(axis=0))))

    def forward(self, conductance_s: torch.Tensor) -> torch.Tensor:
        """Compute the features, (K, count)."""
        cells = (conductance_s - self.mean_s) / self.spread_s
        by_column = cells.transpose(1, 2) / self.shape[0] ** 0.5
        row_load = cells @ self.along / self.shape[1] ** 0.5
        sums = by_column @ self.down, by_column @ row_load, self.down.T @ row_load
        return (torch.cat([part.flatten(1) for part in sums], dim=1) - self.shift) * self.scale

    def by_column(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sort features (K, count) into each column's own, (K, M, D), and the whole array's, (K, W)."""
        columns = self.shape[1]
        ends = np.cumsum([columns * self.down_count, columns * self.load_count])
        down, load, whole = np.split(features, ends, axis=1)
        own = [
            down.reshape(-1, columns, self.down_count),
            load.reshape(-1, columns, self.load_count),
        ]
        return np.concatenate(own, axis=2), whole

    def positions_of_column(self, column: int) -> np.ndarray:
        """Where the features of a column stand among all, in the order of `by_column`, (D,)."""
        load_start = self.shape[1] * self.down_count
        down = column * self.down_count + np.arange(self.down_count)
        load = load_start + column * self.load_count + np.arange(self.load_count)
        return np.concatenate([down, load])

    def write_graph(self, graph: GraphWriter) -> str:
        """Write the features of `conductance` as a column vector (count, 1); return the tensor's name."""
        graph.constant("cell_mean", self.mean_s)
        graph.constant("cell_spread", self.spread_s)
        graph.constant("down", self.down.detach())
        graph.constant("along", self.along.detach() / self.shape[1] ** 0.5)
        graph.constant("root_of_rows", self.shape[0] ** 0.5)
        graph.constant("feature_shift", self.shift[:, None])
        graph.constant("feature_scale", self.scale[:, None])
        graph.constant("as_column", [-1, 1], np.int64)
        graph.node("Sub", [CONDUCTANCE, "cell_mean"], "cells_centred")
        graph.node("Div", ["cells_centred", "cell_spread"], "cells")
        graph.node("Transpose", ["cells"], "cells_turned", perm=[1, 0])
        graph.node("Div", ["cells_turned", "root_of_rows"], "cells_by_column")
        graph.node("Transpose", ["down"], "down_rows", perm=[1, 0])
        graph.node("MatMul", ["cells", "along"], "row_load")
        graph.node("MatMul", ["cells_by_column", "down"], "down_sums")
        graph.node("MatMul", ["cells_by_column", "row_load"], "load_sums")
        graph.node("MatMul", ["down_rows", "row_load"], "whole_sums")
        parts = [
            graph.node("Reshape", [name, "as_column"], f"{name}_flat")
            for name in ("down_sums", "load_sums", "whole_sums")
        ]
        graph.node("Concat", parts, "sums", axis=0)
        graph.node("Sub", ["sums", "feature_shift"], "sums_centred")
        return graph.node("Mul", ["sums_centred", "feature_scale"], "features")


def legendre(points: int, count: int) -> Float[np.ndarray, "points count"]:
    """The first Legendre polynomials at equidistant points from −1 to 1; a single point stands at 0."""
    places = np.linspace(-1.0, 1.0, points) if points > 1 else np.zeros(1)
    return np.polynomial.legendre.legvander(places, count - 1)


def _spread(value: np.ndarray | float) -> np.ndarray:
    """Replace spreads of nothing by 1: dividing by a rounding error would make it the largest of all."""
    return np.where(np.asarray(value) > 1e-12, value, 1.0)


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
