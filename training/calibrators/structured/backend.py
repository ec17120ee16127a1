"""The few array operations that `structured` is written in, so that torch and ONNX run the same lines.

The circuit, its condensation and the read are written once, against `Backend`, with the ordinary operators
`+ - * / @`. `TorchBackend` runs them; `GraphBackend` (`structured_graph.py`) writes them down as ONNX nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch

Array = Any
"""A torch tensor, or a named result in an ONNX graph: both know `+ - * / @` and broadcast as numpy does."""


class Backend(Protocol):
    """Operations on arrays beside their operators; axes count from the end, for batches."""

    def constant(self, values: np.ndarray) -> Array:
        """A constant, float32 or float64 as given."""
        ...

    def single(self, a: Array) -> Array:
        """The same in float32."""
        ...

    def double(self, a: Array) -> Array:
        """As float64."""
        ...

    def sum(self, a: Array, axis: int) -> Array:
        """Sum along an axis; it stays with length 1."""
        ...

    def largest(self, a: Array) -> Array:
        """Find the largest element over the last two axes; they stay with length 1."""
        ...

    def swap(self, a: Array, rank: int) -> Array:
        """Exchange the last two axes of `rank`."""
        ...

    def joined(self, parts: Sequence[Array], axis: int) -> Array:
        """Concatenate."""
        ...

    def cut(self, a: Array, axis: int, start: int, stop: int) -> Array:
        """Elements `start` to `stop` of an axis."""
        ...

    def reshaped(self, a: Array, shape: Sequence[int]) -> Array:
        """Reshape; one −1 allowed."""
        ...

    def clipped(self, a: Array, low: float, high: float) -> Array:
        """Limit every element."""
        ...

    def beyond(self, a: Array, low: float, high: float) -> Array:
        """1 where an element lies outside low…high, else 0."""
        ...

    def root(self, a: Array) -> Array:
        """Square root."""
        ...

    def mapped(self, body: Callable[[Array], Array], chunks: Array) -> Array:
        """Apply `body` to each element along the first axis, and stack the results."""
        ...

    def repeated(
        self, body: Callable[[tuple[Array, ...]], tuple[Array, ...]], state: tuple[Array, ...], times: int
    ) -> tuple[Array, ...]:
        """Apply `body` to a state so many times; types and shapes stay."""
        ...

    def solved(self, a: Array, b: Array, size: int) -> Array:
        """`a⁻¹ b` for symmetric positive `a` (…, size, size) and `b` (…, size, k)."""
        ...


class TorchBackend:
    """Runs at once, in torch."""

    def constant(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values))

    def single(self, a: torch.Tensor) -> torch.Tensor:
        return a.float()

    def double(self, a: torch.Tensor) -> torch.Tensor:
        return a.double()

    def sum(self, a: torch.Tensor, axis: int) -> torch.Tensor:
        return a.sum(axis, keepdim=True)

    def largest(self, a: torch.Tensor) -> torch.Tensor:
        return a.amax((-2, -1), keepdim=True)

    def swap(self, a: torch.Tensor, rank: int) -> torch.Tensor:
        del rank
        return a.transpose(-1, -2)

    def joined(self, parts: Sequence[torch.Tensor], axis: int) -> torch.Tensor:
        return torch.cat(tuple(parts), axis)

    def cut(self, a: torch.Tensor, axis: int, start: int, stop: int) -> torch.Tensor:
        return a.narrow(axis, start, stop - start)

    def reshaped(self, a: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        return a.reshape(tuple(shape))

    def clipped(self, a: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return a.clamp(low, high)

    def beyond(self, a: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return ((a < low) | (a > high)).to(a.dtype)

    def root(self, a: torch.Tensor) -> torch.Tensor:
        return a.sqrt()

    def mapped(self, body: Callable[[torch.Tensor], torch.Tensor], chunks: torch.Tensor) -> torch.Tensor:
        return torch.stack([body(chunk) for chunk in chunks])

    def repeated(
        self, body: Callable[[tuple[Array, ...]], tuple[Array, ...]], state: tuple[Array, ...], times: int
    ) -> tuple[Array, ...]:
        for _ in range(times):
            state = body(state)
        return state

    def solved(self, a: torch.Tensor, b: torch.Tensor, size: int) -> torch.Tensor:
        del size
        return torch.linalg.solve(a, b)
