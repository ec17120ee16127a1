"""Calibration of every tile of a programmed network, from readings of known vectors and of its cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from crosscal.core.network.cell_profile import MEMRISTIVE
from crosscal.core.network.column_order import by_slice, columns_of
from crosscal.core.network.tile_port import ProgrammedLayer
from crosscal.training.calibrators.whitebox.circuit_model import WireModel
from crosscal.training.networks.calibration.known_vectors import known_vectors
from crosscal.training.networks.calibration.tile_belief import TileBelief, belief_from, learned
from crosscal.training.networks.calibration.tile_circuit import NO_WIRES, TileCircuit
from crosscal.training.networks.calibration.tile_correction import (
    InputMoments,
    LayerCorrection,
    best_matrix,
)
from crosscal.training.networks.calibration.tile_readings import TileReadings, read_row
from crosscal.training.networks.calibration.wire_fit import fit_wires
from crosscal.training.networks.mapping.mapped_network import MappedLayer
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.software import SoftwareRun

UNKNOWN_SCATTER = 0.1
"""Deviation of cells whose profile states none, in distances of levels: readings scale it."""


class TileCalibration:
    """Calibration of a chip's tiles.

    Args:
        run: programmed; gains `tile_corrections`.
        software: the same network in floats.
        known: inputs, (B, …), for the moments of what reaches the tiles.
        vectors: known vectors that each row of tiles is read with, every digit of them.
        learn: whether single cells are learned from these readings too.
        read_back: whether cells are read, and taken for what they were read to be.
    """

    def __init__(
        self,
        run: ChipRun,
        software: SoftwareRun,
        known: Tensor,
        *,
        vectors: int,
        learn: bool = False,
        read_back: bool = False,
    ) -> None:
        self._run, self._cells = run, run.network.options.cells
        self._count, self._learn, self._read_back = vectors, learn, read_back
        self._vectors = known_vectors(run.network, software, known)
        self._wires = NO_WIRES

    @torch.no_grad()
    def apply(self, check: Callable[[], None] = lambda: None) -> WireModel:
        """Calibrate all tiles.

        Args:
            check: called before each layer; may raise to stop.

        Returns:
            The wires that were found.

        Raises:
            InputError: a merged run.
        """
        self._run.require_tiles()
        self._run.clear_corrections()
        if self._cells.kind == MEMRISTIVE:
            self._wires = self._fitted_wires()
        for number, layer in enumerate(self._run.network.layers):
            check()
            self._run.tile_corrections[number] = [
                self._corrected(number, layer, group) for group in range(len(layer.codes))
            ]
        return self._wires

    def _fitted_wires(self) -> WireModel:
        """Fit the wires to the first tile of the layer with the largest; they are those of the process."""
        layers = self._run.network.layers
        sizes = [each.codes[0].inputs_of(0).stop * each.codes[0].outputs_of(0).stop for each in layers]
        number = int(np.argmax(sizes))
        codes = layers[number].codes[0]
        readings = self._readings(number, 0, 0)[0]
        target = self._cells.levels[self._run.written[number][0]]
        circuit = TileCircuit(target[codes.inputs_of(0), codes.outputs_of(0)], self._cells.unit)
        return fit_wires(circuit, readings)

    def _readings(self, number: int, group: int, row: int) -> list[TileReadings]:
        vectors = self._vectors[number][group]
        places = np.linspace(0, len(vectors) - 1, min(len(vectors), self._count)).astype(int)
        return read_row(
            self._run.programmed[number][group],
            self._run.network.layers[number].codes[group],
            row,
            vectors[places],
            device=self._run.device,
        )

    def _corrected(self, number: int, layer: MappedLayer, group: int) -> LayerCorrection:
        codes, programmed = layer.codes[group], self._run.programmed[number][group]
        written = self._run.written[number][group]
        values, spread = self._believed(programmed, written)
        outputs = codes.shape[1]
        weights = layer.matrix.weight[group].T / layer.factor[group * outputs : (group + 1) * outputs]
        power = sum(plane.weight**2 for plane in codes.coding.planes())
        offset, matrices = np.zeros(outputs), []
        for row in range(codes.tile_counts[0]):
            rows = codes.inputs_of(row)
            moments = InputMoments.of(self._vectors[number][group][:, rows])
            across = []
            for beside, readings in enumerate(self._readings(number, group, row)):
                part = codes.outputs_of(beside)
                belief = self._belief(values[rows, part], spread[rows, part], readings)
                matrix, own = best_matrix(belief, moments, weights[rows, part], power)
                across.append(torch.from_numpy(matrix.astype(np.float32)).to(self._run.device))
                offset[part] += own
            matrices.append(tuple(across))
        return LayerCorrection(
            layer=codes,
            matrices=tuple(matrices),
            offset=torch.from_numpy(offset.astype(np.float32)).to(self._run.device),
        )

    def _believed(self, programmed: ProgrammedLayer, written: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values of cells and their variances, of the codes' shape."""
        cells = self._cells
        if self._read_back:
            values = np.asarray(programmed.read_cells(aged=True))
            return values, (cells.cycle_relative * values) ** 2
        deviation = (
            cells.deviation if cells.deviation.any() else np.full(2**cells.bits, UNKNOWN_SCATTER * cells.unit)
        )
        return cells.levels[written], deviation[written] ** 2

    def _belief(self, values: np.ndarray, spread: np.ndarray, readings: TileReadings) -> TileBelief:
        unit, slices_and_pair = self._cells.unit, values.shape[2:]
        transfer = TileCircuit(values, unit).transfer(self._wires)

        def variances(cells: np.ndarray) -> np.ndarray:
            return by_slice(columns_of(cells), slices_and_pair, pairs="add").reshape(len(cells), -1) / unit**2

        noise = variances((self._cells.cycle_relative * values) ** 2)
        belief = belief_from(transfer, variances(spread), noise, readings)
        return learned(belief, readings) if self._learn else belief
