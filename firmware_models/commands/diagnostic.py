"""DIAGnostic: facts of the converters."""

from __future__ import annotations

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.data_format import number
from crosscal.firmware_models.header_tree import Command


def _adc(call: Call) -> str:
    """Full scale is that of the present range (decision 18)."""
    call.at_most(0)
    facts = call.board.facts
    full_scale_a = facts.ranges_a[call.board.settings.range_index]
    return f"{facts.adc_bits},{number(full_scale_a)},{number(facts.adc_settling_s)}"


def _dac(call: Call) -> str:
    call.at_most(0)
    facts = call.board.facts
    return f"{facts.dac_bits},{number(facts.dac_full_scale_v)},{number(facts.dac_settling_s)}"


COMMANDS = (
    Command(header="DIAGnostic:ADC:INFO", query=_adc),
    Command(header="DIAGnostic:DAC:INFO", query=_dac),
)
