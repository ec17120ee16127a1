"""The board that the transcripts were written for: small, ideal, and simple enough to check by hand.

Facts that a transcript may rely on, over any way in; `reference_board.toml` says the same to the bench:

- 3 rows × 2 columns; every cell stands at 1 µS; cells can be programmed from 1 µS to 1 mS.
- The array is ohmic and has no wires: `I_j = Σ_i v_i G_ij`. There is no noise and no drift.
- Column amplifiers have ranges of 10 µA, 1 mA and 100 mA; the converter has 18 bits over ± the range, so one
  step is `range / 2**17`; a reading below 10 steps is under resolution, one past the last step saturates.
- Drivers have 16 bits over ±1 V: one step is `2**-15` V, so that 0.5, 0.25 and -0.375 V are met exactly.
- A write pulse moves a cell by 99 % of the way that its verify reading shows. So a matrix well above 1 µS is
  within 1 % after the first iteration and within 0.02 % after the second. A cell that has not answered three
  pulses is given up on.
- Read-back drives 0.9 V in the 1 mA range: steps of 8.5 nS.
- A cell that is OPEN has 0 S, a SHORT one 10 mS, a STUCK one keeps its conductance.
- 25 °C; above 125 °C acquisitions report over-temperature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.fake_hardware import FakeHardware

from crosscal.firmware_models import BoardFacts

ALL_GROUPS = ("PROG", "READBACK", "SEQ", "TEMP", "SIM")

FACTS = BoardFacts(
    manufacturer="crosscal",
    model="REFERENCE",
    serial="REF32",
    firmware="1.0",
    rows=3,
    columns=2,
    capabilities=ALL_GROUPS,
    conductance_min_s=1e-6,
    conductance_max_s=1e-3,
    ranges_a=(1e-5, 1e-3, 1e-1),
    adc_bits=18,
    adc_settling_s=150e-6,
    dac_bits=16,
    dac_full_scale_v=1.0,
    dac_settling_s=50e-6,
    aperture_min_s=1e-6,
    aperture_max_s=1.0,
    average_max=1000,
    sequence_max=4096,
    protection_max_v=1.0,
    dwell_max_s=1.0,
)


class ReferenceBoard(FakeHardware):
    """The reference board with some of the optional groups; the others must be undefined headers."""

    def __init__(self, capabilities: Sequence[str] = ALL_GROUPS) -> None:
        super().__init__(replace(FACTS, capabilities=tuple(capabilities)))
