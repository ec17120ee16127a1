"""Measurements as tensors, cut into batches of whole matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from crosscal.training.calibrators.calibrator import Batch
from crosscal.training.measurements import Measurements


class TensorData:
    """Measurements as float32 tensors, made once; unusable vectors weigh nothing and hold zeros."""

    def __init__(self, data: Measurements) -> None:
        current_a = np.where(data.usable[:, :, None], data.current_a, 0.0)
        self._all = Batch(
            conductance_s=_float32(data.conductance_s),
            voltage_v=_float32(data.voltage_v),
            current_a=_float32(current_a),
            ideal_a=_float32(data.ideal_a),
            weight=_float32(data.usable),
        )

    def in_order(self, matrices: int) -> Iterator[Batch]:
        """Yield all matrices with all their vectors, so many matrices at a time."""
        for start in range(0, len(self._all.weight), matrices):
            yield self._pick(slice(start, start + matrices), slice(None))

    def shuffled(self, matrices: int, vectors: int | None, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield all matrices in a drawn order, each batch with its own drawn choice of `vectors`, or all."""
        order = torch.from_numpy(rng.permutation(len(self._all.weight)))
        total = self._all.weight.shape[1]
        for start in range(0, len(order), matrices):
            chosen = slice(None)
            if vectors is not None and vectors < total:
                chosen = torch.from_numpy(np.sort(rng.permutation(total)[:vectors]))
            yield self._pick(order[start : start + matrices], chosen)

    def _pick(self, matrices: torch.Tensor | slice, vectors: torch.Tensor | slice) -> Batch:
        return Batch(
            conductance_s=self._all.conductance_s[matrices],
            voltage_v=self._all.voltage_v[matrices][:, vectors],
            current_a=self._all.current_a[matrices][:, vectors],
            ideal_a=self._all.ideal_a[matrices][:, vectors],
            weight=self._all.weight[matrices][:, vectors],
        )


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
