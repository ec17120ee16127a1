"""Compensation by read-back: lower slices make up for errors that were read in higher ones."""

from __future__ import annotations

import numpy as np

from crosscal.core.network.tile_port import ProgrammedLayer
from crosscal.training.networks.mapping.level_table import level_table
from crosscal.training.networks.mapping.mapped_network import MappedLayer
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.mapping.weight_codes import give_slice


def compensate(
    programmed: ProgrammedLayer, layer: MappedLayer, group: int, options: MappingOptions
) -> np.ndarray:
    """Choose the codes of lower slices anew, slice by slice from the top, after reading the cells.

    After the most significant cell of a weight was written and read, the slices below it are given what is
    missing to the weight; then the next one is read. The scatter of the least significant slice is left. A
    single shifted column cannot make up for a high slice that lies too high; a pair can.

    Args:
        programmed: the layer in its tiles, written once.
        layer: as mapped.
        group: of the layer.
        options: of the mapping.

    Returns:
        The codes written last, (K, O, S, P).

    Reference:
        Le Gallo et al., "Precision of bit slicing with in-memory computing based on analog phase-change
        memory crossbars", Neuromorphic Computing and Engineering 2 (2022) 014009: slices that correct errors.
    """
    codes = layer.codes[group].codes.copy()
    slices, pair = codes.shape[2:]
    outputs = codes.shape[1]
    table = level_table(options.cells, slices)
    factor = layer.factor[group * outputs : (group + 1) * outputs]
    target = layer.matrix.weight[group].T / factor + layer.reference
    first_level = float(options.cells.levels[0] / options.cells.unit)
    for upper in range(slices - 1, 0, -1):
        read = np.asarray(programmed.read_cells()) / options.cells.unit
        above = (read[:, :, upper:] * table.significance[upper:, None]).sum(axis=2)
        if pair == 2:
            give_slice(codes, upper - 1, target - (above[..., 0] - above[..., 1]), table)
        else:
            below = level_table(options.cells, upper)
            missing = target - above[..., 0] - first_level * table.significance[:upper].sum()
            codes[:, :, :upper, 0] = below.codes[below.nearest(missing)]
        programmed.rewrite(codes)
    return codes
