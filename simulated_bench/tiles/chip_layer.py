"""One layer in the tiles of a simulated chip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from crosscal.core.network.layer_codes import LayerCodes
from crosscal.core.network.tile_port import LayerCost
from crosscal.simulated_bench.tiles.cell_values import write_cells
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.conversion import Converters
from crosscal.simulated_bench.tiles.costs import layer_cost
from crosscal.simulated_bench.tiles.tile_readout import TileReadout

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
        self._unit = settings.cells.unit
        self._cost = layer_cost(layer, settings.parts, settings.counts)
        self._age_s, self._formed = settings.age_s, False

    @property
    def cost(self) -> LayerCost:
        """See `ProgrammedLayer`."""
        return self._cost

    def age(self, age_s: float) -> None:
        """Let the cells reach an age after writing [s]."""
        self._age_s, self._formed = age_s, False

    def read_cells(self) -> np.ndarray:
        """See `ProgrammedLayer`; every cell is read once, just after writing, with the noise of a read."""
        normal = self._rng.standard_normal(self._codes.shape)
        return self._cells.value * (1.0 + self._settings.cells.cycle_relative * normal)

    def rewrite(self, codes: np.ndarray) -> None:
        """See `ProgrammedLayer`."""
        changed = codes != self._codes
        fresh = write_cells(codes, self._settings.cells, self._rng)
        self._cells = self._cells.replaced(fresh, changed)
        self._codes, self._formed = codes, False

    def _form(self) -> None:
        """Find the matrices that the cells form at their age."""
        if self._formed:
            return
        self._formed = True
        values = self._cells.aged(self._age_s)
        row_tiles, outputs = self._layer.tile_counts[0], self._layer.shape[1]
        slices = self._layer.codes.shape[2]
        exact = self._settings.mode == "exact"
        relative = self._settings.cells.cycle_relative
        self._tiles: list[list[np.ndarray]] = [[] for _ in range(row_tiles)]
        sums, squares, constants = [], [], []
        for row, tiles in self._tiles_of(values):
            rows = tiles[0].shape[0]
            total = np.zeros((rows, slices, outputs), dtype=np.float32)
            square = np.zeros((rows, slices, outputs), dtype=np.float32)
            constant = np.zeros((slices, outputs), dtype=np.float32)
            first = 0
            for tile in tiles:
                count = tile.shape[1]
                part = slice(first, first + count)
                flat = np.ascontiguousarray(tile.reshape(rows, -1))
                noise = self._columns(self._readout.noise(flat)[None] ** 2, count, pairs="add")[0]
                constant[:, part] = noise / (self._unit * self._settings.cells.read_v) ** 2
                if relative:
                    square[:, :, part] = (
                        self._columns(flat**2, count, pairs="add") * (relative / self._unit) ** 2
                    )
                if exact:
                    self._tiles[row].append(flat)
                else:
                    given = self._readout.transfer(flat)
                    total[:, :, part] = self._columns(given, count, pairs="subtract") / self._unit
                first += count
            sums.append(total.reshape(rows, -1))
            squares.append(square.reshape(rows, -1) if relative else None)
            constants.append(constant.reshape(-1) if constant.any() else None)
        device = self._settings.device
        self._matrices = [torch.from_numpy(each).to(device) for each in sums]
        self._squares = [None if each is None else torch.from_numpy(each).to(device) for each in squares]
        self._constants = [None if each is None else torch.from_numpy(each).to(device) for each in constants]

    def multiply(self, inputs: torch.Tensor) -> torch.Tensor:
        """See `ProgrammedLayer`."""
        self._form()
        if self._settings.device != "cpu":
            return self._multiply_torch(inputs)
        numbers = inputs.to(torch.int16).numpy()
        total = np.zeros((len(numbers), self._layer.shape[1]), dtype=np.float32)
        planes = len(self._converters.planes)
        columns = self._layer.codes.shape[2] * self._layer.shape[1]
        block = max(1, BLOCK_VALUES // (planes * columns))
        digits = np.empty(planes * block * self._layer.tile_rows, dtype=np.float32)
        sums = torch.empty(planes * block * columns, dtype=torch.float32)
        for start in range(0, len(numbers), block):
            part, result = numbers[start : start + block], total[start : start + block]
            for row in range(len(self._matrices)):
                rows = self._matrices[row].shape[0]
                applied = self._converters.digits(part, row * self._layer.tile_rows, rows, digits)
                flat = torch.from_numpy(applied.reshape(-1, rows))
                out = sums[: len(flat) * columns].view(len(flat), columns)
                self._analogue(row, flat, out)
                self._converters.add(out.view(planes, len(part), columns).numpy(), result)
        return torch.from_numpy(total)

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See `ProgrammedLayer`."""
        self._form()
        slices, outputs = self._layer.codes.shape[2], self._layer.shape[1]
        device = self._settings.device
        significance = torch.as_tensor(self._layer.significance, dtype=torch.float32, device=device)
        whole = torch.cat([each.view(-1, slices, outputs) for each in self._matrices])
        matrix = torch.einsum("kso,s->ko", whole, significance)
        variance = torch.full(
            (outputs,), self._converters.rounding_deviation(len(self._matrices)) ** 2, device=device
        )
        squared = torch.as_tensor(
            (self._converters.weights**2).sum(axis=0), dtype=torch.float32, device=device
        )
        for constant in self._constants:
            if constant is not None:
                variance = variance + (squared[:, None] * constant.view(slices, outputs)).sum(dim=0)
        return matrix, variance.sqrt()

    def _multiply_torch(self, inputs: torch.Tensor) -> torch.Tensor:
        slices, outputs = self._layer.codes.shape[2], self._layer.shape[1]
        total = torch.zeros(len(inputs), outputs, device=inputs.device)
        for row, matrix in enumerate(self._matrices):
            first = row * self._layer.tile_rows
            part = inputs[:, first : first + matrix.shape[0]]
            for plane in range(len(self._converters.planes)):
                digits = self._converters.digits_torch(part, plane)
                sums = torch.empty(len(inputs), slices * outputs, device=inputs.device)
                self._analogue(row, digits, sums)
                self._converters.add_torch(sums.view(-1, slices, outputs), plane, total)
        return total

    def _analogue(self, row: int, digits: torch.Tensor, out: torch.Tensor) -> None:
        """Find the analogue sums of one tile row for digits (B, N): (B, S·O), with the noise of the read."""
        if self._settings.mode == "exact":
            out.copy_(torch.from_numpy(self._solved(row, digits.numpy())))
        else:
            torch.mm(digits, self._matrices[row], out=out)
        square, constant = self._squares[row], self._constants[row]
        variance = None
        if square is not None:
            variance = torch.mm(digits * digits, square)
        if constant is not None:
            variance = constant.expand_as(out) if variance is None else variance + constant
        if variance is not None:
            out.add_(variance.sqrt() * torch.randn(out.shape, generator=self._torch_rng, device=out.device))

    def _solved(self, row: int, digits: np.ndarray) -> np.ndarray:
        read_v = self._settings.cells.read_v
        widest = float(2 ** max(plane.bits for plane in self._converters.planes) - 1)
        found = []
        for tile in self._tiles[row]:
            given = self._readout.exact(tile, digits.astype(np.float64) * (read_v / widest))
            count = tile.shape[1] // self._layer.columns_per_output
            found.append(self._columns(given, count, pairs="subtract") * (widest / (read_v * self._unit)))
        return np.concatenate(found, axis=2).reshape(len(digits), -1).astype(np.float32)

    def _columns(self, given: np.ndarray, outputs: int, *, pairs: str) -> np.ndarray:
        """Sort columns by slice and output, (…, S, outputs); a pair is subtracted, or its variances added."""
        slices, pair = self._layer.codes.shape[2:]
        by_output = given.reshape(len(given), outputs, slices, pair)
        if pair == 1:
            joined = by_output[..., 0]
        else:
            second = by_output[..., 1]
            joined = by_output[..., 0] - second if pairs == "subtract" else by_output[..., 0] + second
        return joined.transpose(0, 2, 1)

    def _tiles_of(self, values: np.ndarray) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Cut cells (K, O, S, P) into tiles, row by row: each (N, outputs, S, P)."""
        down, beside = self._layer.tile_counts
        rows, outputs = self._layer.tile_rows, self._layer.outputs_per_tile
        for row in range(down):
            strip = values[row * rows : (row + 1) * rows]
            yield row, [strip[:, k * outputs : (k + 1) * outputs] for k in range(beside)]
