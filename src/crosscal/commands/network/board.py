"""Board that multiplies for some layers of a network, from what the command line gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crosscal.core.errors import InputError, wanted
from crosscal.core.port import target_restored
from crosscal.front_door import open_board
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.costs import layer_cost
from crosscal.training.networks.calibration.methods import READ_BACK, RECALIBRATED
from crosscal.training.networks.running.board_tiles import BoardTiles

if TYPE_CHECKING:
    from crosscal.core.network.tile_port import Tiles
    from crosscal.training.networks.mapping.mapped_network import MappedNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardChoice:
    """A board, and the layers that it multiplies for.

    Attributes:
        resource, backend: of the board, as for `open_board`.
        names: of the layers.
    """

    resource: str
    backend: str | None
    names: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """Settings of a simulated board that are in files."""
        named = Path((self.backend or "").rpartition("@")[0])
        return [named] if named.is_file() else []

    @contextmanager
    def tiles(self, chip: Chip) -> Iterator[Tiles]:
        """Open the board for some layers, and leave the others to a chip; the board's matrix is put back."""
        settings = chip.settings
        with open_board(self.resource, backend=self.backend) as board, target_restored(board):
            yield BoardTiles(
                board,
                settings.cells,
                names=self.names,
                others=chip,
                cost_of=lambda layer: layer_cost(layer, settings.parts, settings.counts),
            )


def choose_board(
    network: MappedNetwork, resource: str | None, backend: str | None, layers: str | None
) -> BoardChoice | None:
    """Take a board for the layers that are named by commas, the last one by default; None without a board.

    Raises:
        InputError: a layer that the network does not have, or layers without a board.
    """
    if resource is None:
        if backend or layers:
            got = "--backend or --board-layers without --board"
            raise InputError(wanted(got=got, allowed="both with a board", remedy="give --board RESOURCE"))
        return None
    known = [layer.matrix.name for layer in network.layers]
    names = (known[-1],) if layers is None else tuple(part.strip() for part in layers.split(","))
    for name in names:
        if name not in known:
            got = f"the layer {name!r}"
            raise InputError(wanted(got=got, allowed=", ".join(known), remedy="correct --board-layers"))
    return BoardChoice(resource=resource, backend=backend, names=names)


def require_lasting_cells(network: MappedNetwork, board: BoardChoice, calibration: str | None) -> None:
    """Refuse what is learned of single cells where a board's tiles take turns, as each turn draws them anew.

    Args:
        network: mapped.
        board: multiplies for some of its layers.
        calibration: one of `crosscal.training.networks.calibration.methods.METHODS`; None: none.

    Raises:
        InputError: several tiles on the board, with cells that are read back or learned.
    """
    layers = [layer for layer in network.layers if layer.matrix.name in board.names]
    tiles = sum(codes.tiles for layer in layers for codes in layer.codes)
    if tiles <= 1:
        return
    allowed = "one tile on the board, as each turn of several writes other cells"
    if calibration in (RECALIBRATED, READ_BACK):
        got = f"the calibration {calibration} with {tiles} tiles on the board"
        remedy = "choose --calibration structured, fewer --board-layers, or larger tiles"
        raise InputError(wanted(got=got, allowed=allowed, remedy=remedy))
    if network.options.read_back and any(layer.codes[0].codes.shape[2] > 1 for layer in layers):
        got = f"a mapping that reads cells back with {tiles} tiles on the board"
        raise InputError(wanted(got=got, allowed=allowed, remedy="map the network with --no-read-back"))
