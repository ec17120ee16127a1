"""Layout of a matrix on tiles of one size."""

from __future__ import annotations

from array import array

import msgspec
import numpy as np

from crosscal.simulated_bench.packing import pack
from crosscal.simulated_bench.settings.bench_settings import BenchSettings, TileSettings

Place = tuple[int, ...]
"""Row and column of a tile on the board, counted from 0."""


class TileLayout:
    """Rows and columns of the matrix that each tile holds.

    Args:
        settings: `tiles` gives their number, `array` the size of all together.

    Attributes:
        grid: number of tiles above and beside each other.
        shape: of the matrix, (N, M).
        tile_shape: of one tile.
    """

    def __init__(self, settings: BenchSettings) -> None:
        self._settings = settings
        self.grid = settings.tiles.rows, settings.tiles.columns
        self.shape = settings.array.rows, settings.array.columns
        self.tile_shape = self.shape[0] // self.grid[0], self.shape[1] // self.grid[1]

    def span(self, place: Place) -> tuple[slice, slice]:
        """Return the rows and columns of the matrix on a tile."""
        rows, columns = (
            slice(k * size, (k + 1) * size) for k, size in zip(place, self.tile_shape, strict=True)
        )
        return rows, columns

    def row_of(self, row: int) -> tuple[int, int]:
        """Return the tile row of a row of the matrix, and the row in that tile, all counted from 0."""
        return divmod(row, self.tile_shape[0])

    def column_of(self, column: int) -> tuple[int, int]:
        """Return the tile column of a column of the matrix, and the column in that tile, from 0."""
        return divmod(column, self.tile_shape[1])

    def joined(self, parts: dict[Place, array[float]]) -> array[float]:
        """Put one matrix per tile together."""
        whole = np.empty(self.shape)
        for place, part in parts.items():
            whole[self.span(place)] = np.asarray(part).reshape(self.tile_shape)
        return pack(whole)

    def settings_of(self, place: Place) -> BenchSettings:
        """Return the settings of one tile: its size, seeds of its own, and the faults inside it."""
        settings, replace = self._settings, msgspec.structs.replace
        rows, columns = self.span(place)
        return replace(
            settings,
            tiles=TileSettings(),
            seed=tile_seed(settings.seed, place),
            array=replace(settings.array, rows=self.tile_shape[0], columns=self.tile_shape[1]),
            board=replace(settings.board, seed=tile_seed(settings.board.seed, place)),
            device=settings.device.of_rows(rows),
            faults=settings.faults.inside(rows, columns),
        )


def tile_seed(seed: int, place: Place) -> int:
    """Derive a tile's seed from the board's, so that tiles differ and do not depend on their number."""
    state = np.random.SeedSequence([seed, *place]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
