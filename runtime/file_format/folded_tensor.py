"""Checked access to the tensors that a graph gave for a matrix."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crosscal.core.errors import CalibratorFileError


def per_column(tensors: Mapping[str, np.ndarray], name: str, columns: int) -> np.ndarray:
    """Return a tensor of one value, or one per column, as (columns,) float32.

    Raises:
        CalibratorFileError: another size, or values that are not finite.
    """
    tensor = _finite(tensors, name)
    if tensor.size not in (1, columns):
        raise CalibratorFileError(
            f"its tensor {name!r} has shape {tensor.shape}; allowed: one value, or one for each of "
            f"{columns} columns"
        )
    return np.broadcast_to(tensor.reshape(-1), (columns,)).astype(np.float32)


def of_rank(tensors: Mapping[str, np.ndarray], name: str, rank: int) -> np.ndarray:
    """Return a tensor of the given rank.

    Raises:
        CalibratorFileError: another rank, an empty tensor, or values that are not finite.
    """
    tensor = _finite(tensors, name)
    if tensor.ndim != rank or tensor.size == 0:
        raise CalibratorFileError(
            f"its tensor {name!r} has shape {tensor.shape}; allowed: {rank} dimensions, none 0"
        )
    return tensor


def _finite(tensors: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    tensor = tensors[name]
    if tensor.dtype != np.float32:
        raise CalibratorFileError(f"its tensor {name!r} is {tensor.dtype}; allowed: float32")
    if not np.isfinite(tensor).all():
        raise CalibratorFileError(
            f"its tensor {name!r} is not finite for this matrix; train the calibrator again"
        )
    return tensor
