"""Codes of one layer's matrix, as they are programmed into tiles, with the converters' settings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.core.network.input_coding import InputCoding

ADC_BITS_MOST = 24  # the finest converters there are; sums are exact in single precision up to here


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCodes:
    """Everything that a set of tiles needs to know of one matrix.

    The sum of an output is `Σ_planes weight · Σ_slices significance · converted sum`; sums count in mean
    distances of the cell's levels, per digit. A pair of columns is subtracted before conversion.

    Attributes:
        name: of the layer, for messages.
        codes: of the cells, (K, O, S, P): inputs, outputs, slices, and 1 column or a pair of each.
        significance: of the slices, (S,).
        coding: of the inputs.
        adc_bits: of the converters; None if they do not round.
        adc_range: least and largest sum that is converted, by slice, (S, 2).
        tile_rows, tile_columns: size of a tile.

    Raises:
        ShapeError, RangeError: parts that do not fit each other, or converters of no bits.
    """

    name: str
    codes: np.ndarray
    significance: np.ndarray
    coding: InputCoding
    adc_bits: int | None
    adc_range: np.ndarray
    tile_rows: int
    tile_columns: int

    def __post_init__(self) -> None:
        if self.codes.ndim != 4 or self.codes.shape[3] not in (1, 2) or 0 in self.codes.shape:
            got = f"codes of shape {self.codes.shape} in {self.name}"
            raise ShapeError(
                wanted(got=got, allowed="(inputs, outputs, slices, 1 or 2)", remedy="reshape them")
            )
        slices = self.codes.shape[2]
        if self.significance.shape != (slices,) or self.adc_range.shape != (slices, 2):
            got = f"{self.name}: significance {self.significance.shape}, ADC ranges {self.adc_range.shape}"
            raise ShapeError(
                wanted(got=got, allowed=f"({slices},) and ({slices}, 2)", remedy="give one per slice")
            )
        require_adc_bits(self.adc_bits)
        require_tile(self.tile_rows, self.tile_columns, slices * self.codes.shape[3])

    @property
    def shape(self) -> tuple[int, int]:
        """Inputs and outputs of the matrix."""
        return self.codes.shape[0], self.codes.shape[1]

    @property
    def columns_per_output(self) -> int:
        """Columns that one output takes."""
        return self.codes.shape[2] * self.codes.shape[3]

    @property
    def outputs_per_tile(self) -> int:
        """Outputs that fit beside each other."""
        return self.tile_columns // self.columns_per_output

    @property
    def tile_counts(self) -> tuple[int, int]:
        """Tiles below and beside each other."""
        inputs, outputs = self.shape
        return math.ceil(inputs / self.tile_rows), math.ceil(outputs / self.outputs_per_tile)

    @property
    def tiles(self) -> int:
        """Tiles in all."""
        return math.prod(self.tile_counts)

    def inputs_of(self, row: int) -> slice:
        """Inputs of a row of tiles, counted from 0."""
        return slice(row * self.tile_rows, min((row + 1) * self.tile_rows, self.shape[0]))

    def outputs_of(self, beside: int) -> slice:
        """Outputs of the tiles at one place beside each other, counted from 0."""
        first = beside * self.outputs_per_tile
        return slice(first, min(first + self.outputs_per_tile, self.shape[1]))

    @property
    def utilisation(self) -> float:
        """Part of the tiles' cells that hold a slice of a weight."""
        return self.codes.size / (self.tiles * self.tile_rows * self.tile_columns)

    @property
    def conversions(self) -> int:
        """Conversions for one input vector."""
        return self.tile_counts[0] * self.shape[1] * self.codes.shape[2] * len(self.coding.planes())


def require_adc_bits(bits: int | None) -> None:
    """Refuse analogue-to-digital converters that there cannot be.

    Raises:
        RangeError: 0 bits or fewer, or more than 24.
    """
    if bits is not None and not 1 <= bits <= ADC_BITS_MOST:
        raise RangeError(
            wanted(
                got=f"an ADC of {bits} bits",
                allowed=f"1 to {ADC_BITS_MOST}, or none for converters that do not round",
                remedy="choose another width with --adc-bits",
            )
        )


def require_tile(rows: int, columns: int, columns_per_output: int) -> None:
    """Refuse tiles that hold nothing.

    Raises:
        RangeError: no rows, or fewer columns than one output takes.
    """
    if rows < 1 or columns < columns_per_output:
        raise RangeError(
            wanted(
                got=f"tiles of {rows}x{columns} for weights of {columns_per_output} columns each",
                allowed=f"1 row or more and {columns_per_output} columns or more",
                remedy="choose larger tiles with --tile",
            )
        )
