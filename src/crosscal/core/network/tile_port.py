"""Port to tiles: program a layer's codes, multiply a batch, state the cost; simulated or physical."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from crosscal.core.network.layer_codes import LayerCodes


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """Cost of one layer.

    Attributes:
        tiles: that hold it.
        conversions: for one input vector.
        energy_j: for one input vector [J].
        latency_s: of one input vector, all tiles at work at once [s].
        area_m2: of the tiles with their converters and registers [m²].
    """

    tiles: int
    conversions: int
    energy_j: float
    latency_s: float
    area_m2: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversion:
    """Conversion of a layer's sums, by slice, (S,); in mean distances of levels.

    Attributes:
        low, high: ends of the range; infinite where sums beyond it are refused, or nothing rounds.
        step: of the codes; 0 where nothing rounds.
    """

    low: np.ndarray
    high: np.ndarray
    step: np.ndarray

    @staticmethod
    def of(layer: LayerCodes) -> Conversion:
        """Take the conversion that a layer was mapped for."""
        slices = len(layer.adc_range)
        if layer.adc_bits is None:
            endless = np.full(slices, np.inf)
            return Conversion(low=-endless, high=endless, step=np.zeros(slices))
        low, high = layer.adc_range.T
        return Conversion(low=low, high=high, step=(high - low) / (2**layer.adc_bits - 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldedLayer:
    """A layer with all slices, digits and rows of tiles folded into one product. Arrays are torch tensors.

    Attributes:
        matrix: (K, O).
        deviation: that conversion and amplifiers add to each sum, whatever the inputs, (O,).
        read_variance: variance that the noise of reads adds to each sum, per `InputCoding.power` of each
            input, (K, O); None: reads have no such noise.
    """

    matrix: Any
    deviation: Any
    read_variance: Any = None


@runtime_checkable
class ProgrammedLayer(Protocol):
    """A layer in its tiles. Arrays are torch tensors on the device that the tiles were made for."""

    @property
    def cost(self) -> LayerCost:
        """Cost of the layer."""
        ...

    @property
    def conversion(self) -> Conversion:
        """Range and step of what `convert` returns."""
        ...

    def read_cells(self, *, aged: bool = False) -> Any:
        """Read every cell once, just after writing or, aged, now: in the unit of levels, the codes' shape."""
        ...

    def rewrite(self, codes: Any) -> None:
        """Write the cells with codes that differ from those before; the others stay as they are."""
        ...

    def multiply(self, inputs: Any) -> Any:
        """Multiply whole numbers (B, K) by the matrix, with every conversion: sums (B, O)."""
        ...

    def multiply_apart(self, inputs: Any) -> Any:
        """Do as `multiply` does, but leave rows of tiles and slices apart: sums (R, B, S, O)."""
        ...

    def convert(self, row: int, digits: Any) -> Any:
        """Apply digits (B, N) to one row of tiles, once, and convert: sums (B, S, O)."""
        ...

    def folded(self) -> FoldedLayer:
        """Return the matrix as one, with the noise that conversions and reads add."""
        ...


@runtime_checkable
class Tiles(Protocol):
    """Tiles that layers are programmed into, one after another."""

    def program(self, layer: LayerCodes) -> ProgrammedLayer:
        """Write a layer's codes into tiles of its own."""
        ...
