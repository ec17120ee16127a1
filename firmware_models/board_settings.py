"""Settings of the board, shared by all clients (decision 19)."""

from __future__ import annotations

from array import array
from operator import attrgetter

from crosscal.firmware_models.data_format import DataFormat
from crosscal.firmware_models.hardware import BoardFacts, Hardware
from crosscal.firmware_models.numeric import Limits

IMMEDIATE, BUS, EXTERNAL = "IMMediate", "BUS", "EXTernal"

# At power-on (decision 11).
_PROTECTION_V = 0.6
_APERTURE_S = 1e-3

# At power-on, where the contract leaves them open; every client may set its own.
_TOLERANCE = 0.01
_ITERATIONS = 50

_STATE = attrgetter(
    *("target_s", "tolerance", "iterations", "format", "voltage_v", "sequence_v", "protection_v", "dwell_s"),
    *("output_on", "range_index", "auto_range", "aperture_s", "average_count", "trigger_source"),
)


def power_on_protection_v(facts: BoardFacts) -> float:
    """Return the largest magnitude that a board drives after power-on [V]."""
    return min(_PROTECTION_V, facts.protection_max_v)


class BoardSettings:
    """Power-on values, and the ranges that go with them.

    `reset` restores those that `*RST` does; target, tolerance and iterations belong to the matrix and stay.
    """

    def __init__(self, hardware: Hardware) -> None:
        facts = hardware.facts
        settling_s = max(facts.adc_settling_s, facts.dac_settling_s)
        protection_v = power_on_protection_v(facts)
        aperture_s = hardware.round_aperture(
            min(max(_APERTURE_S, facts.aperture_min_s), facts.aperture_max_s)
        )
        self.protection_limits = Limits(0.0, facts.protection_max_v, protection_v)
        self.dwell_limits = Limits(settling_s, facts.dwell_max_s, settling_s)
        self.aperture_limits = Limits(facts.aperture_min_s, facts.aperture_max_s, aperture_s)
        self.average_limits = Limits(1, facts.average_max, 1)
        self.tolerance_limits = Limits(1e-6, 1.0, _TOLERANCE)
        self.iterations_limits = Limits(1, 100_000, _ITERATIONS)
        self.range_limits = Limits(0.0, facts.ranges_a[-1], facts.ranges_a[-1])
        self.tolerance = _TOLERANCE
        self.iterations = _ITERATIONS
        self.target_s = array("d", [facts.conductance_min_s]) * (facts.rows * facts.columns)
        self._facts = facts
        self.reset()

    def state(self) -> tuple[object, ...]:
        """Return all settings, to compare before and after a command; arrays are replaced, not altered."""
        return _STATE(self)

    def reset(self) -> None:
        """Return drive, sense, trigger and format settings to their power-on values."""
        facts = self._facts
        self.format = DataFormat()
        self.voltage_v = array("d", [0.0]) * facts.rows
        self.sequence_v: array[float] = array("d")
        self.protection_v = self.protection_limits.default
        self.dwell_s = self.dwell_limits.default
        self.output_on = False
        self.range_index = len(facts.ranges_a) - 1
        self.auto_range = True
        self.aperture_s = self.aperture_limits.default
        self.average_count = 1
        self.trigger_source = IMMEDIATE
