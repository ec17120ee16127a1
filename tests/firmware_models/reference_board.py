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

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace

from crosscal.firmware_models import BoardFacts, ProgrammingStep, Reading

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
PULSE_GAIN = 0.99
GIVE_UP_PULSES = 3
SHORT_S = 10e-3
READBACK_V = 0.9
READBACK_RANGE_A = 1e-3
POWER_ON_TEMPERATURE_C = 25.0
TEMPERATURE_MAX_C = 125.0
UNDER_RESOLUTION_STEPS = 10
OVER_RANGE, UNDER_RESOLUTION, AMPLIFIER_FAULT = 1, 2, 4


class ReferenceBoard:
    """Implements `crosscal.firmware_models.Hardware` with the standard library alone.

    Values that the firmware should have refused are an `AssertionError`: a test must not pass with them.

    Args:
        capabilities: the groups present; the others must be undefined headers.

    Attributes:
        bench_time_s: sum of all `advance_time`.
        seeds: every seed that `reseed` was called with.
        vectors_measured: how many vectors were driven so far, ranging included.
    """

    def __init__(self, capabilities: Sequence[str] = ALL_GROUPS) -> None:
        self._facts = replace(FACTS, capabilities=tuple(capabilities))
        self._written_s = [self._facts.conductance_min_s] * self._cells
        self._broken: dict[int, str] = {}
        self._faulty_columns: set[int] = set()
        self._temperature_c = POWER_ON_TEMPERATURE_C
        self._target_s: list[float] = []
        self._tolerance = math.nan
        self._reading_s: list[float] = []
        self._failed: list[int] = []
        self._pulses = 0
        self.bench_time_s = 0.0
        self.seeds: list[int] = []
        self.vectors_measured = 0

    @property
    def facts(self) -> BoardFacts:
        """What never changes while the board is powered."""
        return self._facts

    @property
    def _cells(self) -> int:
        return self._facts.rows * self._facts.columns

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Round to the nearest step that is within `protection_v`."""
        bits, full_v = self._facts.dac_bits, self._facts.dac_full_scale_v
        step_v = 2.0 * full_v / 2**bits
        most = min(math.floor(protection_v / step_v), 2 ** (bits - 1) - 1)
        return array("d", (max(-most, min(most, round(v / step_v))) * step_v for v in voltage_v))

    def round_aperture(self, aperture_s: float) -> float:
        """Round to whole microseconds."""
        shortest_s = self._facts.aperture_min_s
        return min(max(1, round(aperture_s / shortest_s)) * shortest_s, self._facts.aperture_max_s)

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """Read all columns under each vector; what `Hardware` promises of the values is checked."""
        self._check_settings(range_index, aperture_s, averages, dwell_s)
        rows, columns = self._facts.rows, self._facts.columns
        if len(voltage_v) % rows or any(abs(v) > self._facts.protection_max_v for v in voltage_v):
            raise AssertionError(f"vectors that the firmware should have refused: {voltage_v}")
        count = len(voltage_v) // rows
        self.vectors_measured += count
        conductance_s = self.true_conductance()
        current_a, status = array("d"), bytearray()
        for start in range(0, len(voltage_v), rows):
            vector_v = voltage_v[start : start + rows]
            for column in range(columns):
                ideal_a = sum(v * g for v, g in zip(vector_v, conductance_s[column::columns], strict=True))
                value_a, bits = self._convert(ideal_a, column, self._facts.ranges_a[range_index])
                current_a.append(value_a)
                status.append(bits)
        return Reading(
            current_a=current_a,
            status=bytes(status),
            over_temperature=self._temperature_c > TEMPERATURE_MAX_C,
            hardware_error=bool(self._faulty_columns),
        )

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Verify all cells once; nothing is written yet."""
        low_s, high_s = self._facts.conductance_min_s, self._facts.conductance_max_s
        if len(target_s) != self._cells or not all(low_s <= g <= high_s for g in target_s):
            raise AssertionError(f"target that the firmware should have refused: {target_s}")
        self._target_s, self._tolerance = list(target_s), tolerance
        self._reading_s, self._failed = list(self.read_conductance()), list(range(self._cells))
        self._pulses = 0

    def programming_iteration(self) -> ProgrammingStep:
        """Pulse every cell that is off target, and verify those."""
        self._pulses += 1
        for cell in self._failed:
            if cell not in self._broken and not math.isnan(self._reading_s[cell]):
                self._written_s[cell] += PULSE_GAIN * (self._target_s[cell] - self._reading_s[cell])
        measured_s = self.read_conductance()
        for cell in self._failed:
            self._reading_s[cell] = measured_s[cell]
        self._failed = [cell for cell in self._failed if not self._within_tolerance(cell)]
        given_up = set(self._broken) if self._pulses >= GIVE_UP_PULSES else set()
        helped = [c for c in self._failed if c not in given_up and not math.isnan(self._reading_s[c])]
        return ProgrammingStep(
            finished=not helped,
            cells_failed=len(self._failed),
            rms_relative_error=_rms(self._relative_errors()),
            cell_stuck=any(cell in self._broken for cell in self._failed),
        )

    def read_conductance(self) -> array[float]:
        """Measure every cell; NaN in columns whose amplifier is faulty."""
        columns = self._facts.columns
        measured_s = array("d")
        for cell, conductance_s in enumerate(self.true_conductance()):
            current_a, _ = self._convert(conductance_s * READBACK_V, cell % columns, READBACK_RANGE_A)
            measured_s.append(current_a / READBACK_V)
        return measured_s

    def temperature_c(self) -> float:
        """The board's thermometer."""
        return self._temperature_c

    def advance_time(self, duration_s: float) -> None:
        """Let bench time pass; nothing ages."""
        self.bench_time_s += duration_s

    def set_temperature(self, temperature_c: float) -> None:
        """Change the temperature; conductances stay."""
        self._temperature_c = temperature_c

    def reseed(self, seed: int) -> None:
        """Note the seed; nothing is random."""
        self.seeds.append(seed)

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell, counted from 1."""
        if kind not in ("OPEN", "SHORT", "STUCK"):
            raise AssertionError(f"kind of fault that the firmware should have refused: {kind}")
        if not (1 <= row <= self._facts.rows and 1 <= column <= self._facts.columns):
            raise AssertionError(f"cell that the firmware should have refused: {row},{column}")
        self._broken[(row - 1) * self._facts.columns + column - 1] = kind

    def fault_amplifier(self, column: int) -> None:
        """Break a column's amplifier, counted from 1."""
        if not 1 <= column <= self._facts.columns:
            raise AssertionError(f"column that the firmware should have refused: {column}")
        self._faulty_columns.add(column - 1)

    def clear_faults(self) -> None:
        """Heal every fault."""
        self._broken.clear()
        self._faulty_columns.clear()

    def true_conductance(self) -> array[float]:
        """The actual conductances, broken cells included."""
        conductance_s = array("d", self._written_s)
        for cell, kind in self._broken.items():
            if kind != "STUCK":
                conductance_s[cell] = SHORT_S if kind == "SHORT" else 0.0
        return conductance_s

    def _convert(self, current_a: float, column: int, full_scale_a: float) -> tuple[float, int]:
        if column in self._faulty_columns:
            return math.nan, AMPLIFIER_FAULT
        half_codes = 2 ** (self._facts.adc_bits - 1)
        step_a = full_scale_a / half_codes
        code = round(current_a / step_a)
        if abs(code) > half_codes - 1:
            return math.copysign(full_scale_a, code), OVER_RANGE
        return code * step_a, UNDER_RESOLUTION if abs(code) < UNDER_RESOLUTION_STEPS else 0

    def _check_settings(self, range_index: int, aperture_s: float, averages: int, dwell_s: float) -> None:
        facts = self._facts
        if not (
            0 <= range_index < len(facts.ranges_a)
            and facts.aperture_min_s <= aperture_s <= facts.aperture_max_s
            and 1 <= averages <= facts.average_max
            and facts.adc_settling_s <= dwell_s <= facts.dwell_max_s
        ):
            raise AssertionError(f"settings: {range_index=}, {aperture_s=}, {averages=}, {dwell_s=}")

    def _within_tolerance(self, cell: int) -> bool:
        return abs(self._reading_s[cell] - self._target_s[cell]) <= self._tolerance * self._target_s[cell]

    def _relative_errors(self) -> list[float]:
        pairs = zip(self._reading_s, self._target_s, strict=True)
        return [reading_s / target_s - 1.0 for reading_s, target_s in pairs if not math.isnan(reading_s)]


def _rms(values: Iterable[float]) -> float:
    squares = [value * value for value in values]
    return math.sqrt(sum(squares) / len(squares)) if squares else math.nan
