"""Facts of a board behind a link, in the terms of the firmware that the daemon runs before it."""

from __future__ import annotations

from crosscal.drivers import Board
from crosscal.firmware_models import BoardFacts

_CONVERTER_SETTLING_S = 1e-6
"""Shortest dwell shown where a board states no settling time; it waits longer by itself."""
_DWELL_S = 1.0
"""Longest dwell of a board without sequences, which has none to set."""


def facts_of(board: Board) -> BoardFacts:
    """Ask a board for all that its firmware would know; it offers groups LOCK and CAL besides its own.

    Raises:
        BoardError: it does not answer, or not sensibly.
    """
    limits = board.stepwise().limits
    fields = [*(field.strip() for field in board.identity.split(",")), "", "", "", ""]
    manufacturer, model, serial, firmware = fields[:4]
    adc, dac = board.adc, board.dac
    sequences = "SEQ" in board.capabilities
    low_s, high_s = board.conductance_limits_s
    rows, columns = board.shape
    tiles = board.query("ARR:TIL?") if "TILE" in board.capabilities else "1,1"
    tile_rows, tile_columns = (int(count) for count in tiles.split(","))
    groups = sorted(board.capabilities - {"LOCK", "CAL", "AGE"})
    return BoardFacts(
        manufacturer=manufacturer,
        model=model,
        serial=serial,
        firmware=firmware,
        rows=rows,
        columns=columns,
        capabilities=(*groups, "LOCK", "CAL"),
        conductance_min_s=low_s,
        conductance_max_s=high_s,
        ranges_a=board.ranges_a,
        adc_bits=adc.bits,
        adc_settling_s=max(adc.settling_s, _CONVERTER_SETTLING_S),
        dac_bits=dac.bits,
        dac_full_scale_v=dac.full_scale,
        dac_settling_s=max(dac.settling_s, _CONVERTER_SETTLING_S),
        aperture_min_s=limits("SENS:CURR:APER")[0],
        aperture_max_s=limits("SENS:CURR:APER")[1],
        average_max=int(limits("SENS:AVER:COUN")[1]),
        sequence_max=int(board.query("SOUR:SEQ:POIN? MAX")) if sequences else 1,
        protection_max_v=limits("SOUR:VOLT:PROT")[1],
        dwell_max_s=limits("SOUR:SEQ:DWEL")[1] if sequences else _DWELL_S,
        tiles=(tile_rows, tile_columns),
    )
