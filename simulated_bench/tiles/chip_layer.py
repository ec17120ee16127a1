"""One layer in the tiles of a simulated chip."""

from __future__ import annotations

import numpy as np
import torch

from crosscal.core.network.layer_codes import LayerCodes
from crosscal.core.network.tile_port import Conversion, FoldedLayer, LayerCost
from crosscal.simulated_bench.tiles.cell_values import write_cells
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.conversion import Converters
from crosscal.simulated_bench.tiles.costs import layer_cost
from crosscal.simulated_bench.tiles.tile_readout import TileReadout
from crosscal.simulated_bench.tiles.tile_row import TileRow, form_rows

BLOCK_VALUES = 1 << 18
"""Sums computed at a time, a megabyte: LeNet-5 is as fast with a quarter, VGG8 a fifth slower."""


class ChipLayer:
    """Cells of a layer, with the matrices that they form now.

    Args:
        layer: codes and converters.
        settings: of the chip.
        readout: of the tiles.
        rng: draws the cells, and the seed of the noise of reads.
    """

    def __init__(
        self, layer: LayerCodes, *, settings: ChipSettings, readout: TileReadout, rng: np.random.Generator
    ) -> None:
        self._layer, self._settings, self._readout = layer, settings, readout
        self._rng, self._codes = rng, layer.codes
        self._cells = write_cells(layer.codes, settings.cells, rng)
        self._converters = Converters(layer)
        seed = int(rng.integers(2**31))
        self._torch_rng = torch.Generator(device=settings.device).manual_seed(seed)
        self._cost = layer_cost(layer, settings.parts, settings.counts)
        self._age_s = settings.age_s
        self._formed: list[TileRow] | None = None

    @property
    def cost(self) -> LayerCost:
        """See `ProgrammedLayer`."""
        return self._cost

    @property
    def conversion(self) -> Conversion:
        """See `ProgrammedLayer`."""
        return Conversion.of(self._layer)

    def age(self, age_s: float) -> None:
        """Let the cells reach an age after writing [s]."""
        self._age_s, self._formed = age_s, None

    def read_cells(self, *, aged: bool = False) -> np.ndarray:
        """See `ProgrammedLayer`; with the noise of a read."""
        normal = self._rng.standard_normal(self._codes.shape)
        values = self._cells.aged(self._age_s) if aged else self._cells.value
        return values * (1.0 + self._settings.cells.cycle_relative * normal)

    def rewrite(self, codes: np.ndarray) -> None:
        """See `ProgrammedLayer`."""
        changed = codes != self._codes
        fresh = write_cells(codes, self._settings.cells, self._rng)
        self._cells = self._cells.replaced(fresh, changed)
        self._codes, self._formed = codes, None

    def multiply(self, inputs: torch.Tensor) -> torch.Tensor:
        """See `ProgrammedLayer`."""
        total = torch.zeros(len(inputs), 1, self._layer.shape[1], device=inputs.device)
        for row in range(len(self._rows)):
            self._add(row, inputs, total, self._converters.weights)
        return total[:, 0]

    def multiply_apart(self, inputs: torch.Tensor) -> torch.Tensor:
        """See `ProgrammedLayer`."""
        rows, slices = len(self._rows), self._layer.codes.shape[2]
        total = torch.zeros(rows, len(inputs), slices, self._layer.shape[1], device=inputs.device)
        weights = np.repeat(self._converters.plane_weights[:, None], slices, axis=1)
        for row in range(rows):
            self._add(row, inputs, total[row], weights)
        return total

    def convert(self, row: int, digits: torch.Tensor) -> torch.Tensor:
        """See `ProgrammedLayer`."""
        slices, outputs = self._layer.codes.shape[2], self._layer.shape[1]
        applied = digits.to(torch.float32)
        sums = torch.empty(len(digits), slices * outputs, device=digits.device)
        self._rows[row].sums(applied, sums, self._torch_rng)
        return self._converters.rounded(sums.view(-1, slices, outputs))

    def folded(self) -> FoldedLayer:
        """See `ProgrammedLayer`."""
        slices, outputs = self._layer.codes.shape[2], self._layer.shape[1]
        device = self._settings.device
        significance = torch.as_tensor(self._layer.significance, dtype=torch.float32, device=device)

        def joined(parts: list[torch.Tensor], weights: torch.Tensor) -> torch.Tensor:
            return torch.cat(
                [torch.einsum("kso,s->ko", part.view(-1, slices, outputs), weights) for part in parts]
            )

        squares = [row.square for row in self._rows if row.square is not None]
        variance = torch.full(
            (outputs,), self._converters.rounding_deviation(len(self._rows)) ** 2, device=device
        )
        squared = torch.as_tensor(
            (self._converters.weights**2).sum(axis=0), dtype=torch.float32, device=device
        )
        for row in self._rows:
            if row.constant is not None:
                variance = variance + (squared[:, None] * row.constant.view(slices, outputs)).sum(dim=0)
        return FoldedLayer(
            matrix=joined([row.matrix for row in self._rows], significance),
            deviation=variance.sqrt(),
            read_variance=joined(squares, significance**2) if squares else None,
        )

    @property
    def _rows(self) -> list[TileRow]:
        """Rows of tiles as the cells form them at their age."""
        if self._formed is None:
            values = self._cells.aged(self._age_s)
            self._formed = form_rows(self._layer, self._settings, self._readout, values)
        return self._formed

    def _add(self, row: int, inputs: torch.Tensor, total: torch.Tensor, weights: np.ndarray) -> None:
        """Add the converted sums of one row of tiles, (B, S or 1, O), planes and slices by their weights."""
        if self._settings.device == "cpu":
            self._add_compiled(row, inputs, total, weights)
        else:
            self._add_torch(row, inputs, total, weights)

    def _add_compiled(self, row: int, inputs: torch.Tensor, total: torch.Tensor, weights: np.ndarray) -> None:
        numbers, first = inputs.to(torch.int16).numpy(), row * self._layer.tile_rows
        planes, tiles = len(self._converters.planes), self._rows[row]
        rows, columns = tiles.matrix.shape
        block = max(1, BLOCK_VALUES // (planes * columns))
        digits = np.empty(planes * block * rows, dtype=np.float32 if tiles.fixed is None else np.int8)
        sums = torch.empty(planes * block * columns, dtype=torch.float32)
        for start in range(0, len(numbers), block):
            part, result = numbers[start : start + block], total[start : start + block]
            applied = torch.from_numpy(self._converters.digits(part, first, rows, digits).reshape(-1, rows))
            out = sums[: len(applied) * columns].view(len(applied), columns)
            tiles.sums(applied, out, self._torch_rng)
            self._converters.add(out.view(planes, len(part), columns).numpy(), weights, result.numpy())

    def _add_torch(self, row: int, inputs: torch.Tensor, total: torch.Tensor, weights: np.ndarray) -> None:
        part = inputs[:, self._layer.inputs_of(row)]
        for plane, own in enumerate(weights):
            rounded = self.convert(row, self._converters.digits_torch(part, plane))
            scaled = rounded * torch.as_tensor(own, dtype=torch.float32, device=inputs.device)[:, None]
            total += scaled if total.shape[1] > 1 else scaled.sum(dim=1, keepdim=True)
