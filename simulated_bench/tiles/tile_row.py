"""Row of tiles beside each other: the matrix that their cells form, and the noise of a read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from crosscal.core.network.column_order import by_slice, columns_of
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.fixed_point import (
    DIGITS_MOST,
    ROWS_LEAST,
    SUM_MOST,
    FixedPointMatrix,
    has_fixed_point,
)
from crosscal.simulated_bench.tiles.tile_readout import TileReadout


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRow:
    """Tiles that share their inputs. Sums count in mean distances of the cell's levels, per digit.

    Attributes:
        layer: codes and converters.
        settings: of the chip.
        readout: of the tiles.
        cells: values of each tile, (N, columns); for the exact mode alone.
        matrix: what a digit on each row adds to each sum, (N, S·O); zeros in the exact mode.
        fixed: the matrix for digits of 8 bits; None: not here, or no faster.
        square: variance that a squared digit adds to each sum, (N, S·O); None: reads have no such noise.
        constant: variance of each sum whatever the inputs, (S·O,); None: none.
    """

    layer: LayerCodes
    settings: ChipSettings
    readout: TileReadout
    cells: tuple[np.ndarray, ...]
    matrix: torch.Tensor
    fixed: FixedPointMatrix | None
    square: torch.Tensor | None
    constant: torch.Tensor | None

    def sums(self, digits: torch.Tensor, out: torch.Tensor, rng: torch.Generator) -> None:
        """Find the analogue sums for digits (B, N) with the noise of a read: `out`, (B, S·O).

        Digits of 8 bits are multiplied in fixed point, others in single precision.
        """
        if self.cells:
            out.copy_(torch.from_numpy(self._solved(digits.numpy())))
        elif self.fixed is not None and digits.dtype == torch.int8:
            self.fixed.product(digits, out)
        else:
            torch.mm(digits, self.matrix, out=out)
        variance = None
        if self.square is not None:
            variance = torch.mm(digits * digits, self.square)
        if self.constant is not None:
            variance = self.constant.expand_as(out) if variance is None else variance + self.constant
        if variance is not None:
            out.add_(variance.sqrt() * torch.randn(out.shape, generator=rng, device=out.device))

    def _solved(self, digits: np.ndarray) -> np.ndarray:
        cells = self.settings.cells
        volts = cells.read_v / self.layer.coding.widest
        found = []
        for tile in self.cells:
            given = self.readout.exact(tile, digits.astype(np.float64) * volts)
            sums = by_slice(given, self.layer.codes.shape[2:])
            found.append(sums / (volts * cells.unit))
        return np.concatenate(found, axis=2).reshape(len(digits), -1).astype(np.float32)


def form_rows(
    layer: LayerCodes, settings: ChipSettings, readout: TileReadout, values: np.ndarray
) -> list[TileRow]:
    """Form every row of tiles from the cells' values, (K, O, S, P)."""
    return [_form(layer, settings, readout, tiles) for tiles in _tiles_of(layer, values)]


def _form(
    layer: LayerCodes, settings: ChipSettings, readout: TileReadout, tiles: list[np.ndarray]
) -> TileRow:
    cells, slices_and_pair = settings.cells, layer.codes.shape[2:]
    exact, relative = settings.mode == "exact", cells.cycle_relative
    sums, squares, constants = [], [], []
    for tile in tiles:
        noise = readout.noise(tile) / (cells.unit * cells.read_v)
        constants.append(by_slice(noise[None] ** 2, slices_and_pair, pairs="add"))
        given = np.zeros(tile.shape) if exact else readout.transfer(tile) / cells.unit
        sums.append(by_slice(given, slices_and_pair))
        squares.append(by_slice((relative / cells.unit * tile) ** 2, slices_and_pair, pairs="add"))

    def joined(parts: list[np.ndarray]) -> torch.Tensor:
        array = np.concatenate(parts, axis=2)
        return torch.from_numpy(array.reshape(len(array), -1).astype(np.float32)).to(settings.device)

    constant, matrix = joined(constants)[0], joined(sums)
    return TileRow(
        layer=layer,
        settings=settings,
        readout=readout,
        cells=tuple(tiles) if exact else (),
        matrix=matrix,
        fixed=None if exact or relative else _fixed(matrix, layer, settings),
        square=joined(squares) if relative else None,
        constant=constant if bool(constant.any()) else None,
    )


def _fixed(matrix: torch.Tensor, layer: LayerCodes, settings: ChipSettings) -> FixedPointMatrix | None:
    """Hold the matrix in fixed point too where that is faster: merged chips multiply no digits."""
    wanted = settings.mode == "converted" and settings.device == "cpu" and len(matrix) >= ROWS_LEAST
    widest = layer.coding.widest
    if not wanted or widest > DIGITS_MOST or len(matrix) * widest > SUM_MOST or not has_fixed_point():
        return None
    return FixedPointMatrix(matrix)


def _tiles_of(layer: LayerCodes, values: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Cut cells (K, O, S, P) into tiles, row by row: each (N, columns)."""
    for row in range(layer.tile_counts[0]):
        strip = values[layer.inputs_of(row)]
        yield [columns_of(strip[:, layer.outputs_of(beside)]) for beside in range(layer.tile_counts[1])]
