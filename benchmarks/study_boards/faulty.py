"""Boards of `check_faults.py`: simulated ones of many kinds, and the faults planted in front of them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crosscal import LabBoard, LabBoardFacts
from crosscal.firmware_models import Reading
from crosscal.firmware_models.hardware import ProgrammingStep
from crosscal.simulated_bench import Bench

SHAPES = ((4, 7), (8, 8), (12, 16), (16, 12), (24, 10), (10, 24), (5, 30), (32, 24), (32, 32), (40, 24))
CELLS_S = ((2e-6, 20e-6), (16.6e-6, 100e-6), (100e-6, 400e-6), (1e-6, 1e-3), (2e-6, 100e-6), (0.0, 50e-6))
LAWS = ("ohmic", "sinh", "hopping", "saturating")
MATERIALS = {
    "rram": '[programming_error]\nlaw = "wan-2022-1s"\n[telegraph]\nlaw = "filamentary"\ncell_share = 0.05\n',
    "pcm": '[programming_error]\nlaw = "joshi-2020"\n[flicker]\nlaw = "pcm"\n[drift]\nlaw = "pcm"\n',
    "cmo-hfox": '[programming_error]\nlaw = "falcone-2025"\n[flicker]\nlaw = "cmo-hfox"\n',
}
MATERIAL_CELLS_S = {"rram": (1e-6, 40e-6), "pcm": (0.5e-6, 25e-6), "cmo-hfox": (9e-6, 88e-6)}
MATRICES = ("uniform", "log-uniform", "levels", "off", "weights")
WINDOWS = ((0.0, 1.0), (-1.0, 1.0), (0.1, 1.0))
FRONT_ENDS = ("ideal", "lab", "budget")
APERTURE_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A board of the study.

    Attributes:
        bench: its bench.toml.
        matrix_s: programmed before the check [S], (N, M).
        voltage_range_v: inputs of the check [V].
        as_instrument: read through the SCPI engine over TCP; else through a class of Python.
        program: whether the check writes a matrix of its own.
    """

    bench: str
    matrix_s: np.ndarray
    voltage_range_v: tuple[float, float]
    as_instrument: bool
    program: bool


def draw_specimen(number: int, fault: str, rng: np.random.Generator) -> Specimen:
    """Draw a board; the numbers 0 to 3 are the two ways in, each with and without `--program`."""
    rows, columns = SHAPES[rng.integers(len(SHAPES))]
    material = rng.choice(["", "", *MATERIALS])
    low_s, high_s = MATERIAL_CELLS_S[material] if material else CELLS_S[rng.integers(len(CELLS_S))]
    if "dead" in fault:
        low_s = max(low_s, 1e-8)  # a broken line on which no cell conducts has no voltage to solve for
    law = "ohmic" if material else LAWS[rng.integers(len(LAWS))]
    front_end = FRONT_ENDS[rng.integers(len(FRONT_ENDS))]
    # Hopping cells pass three times their nominal current at 0.4 V; the smaller front end ends at 2.5 mA.
    most_v = float(rng.uniform(0.1, 0.4))
    if front_end == "budget":
        most_v = min(most_v, 0.8e-3 / (rows * high_s))
    low, high = WINDOWS[rng.integers(len(WINDOWS))]
    noise = 10 ** rng.uniform(-5, -3)
    bench = f"""\
[board]
seed = {rng.integers(1_000_000)}

[array]
rows = {rows}
columns = {columns}
conductance_min_s = {low_s:g}
conductance_max_s = {high_s:g}

[wires]
row_ohm = {10 ** rng.uniform(-0.5, 0.6):.3g}
column_ohm = {10 ** rng.uniform(-0.5, 0.6):.3g}
source_ohm = {rng.uniform(5, 100):.3g}
sense_ohm = {rng.uniform(0, 20):.3g}

[device]
law = "{law}"

[programming]
residual_error = {rng.choice([0.0, 0.005, 0.02, 0.05]):g}

[noise]
read_a = {noise * rows * high_s * most_v:.3g}

{MATERIALS.get(material, "")}
[faults]
stuck_low_fraction = {rng.choice([0.0, 0.0, 0.01]):g}
{_dead_line(fault, rows, columns, rng)}
[front_end]
profile = "{front_end}"
"""
    if front_end == "ideal":
        bench += "gain_error = 0.005\noffset_error = 0.0005\n"
    if fault == "slow settling":
        bench += _slow(front_end, rng)
    return Specimen(
        bench=bench,
        matrix_s=draw_matrix(rng.choice(MATRICES), (rows, columns), (low_s, high_s), rng),
        voltage_range_v=(low * most_v, high * most_v),
        as_instrument=number % 2 == 0,
        program=number % 4 >= 2,
    )


def draw_matrix(
    kind: str, shape: tuple[int, int], limits_s: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Draw a matrix [S], (N, M), as it may be found on a board."""
    low_s, high_s = limits_s
    if kind == "log-uniform":
        return np.exp(rng.uniform(np.log(max(low_s, 0.01 * high_s)), np.log(high_s), shape))
    if kind == "levels":
        return np.where(rng.random(shape) < 0.5, low_s, high_s)
    if kind == "off":
        return np.where(rng.random(shape) < 0.9, low_s, rng.uniform(low_s, high_s, shape))
    if kind == "weights":
        return low_s + (high_s - low_s) * np.clip(0.5 + 0.15 * rng.normal(size=shape), 0.0, 1.0)
    return rng.uniform(low_s, high_s, shape)


def _dead_line(fault: str, rows: int, columns: int, rng: np.random.Generator) -> str:
    """Break a row at its driver, or a column at its amplifier: the rest of the line floats."""
    if fault == "one dead row":
        return f'lines = [{{ line = "ROW", number = {rng.integers(rows) + 1}, cell = 1, kind = "OPEN" }}]\n'
    if fault == "one dead column":
        line = rng.integers(columns) + 1
        return f'lines = [{{ line = "COLUMN", number = {line}, cell = {rows}, kind = "OPEN" }}]\n'
    return ""


def _slow(front_end: str, rng: np.random.Generator) -> str:
    """Slow amplifiers: a reading keeps 2 % to 50 % of the vector before it."""
    dwell_s = {"ideal": 1e-6, "lab": 150e-6, "budget": 50e-6}[front_end]
    kept = 10 ** rng.uniform(np.log10(0.02), np.log10(0.5))
    constants_s = np.geomspace(1e-6, 1.0, 20_000)
    left = np.exp(-dwell_s / constants_s) * constants_s / APERTURE_S * -np.expm1(-APERTURE_S / constants_s)
    constant_s = float(constants_s[np.searchsorted(left, kept)])
    count = {"ideal": 7, "lab": 3, "budget": 2}[front_end]
    return f"amplifier_time_constant_s = {[constant_s] * count}\n"


class FaultyHardware:
    """A bench behind a channel map, a sign, a unit or outputs that are wrong; implements `Hardware`.

    Args:
        bench: sound, or with the faults that a bench.toml describes.
        fault: name of the fault.
        rng: draws the order of permuted lines, and whether read-back goes through the wrong map too.
    """

    def __init__(self, bench: Bench, fault: str, rng: np.random.Generator) -> None:
        self._bench, self._fault = bench, fault
        rows, columns = bench.facts.rows, bench.facts.columns
        self._rows, self._columns = np.arange(rows), np.arange(columns)
        if fault == "rows reversed":
            self._rows = self._rows[::-1]
        if fault == "columns permuted":
            moved = rng.permutation(columns)[: rng.integers(2, columns + 1)]
            self._columns[moved] = np.roll(moved, 1)
        self._read_back_mapped = bool(rng.integers(2))
        self._last_v = array("d", [0.0] * rows)
        self._resting = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bench, name)

    def measure(self, voltage_v: array[float], **conditions: Any) -> Reading:
        """Read through the wrong map."""
        rows, columns = len(self._rows), len(self._columns)
        if self._fault == "outputs left on" and self._resting and not any(voltage_v):
            voltage_v = self._last_v * (len(voltage_v) // rows)
        self._resting = False
        self._last_v = voltage_v[-rows:]
        driven_v = np.frombuffer(voltage_v).reshape(-1, rows)[:, self._rows]
        reading = self._bench.measure(array("d", driven_v.tobytes()), **conditions)
        current_a = np.frombuffer(reading.current_a).reshape(-1, columns)[:, self._columns]
        status = np.frombuffer(reading.status, dtype=np.uint8).reshape(-1, columns)[:, self._columns]
        scale = {"sign": -1.0, "µA": 1e6}.get(self._fault, 1.0)
        return replace(reading, current_a=array("d", (scale * current_a).tobytes()), status=status.tobytes())

    def rest(self) -> None:
        """Take the rows to 0 V, unless that is what is broken."""
        self._resting = True
        if self._fault != "outputs left on":
            self._bench.rest()

    def read_conductance(self) -> array[float]:
        """Read the cells, through the wrong map or through the one they were written by."""
        cells_s = self._bench.read_conductance()
        if not self._read_back_mapped:
            return cells_s
        matrix_s = np.frombuffer(cells_s).reshape(len(self._rows), -1)[np.ix_(self._rows, self._columns)]
        return array("d", matrix_s.tobytes())


class BenchAsClass(LabBoard):
    """The same board with a Python API in place of the SCPI engine."""

    def __init__(self, hardware: FaultyHardware, full_scale_a: float, voltage_limit_v: float) -> None:
        self._hardware = hardware
        facts = hardware.facts
        self._range_index = int(np.searchsorted(facts.ranges_a, full_scale_a))
        self.facts = LabBoardFacts(
            identity=f"{facts.manufacturer},{facts.model},{facts.serial},{facts.firmware}",
            shape=(facts.rows, facts.columns),
            conductance_limits_s=(facts.conductance_min_s, facts.conductance_max_s),
            full_scale_a=facts.ranges_a[self._range_index],
            voltage_limit_v=voltage_limit_v,
        )

    def read_currents(self, voltage_v: np.ndarray) -> np.ndarray:
        facts = self._hardware.facts
        reading = self._hardware.measure(
            array("d", np.ascontiguousarray(voltage_v).tobytes()),
            range_index=self._range_index,
            aperture_s=APERTURE_S,
            averages=1,
            dwell_s=facts.adc_settling_s,
        )
        return np.frombuffer(reading.current_a).reshape(len(voltage_v), -1)

    def read_resting(self) -> np.ndarray:
        return self.read_currents(np.zeros((1, self.shape[0])))[0]

    def rest(self) -> None:
        self._hardware.rest()

    def write(self, target_s: np.ndarray, tolerance: float) -> None:
        self._hardware.begin_programming(array("d", target_s.tobytes()), tolerance)
        for _ in range(20):
            step: ProgrammingStep = self._hardware.programming_iteration()
            if step.finished:
                break

    def read_conductance(self) -> np.ndarray:
        return np.frombuffer(self._hardware.read_conductance()).reshape(self.shape)
