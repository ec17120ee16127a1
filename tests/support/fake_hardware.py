"""Hardware below the real SCPI engine, standard library only: an ohmic array without wires or noise.

`I_j = Σ_i v_i G_ij`. By default converters and programming have the steps of a small real board, described in
`reference_board.py`; an exact board has none, so that currents and conductances are known to the last digit.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable

from crosscal.firmware_models import BoardFacts, ProgrammingStep, Reading

PULSE_GAIN = 0.99
GIVE_UP_PULSES = 3
SHORT_S = 10e-3
READBACK_V = 0.9
READBACK_RANGE_A = 1e-3
POWER_ON_TEMPERATURE_C = 25.0
TEMPERATURE_MAX_C = 125.0
UNDER_RESOLUTION_STEPS = 10
OVER_RANGE, UNDER_RESOLUTION, AMPLIFIER_FAULT = 1, 2, 4


class FakeHardware:
    """Implements `crosscal.firmware_models.Hardware`.

    Values that the firmware should have refused are an `AssertionError`: a test must not pass with them.

    Args:
        facts: of the board.
        exact: no converter steps, and programming that meets its target in the last needed iteration.

    Attributes:
        facts: of the board.
        bench_time_s: sum of all `advance_time`.
        seeds: every seed that `reseed` was called with.
        driven_v: every vector driven so far, ranging included.
        rests: how often the rows were taken to 0 V.
        over_temperature, hardware_error: what acquisitions are to report.
        iterations_needed: programming iterations of an exact board until the target is met.
        stuck: whether a cell of an exact board does not answer to programming.
        failures: exceptions to raise, by the name of the method.
    """

    def __init__(self, facts: BoardFacts, *, exact: bool = False) -> None:
        self.facts = facts
        self._exact = exact
        self._written_s = [facts.conductance_min_s] * self._cells
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
        self.driven_v: list[list[float]] = []
        self.rests = 0
        self.over_temperature = self.hardware_error = self.stuck = False
        self.iterations_needed = 2
        self.failures: dict[str, BaseException] = {}

    @property
    def _cells(self) -> int:
        return self.facts.rows * self.facts.columns

    @property
    def vectors_measured(self) -> int:
        """How many vectors were driven so far, ranging included."""
        return len(self.driven_v)

    def _meet_failure(self, name: str) -> None:
        if name in self.failures:
            raise self.failures[name]

    def rest(self) -> None:
        """Take the rows to 0 V."""
        self.rests += 1
        self._meet_failure("rest")

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Round to the nearest step that is within `protection_v`."""
        if self._exact:
            return array("d", voltage_v)
        bits, full_v = self.facts.dac_bits, self.facts.dac_full_scale_v
        step_v = 2.0 * full_v / 2**bits
        most = min(math.floor(protection_v / step_v), 2 ** (bits - 1) - 1)
        return array("d", (max(-most, min(most, round(v / step_v))) * step_v for v in voltage_v))

    def round_aperture(self, aperture_s: float) -> float:
        """Round to whole microseconds."""
        if self._exact:
            return aperture_s
        shortest_s = self.facts.aperture_min_s
        return min(max(1, round(aperture_s / shortest_s)) * shortest_s, self.facts.aperture_max_s)

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """Read all columns under each vector; what `Hardware` promises of the values is checked."""
        self._meet_failure("measure")
        self._check_settings(range_index, aperture_s, averages, dwell_s)
        rows, columns = self.facts.rows, self.facts.columns
        if len(voltage_v) % rows or any(abs(v) > self.facts.protection_max_v for v in voltage_v):
            raise AssertionError(f"vectors that the firmware should have refused: {voltage_v}")
        conductance_s = self._conductance_s()
        current_a, status = array("d"), bytearray()
        for start in range(0, len(voltage_v), rows):
            vector_v = voltage_v[start : start + rows]
            self.driven_v.append(list(vector_v))
            for column in range(columns):
                ideal_a = sum(v * g for v, g in zip(vector_v, conductance_s[column::columns], strict=True))
                value_a, bits = self._convert(ideal_a, column, self.facts.ranges_a[range_index])
                current_a.append(value_a)
                status.append(bits)
        return Reading(
            current_a=current_a,
            status=bytes(status),
            over_temperature=self.over_temperature or self._temperature_c > TEMPERATURE_MAX_C,
            hardware_error=self.hardware_error or bool(self._faulty_columns),
        )

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Verify all cells once; nothing is written yet."""
        self._meet_failure("begin_programming")
        low_s, high_s = self.facts.conductance_min_s, self.facts.conductance_max_s
        if len(target_s) != self._cells or not all(low_s <= g <= high_s for g in target_s):
            raise AssertionError(f"target that the firmware should have refused: {target_s}")
        self._target_s, self._tolerance = list(target_s), tolerance
        self._reading_s, self._failed = list(self.read_conductance()), list(range(self._cells))
        self._pulses = 0

    def programming_iteration(self) -> ProgrammingStep:
        """Pulse every cell that is off target, and verify those."""
        self._meet_failure("programming_iteration")
        self._pulses += 1
        if self._exact:
            return self._exact_step()
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

    def _exact_step(self) -> ProgrammingStep:
        finished = self._pulses >= self.iterations_needed
        if finished:
            self._written_s = list(self._target_s)
        return ProgrammingStep(
            finished=finished,
            cells_failed=int(self.stuck),
            rms_relative_error=0.25 if self.stuck else 0.0,
            cell_stuck=self.stuck,
        )

    def read_conductance(self) -> array[float]:
        """Measure every cell; NaN in columns whose amplifier is faulty."""
        self._meet_failure("read_conductance")
        if self._exact:
            return self._conductance_s()
        columns = self.facts.columns
        measured_s = array("d")
        for cell, conductance_s in enumerate(self._conductance_s()):
            current_a, _ = self._convert(conductance_s * READBACK_V, cell % columns, READBACK_RANGE_A)
            measured_s.append(current_a / READBACK_V)
        return measured_s

    def temperature_c(self) -> float:
        """The board's thermometer."""
        self._meet_failure("temperature_c")
        return self._temperature_c

    def advance_time(self, duration_s: float) -> None:
        """Let bench time pass; nothing ages."""
        self._meet_failure("advance_time")
        self.bench_time_s += duration_s

    def set_temperature(self, temperature_c: float) -> None:
        """Change the temperature; conductances stay."""
        self._temperature_c = temperature_c

    def reseed(self, seed: int) -> None:
        """Note the seed; nothing is random."""
        self._meet_failure("reseed")
        self.seeds.append(seed)

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell, counted from 1."""
        if kind not in ("OPEN", "SHORT", "STUCK"):
            raise AssertionError(f"kind of fault that the firmware should have refused: {kind}")
        if not (1 <= row <= self.facts.rows and 1 <= column <= self.facts.columns):
            raise AssertionError(f"cell that the firmware should have refused: {row},{column}")
        self._broken[(row - 1) * self.facts.columns + column - 1] = kind

    def fault_amplifier(self, column: int) -> None:
        """Break a column's amplifier, counted from 1."""
        if not 1 <= column <= self.facts.columns:
            raise AssertionError(f"column that the firmware should have refused: {column}")
        self._faulty_columns.add(column - 1)

    def clear_faults(self) -> None:
        """Heal every fault."""
        self._broken.clear()
        self._faulty_columns.clear()

    def true_conductance(self) -> array[float]:
        """The actual conductances, broken cells included."""
        self._meet_failure("true_conductance")
        return self._conductance_s()

    def cell_age(self) -> array[float]:
        """Time since the cells were written [s]: this board's are always new."""
        return array("d", [0.0]) * len(self._written_s)

    def written_conductance(self) -> array[float]:
        """The conductances that were written."""
        return array("d", self._written_s)

    def _conductance_s(self) -> array[float]:
        conductance_s = array("d", self._written_s)
        for cell, kind in self._broken.items():
            if kind != "STUCK":
                conductance_s[cell] = SHORT_S if kind == "SHORT" else 0.0
        return conductance_s

    def _convert(self, current_a: float, column: int, full_scale_a: float) -> tuple[float, int]:
        if column in self._faulty_columns:
            return math.nan, AMPLIFIER_FAULT
        if self._exact:
            return self._clipped(current_a, full_scale_a)
        half_codes = 2 ** (self.facts.adc_bits - 1)
        step_a = full_scale_a / half_codes
        code = round(current_a / step_a)
        if abs(code) > half_codes - 1:
            return math.copysign(full_scale_a, code), OVER_RANGE
        return code * step_a, UNDER_RESOLUTION if abs(code) < UNDER_RESOLUTION_STEPS else 0

    def _clipped(self, current_a: float, full_scale_a: float) -> tuple[float, int]:
        if abs(current_a) > full_scale_a:
            return math.copysign(full_scale_a, current_a), OVER_RANGE
        return current_a, 0

    def _check_settings(self, range_index: int, aperture_s: float, averages: int, dwell_s: float) -> None:
        facts = self.facts
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
