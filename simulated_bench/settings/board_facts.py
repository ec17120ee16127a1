"""Facts of the board from its settings, in the firmware's terms."""

from __future__ import annotations

from crosscal.firmware_models import BoardFacts
from crosscal.simulated_bench.settings.bench_settings import BenchSettings


def board_facts(settings: BenchSettings) -> BoardFacts:
    """Gather the facts that never change while the board is powered."""
    board, cells, front_end = settings.board, settings.array, settings.front_end
    tiles = settings.tiles.rows, settings.tiles.columns
    groups = board.capabilities
    if tiles != (1, 1) and "TILE" not in groups:
        groups = (*groups, "TILE")
    return BoardFacts(
        manufacturer=board.manufacturer,
        model=board.model,
        serial=board.serial,
        firmware=board.firmware,
        rows=cells.rows,
        columns=cells.columns,
        capabilities=groups,
        conductance_min_s=cells.conductance_min_s,
        conductance_max_s=cells.conductance_max_s,
        ranges_a=front_end.ranges_a,
        adc_bits=front_end.adc_bits,
        adc_settling_s=front_end.adc_settling_s,
        dac_bits=front_end.dac_bits,
        dac_full_scale_v=front_end.dac_full_scale_v,
        dac_settling_s=front_end.dac_settling_s,
        aperture_min_s=front_end.aperture_min_s,
        aperture_max_s=front_end.aperture_max_s,
        average_max=front_end.average_max,
        sequence_max=front_end.sequence_max,
        protection_max_v=front_end.protection_max_v,
        dwell_max_s=front_end.dwell_max_s,
        tiles=tiles,
    )
