"""A board on paper below the real engine: ohmic cells, no wires, no noise, so that currents are known."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

from crosscal.firmware_models import BoardFacts, ProgrammingStep, Reading

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


class PaperBoard:
    """Implements `crosscal.firmware_models.Hardware`.

    Attributes:
        facts: what the board says of itself.
        driven_v: every vector driven so far.
        over_temperature, hardware_error: what acquisitions are to report.
        iterations_needed: programming iterations until the target is met.
        stuck: whether a cell does not answer to programming.
        aged_s, seed: what the simulation commands have set.
    """

    def __init__(self, **changed: object) -> None:
        self.facts = replace(FACTS, **changed)
        cells = self.facts.rows * self.facts.columns
        self._conductance_s = [self.facts.conductance_min_s] * cells
        self._target_s = list(self._conductance_s)
        self._faulty_columns: set[int] = set()
        self._broken: dict[int, float] = {}
        self._iteration = 0
        self._temperature_c = 25.0
        self.driven_v: list[list[float]] = []
        self.over_temperature = self.hardware_error = self.stuck = False
        self.iterations_needed = 2
        self.aged_s = 0.0
        self.seed: int | None = None

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        del protection_v
        return array("d", voltage_v)

    def round_aperture(self, aperture_s: float) -> float:
        return aperture_s

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        del aperture_s, averages, dwell_s
        full_scale_a = self.facts.ranges_a[range_index]
        rows, columns = self.facts.rows, self.facts.columns
        currents, status = array("d"), bytearray()
        for first in range(0, len(voltage_v), rows):
            vector = list(voltage_v[first : first + rows])
            self.driven_v.append(vector)
            for column in range(columns):
                current_a = sum(v * self._cell(i * columns + column) for i, v in enumerate(vector))
                bits = 4 if column + 1 in self._faulty_columns else 1 if abs(current_a) > full_scale_a else 0
                currents.append(0.0 if bits == 4 else max(-full_scale_a, min(full_scale_a, current_a)))
                status.append(bits)
        return Reading(
            current_a=currents,
            status=bytes(status),
            over_temperature=self.over_temperature,
            hardware_error=self.hardware_error or bool(self._faulty_columns),
        )

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        del tolerance
        self._target_s, self._iteration = list(target_s), 0

    def programming_iteration(self) -> ProgrammingStep:
        self._iteration += 1
        finished = self._iteration >= self.iterations_needed
        if finished:
            self._conductance_s = list(self._target_s)
        return ProgrammingStep(
            finished=finished,
            cells_failed=1 if self.stuck else 0,
            rms_relative_error=0.25 if self.stuck else 0.0,
            cell_stuck=self.stuck,
        )

    def read_conductance(self) -> array[float]:
        return array("d", (self._cell(index) for index in range(len(self._conductance_s))))

    def temperature_c(self) -> float:
        return self._temperature_c

    def advance_time(self, duration_s: float) -> None:
        self.aged_s += duration_s

    def set_temperature(self, temperature_c: float) -> None:
        self._temperature_c = temperature_c

    def reseed(self, seed: int) -> None:
        self.seed = seed

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        index = (row - 1) * self.facts.columns + column - 1
        self._broken[index] = {"OPEN": 0.0, "SHORT": 10e-3, "STUCK": self._conductance_s[index]}[kind]

    def fault_amplifier(self, column: int) -> None:
        self._faulty_columns.add(column)

    def clear_faults(self) -> None:
        self._broken.clear()
        self._faulty_columns.clear()

    def true_conductance(self) -> array[float]:
        return self.read_conductance()

    def _cell(self, index: int) -> float:
        return self._broken.get(index, self._conductance_s[index])


def groups_without(*absent: str) -> Sequence[str]:
    """All command groups but some."""
    return tuple(group for group in ALL_GROUPS if group not in absent)
