"""Lab's code of a small chip with a Python API of its own, and its `LabBoard`."""

from __future__ import annotations

import numpy as np

from crosscal import ConverterCodes, LabBoard, LabBoardFacts, PulseSchedule


class Chip:
    """A chip of 5 rows and 9 columns that is driven by calls, as a maker's package offers them."""

    def __init__(self) -> None:
        self.conductance_s = np.full((5, 9), 6e-6)
        self.driven_v = np.zeros(5)
        self.rests = 0
        self.calls: list[str] = []

    def vmm(self, voltage_v: np.ndarray) -> np.ndarray:
        self.calls.append("vmm")
        self.driven_v = np.asarray(voltage_v)[-1]
        return np.asarray(voltage_v) @ self.conductance_s

    def ground(self) -> None:
        self.rests += 1
        self.driven_v = np.zeros(5)


class WrittenBoard(LabBoard):
    """A board whose maker's package writes matrices."""

    facts = LabBoardFacts("lab,written,7,1", (5, 9), (2e-6, 20e-6), 1e-3, 0.2)

    def __init__(self, gain: float = 1.0, port: str = "") -> None:
        self.chip, self.gain, self.port = Chip(), gain, port
        self.closed = 0

    def read_currents(self, voltage_v: np.ndarray) -> np.ndarray:
        return self.gain * self.chip.vmm(voltage_v)

    def write(self, target_s: np.ndarray, tolerance: float) -> None:
        del tolerance
        self.chip.conductance_s = target_s.copy()

    def rest(self) -> None:
        self.chip.ground()

    def close(self) -> None:
        self.closed += 1
        self.chip.calls.append("close")


class PulsedBoard(LabBoard):
    """A board that can pulse a cell and read it, no more."""

    facts = LabBoardFacts(
        "lab,pulsed",
        (5, 9),
        (2e-6, 20e-6),
        1e-3,
        0.2,
        pulses=PulseSchedule(start_v=0.4, step_v=0.1, stop_v=1.5),
    )

    def __init__(self, stuck: tuple[int, int] | None = None) -> None:
        self.chip, self.stuck = Chip(), stuck
        self.pulses: list[tuple[int, int, float, float]] = []

    def read_currents(self, voltage_v: np.ndarray) -> np.ndarray:
        return self.chip.vmm(voltage_v)

    def pulse(self, row: int, column: int, voltage_v: float, width_s: float) -> None:
        self.pulses.append((row, column, voltage_v, width_s))
        if (row, column) != self.stuck:
            self.chip.conductance_s[row, column] *= 1.0 + 0.02 * voltage_v

    def read_cell(self, row: int, column: int) -> float:
        return self.chip.conductance_s[row, column]

    def rest(self) -> None:
        self.chip.ground()


class CodedBoard(WrittenBoard):
    """A board that takes input codes 50 to 246 for -0.2 to 0.2 V and returns 12-bit codes."""

    facts = LabBoardFacts(
        "lab,coded",
        (5, 9),
        (2e-6, 20e-6),
        25e-6,
        0.2,
        input_codes=ConverterCodes(50, 246, -0.2, 0.2),
        output_codes=ConverterCodes(0, 4095, -25e-6, 25e-6),
    )

    def read_currents(self, voltage_v: np.ndarray) -> np.ndarray:
        self.codes = voltage_v
        current_a = self.chip.vmm((voltage_v - 148) * 0.4 / 196)
        return np.clip(np.rint((current_a + 25e-6) / 50e-6 * 4095), 0, 4095)


def open_written(gain: float = 1.0) -> WrittenBoard:
    """Open a board by a function instead of its class."""
    return WrittenBoard(gain=gain)


def open_nothing() -> object:
    """Return no board."""
    return object()


class Unwritable(LabBoard):
    """A class that forgot how to write."""

    facts = WrittenBoard.facts

    def read_currents(self, voltage_v: np.ndarray) -> np.ndarray:
        return voltage_v @ np.zeros((5, 9))

    def rest(self) -> None:
        pass
