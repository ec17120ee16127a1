"""A multilayer perceptron with tanh between its layers, laid out for the kernel that runs it."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from crosscal.runtime.feedforward.network_kernel import BLOCK, run_network
from crosscal.runtime.feedforward.tile_kernel import LANES
from crosscal.runtime.reading_window import ReadingTest
from crosscal.runtime.reading_window_kernel import NO_TEST

Layer = tuple[np.ndarray, np.ndarray]


class NetworkCorrection:
    """`output_shift + output_scale · network(x) + skip · x` with `x = (current − input_shift) · input_scale`.

    Args:
        layers: (weight, bias) of each layer; weight (units, inputs), bias (units,), float32.
        input_shift, input_scale, output_shift, output_scale, skip: per column, (M,), float32.
    """

    columns_independent = False

    def __init__(
        self,
        *,
        layers: Sequence[Layer],
        input_shift: np.ndarray,
        input_scale: np.ndarray,
        output_shift: np.ndarray,
        output_scale: np.ndarray,
        skip: np.ndarray,
    ) -> None:
        self._columns = input_shift.size
        self._units = tuple(bias.size for _, bias in layers)
        widths = [_padded(width) for width in (self._columns, *(bias.size for _, bias in layers))]
        parts = [_pad(input_shift), _pad(input_scale)]
        for weight, bias in layers:
            parts += [_pad(bias), _pad(weight.T).reshape(-1)]
        self._tail = sum(part.size for part in parts)
        parts += [_pad(output_scale), _pad(output_shift), _pad(skip)]
        self._packed = _aligned(np.concatenate(parts))
        self._widths = np.array(widths, dtype=np.int64)
        self._scratch = _Scratch((3, BLOCK, max(widths)))
        self._test: ReadingTest | None = None
        self._packed_test = NO_TEST

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_scratch"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Where an array begins does not travel, and threads do not.
        self._packed = _aligned(self._packed)
        self._scratch = _Scratch((3, BLOCK, int(self._widths.max())))

    @property
    def layers(self) -> list[Layer]:
        """Weight (units, inputs) and bias (units,) of each layer, with tanh between them, float32."""
        found, inputs, at = list[Layer](), self._columns, 2 * int(self._widths[0])
        for units, before, width in zip(self._units, self._widths, self._widths[1:], strict=False):
            bias = self._packed[at : at + units]
            weight = self._packed[at + width : at + width * (1 + before)].reshape(before, width)
            found.append((weight[:inputs, :units].T, bias))
            inputs, at = units, at + width * (1 + before)
        return found

    @property
    def per_column(self) -> dict[str, np.ndarray]:
        """Scales and shifts around the network, (M,) float32 each, by the names it was made with."""
        width = int(self._widths[0])
        before = self._packed[: 2 * width].reshape(2, width)[:, : self._columns]
        after = self._packed[self._tail :].reshape(3, width)[:, : self._columns]
        names = ("input_shift", "input_scale", "output_scale", "output_shift", "skip")
        return dict(zip(names, (*before, *after), strict=True))

    def apply(
        self,
        current_a: np.ndarray,
        calibrated_a: np.ndarray,
        limit_a: float,
        only_explained: bool = False,
    ) -> int:
        """See `Correction.apply`."""
        if current_a.ndim == 2:
            # Contiguous arrays: these are views, one vector after another.
            current_a, calibrated_a = current_a.reshape(-1), calibrated_a.reshape(-1)
        return run_network(
            current_a,
            calibrated_a,
            self._packed,
            self._widths,
            self._scratch.floats,
            self._columns,
            limit_a,
            self._packed_test if only_explained else NO_TEST,
        )

    def trimmed(self, gain: np.ndarray, offset_a: np.ndarray) -> NetworkCorrection:
        """See `Correction.trimmed`; the new correction has its own copy of the network."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._packed = _aligned(self._packed)
        scale, shift, skip = other._packed[self._tail :].reshape(3, -1)[:, : self._columns]
        scale *= gain.astype(np.float32)
        skip *= gain.astype(np.float32)
        shift[:] = gain * shift + offset_a
        return other if self._test is None else other.tested(self._test.trimmed(gain, offset_a))

    def tested(self, test: ReadingTest) -> NetworkCorrection:
        """See `ReadingTestable.tested`."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._test, other._packed_test = test, test.packed()
        return other

    @property
    def test(self) -> ReadingTest | None:
        """Test of readings; None tells no reading from another."""
        return self._test


def tanh_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Turn a network with sigmoids into an equal one with tanh, by `σ(x) = ½ + ½ tanh(x/2)`."""
    turned = []
    for index, (weight, bias) in enumerate(layers):
        exact_weight, exact_bias = weight.astype(np.float64), bias.astype(np.float64)
        if index > 0:
            exact_bias = exact_bias + 0.5 * exact_weight.sum(axis=1)
            exact_weight = 0.5 * exact_weight
        if index < len(layers) - 1:
            exact_weight, exact_bias = 0.5 * exact_weight, 0.5 * exact_bias
        turned.append((exact_weight.astype(np.float32), exact_bias.astype(np.float32)))
    return turned


class _Scratch(threading.local):
    """Room for a block's activations; each thread that touches it gets its own."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        # Zeros, because the padding of the input is never written and meets weights of 0: it must not be NaN.
        self.floats = _aligned(np.zeros(math.prod(shape), dtype=np.float32)).reshape(shape)


def _padded(width: int) -> int:
    return -(-width // LANES) * LANES


def _pad(array: np.ndarray) -> np.ndarray:
    """Fill every dimension up to a multiple of LANES with zeros."""
    return np.pad(array, [(0, _padded(size) - size) for size in array.shape])


def _aligned(array: np.ndarray) -> np.ndarray:
    """Return a float32 copy of (size,) that begins at a cache line."""
    line = LANES * array.itemsize
    room = np.empty(array.size + LANES, dtype=np.float32)
    start = -room.ctypes.data % line // array.itemsize
    copy = room[start : start + array.size]
    copy[:] = array
    return copy
