"""Tiles on a physical board: one after another on the same array, behind `CrossbarPort`."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import torch
from torch import Tensor

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.core.network.cell_profile import MEMRISTIVE, CellProfile
from crosscal.core.network.column_order import by_slice, columns_of
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.core.network.tile_port import Conversion, FoldedLayer, LayerCost, ProgrammedLayer, Tiles
from crosscal.core.port import CrossbarPort


class BoardLayer:
    """One layer that a board multiplies for, tile by tile.

    Every tile is programmed when it is needed, unless it is the one on the board. Rows that the layer does
    not use are at 0 V, cells that it does not use at their lowest level. The board's own converters round.
    Each programming draws its own errors: single cells last no longer than a tile's turn.

    Args:
        layer: codes; its tiles fit the board.
        array: the board's array.
        cost: of the layer.
    """

    def __init__(self, layer: LayerCodes, array: BoardArray, cost: LayerCost) -> None:
        self._layer, self._array, self._cost = layer, array, cost
        self._codes = layer.codes

    @property
    def cost(self) -> LayerCost:
        """See `ProgrammedLayer`."""
        return self._cost

    @property
    def conversion(self) -> Conversion:
        """See `ProgrammedLayer`; a board refuses readings that are over its range."""
        slices, pair = self._layer.codes.shape[2:]
        endless = np.full(slices, np.inf)
        # Each column of a pair is rounded.
        step = np.sqrt(pair) * self._array.step(self._layer.coding.widest)
        return Conversion(low=-endless, high=endless, step=np.full(slices, step))

    def rewrite(self, codes: np.ndarray) -> None:
        """See `ProgrammedLayer`."""
        self._codes = codes

    def read_cells(self, *, aged: bool = False) -> np.ndarray:
        """See `ProgrammedLayer`; a tile that is not on the board is written anew, with other errors."""
        del aged
        found = np.empty(self._codes.shape)
        for row in range(self._layer.tile_counts[0]):
            for beside in range(self._layer.tile_counts[1]):
                here = self._layer.inputs_of(row), self._layer.outputs_of(beside)
                found[here] = self._array.read_back(self._codes[here])
        return found

    def convert(self, row: int, digits: Tensor) -> Tensor:
        """See `ProgrammedLayer`."""
        given, rows = digits.numpy().astype(np.float64), self._layer.inputs_of(row)
        found = [
            self._array.sums(
                self._codes[rows, self._layer.outputs_of(beside)], given, self._layer.coding.widest
            )
            for beside in range(self._layer.tile_counts[1])
        ]
        return torch.from_numpy(np.concatenate(found, axis=2).astype(np.float32))

    def multiply_apart(self, inputs: Tensor) -> Tensor:
        """See `ProgrammedLayer`."""
        planes, rows = self._layer.coding.planes(), []
        weights = torch.tensor([plane.weight for plane in planes])
        for row in range(self._layer.tile_counts[0]):
            numbers = inputs[:, self._layer.inputs_of(row)].numpy()
            digits = np.concatenate([plane.digits(numbers) for plane in planes])
            sums = self.convert(row, torch.from_numpy(digits))
            rows.append(
                torch.einsum("pbso,p->bso", sums.view(len(planes), len(inputs), *sums.shape[1:]), weights)
            )
        return torch.stack(rows)

    def multiply(self, inputs: Tensor) -> Tensor:
        """See `ProgrammedLayer`."""
        significance = torch.from_numpy(self._layer.significance.astype(np.float32))
        return torch.einsum("rbso,s->bo", self.multiply_apart(inputs), significance)

    def folded(self) -> FoldedLayer:
        """Refuse: a board tells its matrix only by multiplying.

        Raises:
            InputError: always.
        """
        got = f"the mode merged for {self._layer.name} on a board"
        raise InputError(wanted(got=got, allowed="the mode converted", remedy="choose --mode converted"))


class BoardArray:
    """Array of a board, with the tile that is on it.

    Args:
        port: the board.
        cells: levels that codes stand for.

    Raises:
        InputError: memcapacitive cells, which a board of currents does not have.
        RangeError: levels that the board cannot be programmed to.
    """

    def __init__(self, port: CrossbarPort, cells: CellProfile) -> None:
        self._port, self._cells = port, cells
        self._codes: np.ndarray | None = None
        if cells.kind != MEMRISTIVE:
            raise InputError(
                wanted(got="memcapacitive cells", allowed="memristive ones", remedy="map for other cells")
            )
        low_s, high_s = port.conductance_limits_s
        levels_s = cells.levels
        if levels_s[0] < low_s or levels_s[-1] > high_s:
            raise RangeError(
                wanted(
                    got=f"levels of {levels_s[0]:.3g} to {levels_s[-1]:.3g} S",
                    allowed=f"{low_s:.3g} to {high_s:.3g} S, the board's limits",
                    remedy="map the network with --cells and a TOML file of levels that the board has",
                )
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._port.shape

    def sums(self, codes: np.ndarray, digits: np.ndarray, widest: int) -> np.ndarray:
        """Program one tile's codes (N, O, S, P), apply digits (B, N), and return its sums, (B, S, O)."""
        self._program(codes)
        volts = self._cells.read_v / widest
        # Images bring the same digits again and again; each is read once.
        different, place = np.unique(digits, axis=0, return_inverse=True)
        driven_v = np.zeros((len(different), self.shape[0]))
        driven_v[:, : digits.shape[1]] = volts * different
        columns = np.prod(codes.shape[1:])
        current_a = self._port.measure(driven_v)[:, :columns]
        return by_slice(current_a / (volts * self._cells.unit), codes.shape[2:])[place.ravel()]

    def step(self, widest: int) -> float:
        """Return the step of the board's converter now, as sums count; 0 for a board that states none."""
        adc = getattr(self._port, "adc", None)
        if adc is None:
            return 0.0
        step_a = 2.0 * adc.full_scale / (2**adc.bits - 1)
        return step_a * widest / (self._cells.read_v * self._cells.unit)

    def read_back(self, codes: np.ndarray) -> np.ndarray:
        """Program one tile's codes (N, O, S, P), and read its cells [S]."""
        self._program(codes)
        return self._port.read_conductance()[: len(codes), : np.prod(codes.shape[1:])].reshape(codes.shape)

    def _program(self, codes: np.ndarray) -> None:
        if self._codes is not None and np.array_equal(self._codes, codes):
            return
        target_s = np.full(self.shape, self._cells.levels[0])
        columns = columns_of(codes)
        target_s[: columns.shape[0], : columns.shape[1]] = self._cells.levels[columns]
        self._codes = None
        self._port.program(target_s)
        self._codes = codes


class BoardTiles:
    """Tiles of which some layers' are on a board, the others elsewhere.

    Args:
        port: the board.
        cells: levels that codes stand for.
        names: layers on the board.
        others: tiles for the other layers.
        cost_of: states a layer's cost.
    """

    def __init__(
        self,
        port: CrossbarPort,
        cells: CellProfile,
        *,
        names: Collection[str],
        others: Tiles,
        cost_of: Callable[[LayerCodes], LayerCost],
    ) -> None:
        self._array, self._names = BoardArray(port, cells), names
        self._others, self._cost_of = others, cost_of

    def program(self, layer: LayerCodes) -> ProgrammedLayer:
        """Take a layer on; it is written when its tiles are needed.

        Raises:
            RangeError: tiles that are larger than the board.
        """
        if layer.name not in self._names:
            return self._others.program(layer)
        rows, columns = self._array.shape
        if layer.tile_rows > rows or layer.tile_columns > columns:
            raise RangeError(
                wanted(
                    got=f"tiles of {layer.tile_rows}x{layer.tile_columns} for a board of {rows}x{columns}",
                    allowed="tiles that fit the board",
                    remedy=f"map the network with --tile {rows}x{columns}",
                )
            )
        return BoardLayer(layer, self._array, self._cost_of(layer))
