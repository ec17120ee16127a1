"""A board on paper below the real engine: ohmic, without noise or steps, so that currents are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.fake_hardware import FakeHardware

from crosscal.firmware_models import BoardFacts

ALL_GROUPS = ("PROG", "READBACK", "SEQ", "TEMP", "SIM")

FACTS = BoardFacts(
    manufacturer="crosscal",
    model="PAPER",
    serial="P1",
    firmware="1.0",
    rows=3,
    columns=2,
    capabilities=ALL_GROUPS,
    conductance_min_s=1e-6,
    conductance_max_s=1e-3,
    ranges_a=(1e-5, 1e-3, 1e-2),
    adc_bits=24,
    adc_settling_s=150e-6,
    dac_bits=16,
    dac_full_scale_v=1.0,
    dac_settling_s=50e-6,
    aperture_min_s=1e-6,
    aperture_max_s=1.0,
    average_max=1000,
    sequence_max=10,
    protection_max_v=1.0,
    dwell_max_s=1.0,
)


class PaperBoard(FakeHardware):
    """An exact board of 3 x 2 cells, with some of its facts changed."""

    def __init__(self, **changed: object) -> None:
        super().__init__(replace(FACTS, **changed), exact=True)


def groups_without(*absent: str) -> Sequence[str]:
    """All command groups but some."""
    return tuple(group for group in ALL_GROUPS if group not in absent)
