"""Digital correction behind tiles: a matrix from all sums of a tile to its outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crosscal.core.network.layer_codes import LayerCodes
from crosscal.training.networks.calibration.tile_belief import TileBelief

_LEAST_NOISE = 1e-9
"""Relative to the spread of the sums: keeps the matrix solvable where sums depend on each other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerCorrection:
    """Corrections of all tiles of a layer.

    Attributes:
        layer: its codes.
        matrices: of each row of tiles and of each tile beside each other, (S·O_t + 1, O_t): of the tile's
            sums, and of the sum of its inputs, which is known digitally.
        offset: of each output, (O,).
    """

    layer: LayerCodes
    matrices: tuple[tuple[Tensor, ...], ...]
    offset: Tensor

    def __call__(self, sums: Tensor, inputs: Tensor) -> Tensor:
        """Correct sums (R, B, S, O) of whole numbers (B, K): products without reference, (B, O)."""
        found = self.offset.expand(len(inputs), -1).clone()
        for row, across in enumerate(self.matrices):
            total = inputs[:, self.layer.inputs_of(row)].sum(dim=1, keepdim=True, dtype=torch.float32)
            for beside, matrix in enumerate(across):
                part = self.layer.outputs_of(beside)
                mine = sums[row, :, :, part].reshape(len(inputs), -1)
                found[:, part] += mine @ matrix[:-1] + total * matrix[-1]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputMoments:
    """Moments of the whole numbers that reach a tile: mean (N,), covariance (N, N)."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> InputMoments:
        """Take them from vectors (B, N); the fewer there are, the less inputs count as going together."""
        numbers = vectors.astype(np.float64)
        covariance = np.cov(numbers, rowvar=False, bias=True).reshape(numbers.shape[1], -1)
        independent = numbers.shape[1] / (numbers.shape[1] + len(numbers))
        own = np.diag(np.diag(covariance))
        return cls(mean=numbers.mean(axis=0), covariance=(1 - independent) * covariance + independent * own)


def best_matrix(
    belief: TileBelief, moments: InputMoments, weights: np.ndarray, plane_power: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the linear estimate of a tile's products with the least expected squared error.

    It is the mean of the products given the sums, for inputs of these moments: inputs are found first, as far
    as the sums tell them, and multiplied by the weights as they were meant.

    Args:
        belief: about the tile.
        moments: of its inputs.
        weights: as they were meant, (N, O).
        plane_power: squared weights of the digits, added up.

    Returns:
        Matrix (C + 1, O), and offset (O,).
    """
    second = moments.covariance + np.outer(moments.mean, moments.mean)
    uncertain = np.einsum("cij,ij->c", belief.covariance, second)
    seen = np.concatenate([belief.mean, np.ones((len(belief.mean), 1))], axis=1)
    spread = seen.T @ moments.covariance @ seen
    noise = np.append(belief.noise * plane_power + uncertain, 0.0)
    noise += _LEAST_NOISE * max(float(np.diag(spread).mean()), 1.0)
    spread[np.diag_indices_from(spread)] += noise
    matrix = np.linalg.solve(spread, seen.T @ moments.covariance @ weights)
    return matrix, moments.mean @ (weights - seen @ matrix)
