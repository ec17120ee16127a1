"""Costs of a layer in tiles: energy and time of one input vector, and area."""

from __future__ import annotations

from crosscal.core.network.layer_codes import LayerCodes
from crosscal.core.network.tile_port import LayerCost
from crosscal.simulated_bench.tiles.parts import Counts, Parts

TILE_LINES = 128
"""Lines of the crossbars that the parts are stated for."""

ADC_BITS = 8  # of ISAAC's converters


def layer_cost(layer: LayerCodes, parts: Parts, counts: Counts) -> LayerCost:
    """State the cost of a layer.

    Crossbars scale with their cells, converters of inputs with the rows, sample-and-hold with the columns.
    Converters of outputs work for as long as their conversions take and double in power and area with each
    bit beyond eight; all else works in every cycle.

    Args:
        layer: codes and converters.
        parts: their power and area.
        counts: parts of one crossbar.
    """
    tiles, cycles = layer.tiles, len(layer.coding.planes())
    rows, columns = layer.tile_rows / TILE_LINES, layer.tile_columns / TILE_LINES
    bits = ADC_BITS if layer.adc_bits is None else layer.adc_bits
    finer = 2.0 ** (bits - ADC_BITS)
    scales = {
        "crossbar": rows * columns,
        "converters_in": rows,
        "sample_and_hold": columns,
        "shift_and_add": 1.0,
        "input_register": 1.0,
        "output_register": 1.0,
    }
    cycle_j = parts.cycle_s * sum(
        scale * getattr(counts, name) * getattr(parts, name).power_w for name, scale in scales.items()
    )
    conversion_j = finer * parts.converter_out.power_w / parts.conversions_per_s
    area_m2 = finer * counts.converter_out * parts.converter_out.area_m2 + sum(
        scale * getattr(counts, name) * getattr(parts, name).area_m2 for name, scale in scales.items()
    )
    slowest = layer.tile_columns / layer.codes.shape[3] / (counts.converter_out * parts.conversions_per_s)
    return LayerCost(
        tiles=tiles,
        conversions=layer.conversions,
        energy_j=tiles * cycles * cycle_j + layer.conversions * conversion_j,
        latency_s=cycles * max(parts.cycle_s, slowest),
        area_m2=tiles * area_m2,
    )
