"""Simulated chip: tiles that layers are programmed into, each chip with cells of its own."""

from __future__ import annotations

import numpy as np

from crosscal.core.errors import InputError, wanted
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.simulated_bench.tiles.chip_layer import ChipLayer
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.tile_readout import readout_of
from crosscal.simulated_bench.tiles.transfer import TransferCache


class Chip:
    """One chip; the same seed and number give the same cells, whatever the mode.

    Args:
        settings: cells, wires, mode.
        seed: of all chips.
        number: of this chip.
        cache: transfer matrices that chips share.
    """

    def __init__(
        self, settings: ChipSettings, *, seed: int, number: int, cache: TransferCache | None = None
    ) -> None:
        self.settings = settings
        self._seed, self._number = seed, number
        self._cache = cache or TransferCache()
        self._layers: list[ChipLayer] = []

    def program(self, layer: LayerCodes) -> ChipLayer:
        """Write a layer's codes into tiles of its own.

        Raises:
            InputError: codes that the cells have no level for.
        """
        bits = self.settings.cells.bits
        if int(layer.codes.max()) >= 2**bits:
            got = f"{layer.name} mapped to codes up to {int(layer.codes.max())} on cells of {bits} bits"
            raise InputError(
                wanted(got=got, allowed=f"0 to {2**bits - 1}", remedy="map the network for these cells")
            )
        rng = np.random.default_rng([self._seed, self._number, len(self._layers)])
        readout = readout_of(self.settings, self._cache)
        programmed = ChipLayer(layer, settings=self.settings, readout=readout, rng=rng)
        self._layers.append(programmed)
        return programmed

    def age(self, age_s: float) -> None:
        """Let the cells of all layers reach an age after writing [s]."""
        for layer in self._layers:
            layer.age(age_s)
