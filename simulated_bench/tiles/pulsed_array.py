"""Array that is trained in place: cells behind wires and converters, moved by pulses."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.pulse_response import PulseResponse
from crosscal.simulated_bench.tiles.tile_readout import TileReadout, readout_of
from crosscal.simulated_bench.tiles.transfer import TransferCache

PULSES_LEVELS, ADC_BITS, TILE = 32, 8, 128  # of DNN+NeuroSim V2.1, but for its converters of 5 bits


class SimulatedPulsedArray:
    """Weights `2·x − 1` of cells `x`, 0 at the first level and 1 at the last, against a column at the middle.

    Tiles of 128 rows are converted one by one, by a converter that takes the range of the batch. Wires are
    solved by `settle`: between two of them every cell keeps the part that they leave of it.

    Args:
        weights: (K, O), −1 to 1.
        settings: cells, wires, charge amplifiers; device.
        readout: of the tiles.
        response: to pulses.
        rng: draws everything.
    """

    def __init__(
        self,
        weights: Tensor,
        *,
        settings: ChipSettings,
        readout: TileReadout,
        response: PulseResponse,
        rng: torch.Generator,
    ) -> None:
        self._settings, self._readout, self._response, self._rng = settings, readout, response, rng
        self._value = ((weights + 1.0) / 2.0).clamp(0.0, 1.0)
        spread = settings.cells.device_relative
        # A cell's range is its own: d2d scatter of its conductances.
        self._span = 1.0 + spread * torch.randn(weights.shape, generator=rng, device=weights.device)
        self._kept = torch.ones_like(self._value)
        self.settle()

    @property
    def levels(self) -> int:
        """See `PulsedArray`."""
        return self._response.levels

    @property
    def weights(self) -> Tensor:
        """Weights as the array multiplies by them, without noise, (K, O)."""
        # Cells and the reference at the middle both lose to the wires what the cells do.
        return 2.0 * self._kept * (self._span * self._value - 0.5)

    def multiply(self, inputs: Tensor) -> Tensor:
        """See `PulsedArray`."""
        return self._converted(inputs, self.weights, self._noise)

    def multiply_back(self, errors: Tensor) -> Tensor:
        """See `PulsedArray`."""
        return self._converted(errors, self.weights.T, self._noise)

    def pulse(self, pulses: Tensor) -> None:
        """See `PulsedArray`."""
        self._value = self._response.moved(self._value, pulses, self._rng)

    def settle(self) -> None:
        """See `PulsedArray`."""
        cells = self._settings.cells
        low, span = float(cells.levels[0]), float(np.ptp(cells.levels))
        values = low + span * np.asarray((self._span * self._value).cpu(), dtype=np.float64)
        kept, noise = np.ones(values.shape), 0.0
        for row in range(0, values.shape[0], TILE):
            for column in range(0, values.shape[1], TILE):
                here = slice(row, row + TILE), slice(column, column + TILE)
                tile = np.ascontiguousarray(np.maximum(values[here], 0.0))
                kept[here] = self._readout.transfer(tile) / np.maximum(tile, 1e-9 * span)
                noise = max(noise, float(self._readout.noise(tile).max()))
        self._kept = torch.from_numpy(kept.astype(np.float32)).to(self._value.device)
        self._noise = 2.0 * noise / (span * cells.read_v)

    def state(self) -> dict[str, Tensor]:
        """See `PulsedArray`."""
        return {"value": self._value, "span": self._span, "rng": self._rng.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `PulsedArray`."""
        self._value, self._span = (state[name].to(self._value.device) for name in ("value", "span"))
        self._rng.set_state(state["rng"].cpu())
        self.settle()

    def _converted(self, inputs: Tensor, weights: Tensor, noise: float) -> Tensor:
        total = torch.zeros(len(inputs), weights.shape[1], device=inputs.device)
        for first in range(0, weights.shape[0], TILE):
            sums = inputs[:, first : first + TILE] @ weights[first : first + TILE]
            if noise:
                sums = sums + noise * torch.randn(sums.shape, generator=self._rng, device=sums.device)
            step = sums.abs().amax().clamp_min(1e-12) / (2 ** (ADC_BITS - 1) - 1)
            total += torch.round(sums / step) * step
        return total


class SimulatedPulsedTiles:
    """Tiles of a chip that is trained in place.

    Args:
        settings: cells, wires, charge amplifiers; device.
        seed: of everything random.
    """

    def __init__(self, settings: ChipSettings, *, seed: int) -> None:
        self._settings, cells = settings, settings.cells
        self._rng = torch.Generator(device=settings.device).manual_seed(seed)
        self._readout = readout_of(settings, TransferCache())
        self._response = PulseResponse(
            levels=PULSES_LEVELS,
            potentiation=cells.potentiation,
            depression=cells.depression,
            cycle=cells.write_relative,
        )

    def array(self, weights: Tensor) -> SimulatedPulsedArray:
        """See `PulsedTiles`."""
        return SimulatedPulsedArray(
            weights.to(self._settings.device),
            settings=self._settings,
            readout=self._readout,
            response=self._response,
            rng=self._rng,
        )
