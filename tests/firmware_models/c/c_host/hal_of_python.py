"""A hal for the C engine with functions of a Python `Hardware`."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable

import pytest
from c_host.structures import (
    HAL_FUNCTIONS,
    SIMULATION_FUNCTIONS,
    Calibrator,
    Facts,
    Hal,
    Simulation,
)

from crosscal.firmware_models import Hardware
from crosscal.firmware_models.guarded_hardware import failure_text

GROUPS = ("PROG", "READBACK", "SEQ", "TEMP", "SIM", "CAL", "LOCK", "TILE")


class HalOfPython:
    """A C hal whose functions are a `Hardware`; failures become texts, failed assertions are kept."""

    def __init__(self, hardware: Hardware, clock: Callable[[], float], calibrator: Calibrator | None) -> None:
        self.failed: BaseException | None = None
        self._hardware = hardware
        self._clock = clock
        self._text: ctypes.Array[ctypes.c_char] | None = None
        facts = hardware.facts
        self._cells = facts.rows * facts.columns
        self._ranges = (ctypes.c_double * len(facts.ranges_a))(*facts.ranges_a)
        copied = {
            name: getattr(facts, name)
            for name, _ in Facts._fields_
            if hasattr(facts, name)
            and name not in ("manufacturer", "model", "serial", "firmware", "ranges_a")
        }
        groups = (*facts.capabilities, "CAL") if calibrator else facts.capabilities
        lacks = sorted(set(groups) - set(GROUPS))
        if lacks:
            pytest.skip(f"optional, and not in C: group {', '.join(lacks)}")
        self._facts = Facts(
            manufacturer=facts.manufacturer.encode(),
            model=facts.model.encode(),
            serial=facts.serial.encode(),
            firmware=facts.firmware.encode(),
            groups=sum(1 << GROUPS.index(group) for group in groups),
            ranges_a=self._ranges,
            range_count=len(self._ranges),
            tile_rows=facts.tiles[0],
            tile_columns=facts.tiles[1],
            **copied,
        )
        self._simulation = Simulation(
            **{name: kind(self._guarded(name)) for name, kind in SIMULATION_FUNCTIONS.items()}
        )
        self.hal = Hal(
            facts=ctypes.pointer(self._facts),
            simulation=ctypes.pointer(self._simulation),
            **{name: kind(self._guarded(name)) for name, kind in HAL_FUNCTIONS.items()},
        )
        if calibrator is not None:
            self.hal.calibrator = ctypes.pointer(calibrator)

    def _guarded(self, name: str) -> Callable[..., object]:
        """`_<name>`, of which no exception gets into C."""
        function = getattr(self, f"_{name}")
        numbers = name in ("now_s", "round_aperture")

        def call(_context: int, *arguments: object) -> object:
            try:
                return function(*arguments)
            except AssertionError as error:
                self.failed = error
            except BaseException as error:  # noqa: BLE001
                self._text = ctypes.create_string_buffer(failure_text(error).encode("latin-1", "replace"))
                return ctypes.addressof(self._text)
            return 0.0 if numbers else None

        return call

    def check(self) -> None:
        """Raise the assertion that failed while C called."""
        failed, self.failed = self.failed, None
        if failed is not None:
            raise failed

    def _now_s(self) -> float:
        return self._clock()

    def _rest(self) -> None:
        self._hardware.rest()

    def _round_voltage(self, voltage_v: ctypes.Array, count: int, protection_v: float) -> None:
        rounded_v = self._hardware.round_voltage(array("d", voltage_v[:count]), protection_v)
        for index, value in enumerate(rounded_v):
            voltage_v[index] = value

    def _round_aperture(self, aperture_s: float) -> float:
        return self._hardware.round_aperture(aperture_s)

    def _measure(self, measurement: ctypes.Array, reading: ctypes.Array) -> None:
        asked, answer = measurement[0], reading[0]
        got = self._hardware.measure(
            array("d", asked.voltage_v[: asked.count * self._hardware.facts.rows]),
            range_index=asked.range_index,
            aperture_s=asked.aperture_s,
            averages=asked.averages,
            dwell_s=asked.dwell_s,
        )
        for index, (current, status) in enumerate(zip(got.current_a, got.status, strict=True)):
            answer.current_a[index] = current
            answer.status[index] = status
        answer.compliance = got.compliance
        answer.over_temperature = got.over_temperature
        answer.hardware_error = got.hardware_error

    def _temperature(self, temperature_c: ctypes.Array) -> None:
        temperature_c[0] = self._hardware.temperature_c()

    def _begin_programming(self, target_s: ctypes.Array, tolerance: float) -> None:
        self._hardware.begin_programming(array("d", target_s[: self._cells]), tolerance)

    def _programming_iteration(self, step: ctypes.Array) -> None:
        got = self._hardware.programming_iteration()
        step[0].finished = got.finished
        step[0].cells_failed = got.cells_failed
        step[0].rms_relative_error = got.rms_relative_error
        step[0].cell_stuck = got.cell_stuck

    def _read_conductance(self, conductance_s: ctypes.Array) -> None:
        for index, value in enumerate(self._hardware.read_conductance()):
            conductance_s[index] = value

    def _advance_time(self, duration_s: float) -> None:
        self._hardware.advance_time(duration_s)

    def _set_temperature(self, temperature_c: float) -> None:
        self._hardware.set_temperature(temperature_c)

    def _reseed(self, seed: int) -> None:
        self._hardware.reseed(seed)

    def _fault_cell(self, row: int, column: int, kind: bytes) -> None:
        self._hardware.fault_cell(row, column, kind.decode())

    def _fault_amplifier(self, column: int) -> None:
        self._hardware.fault_amplifier(column)

    def _clear_faults(self) -> None:
        self._hardware.clear_faults()

    def _true_conductance(self, conductance_s: ctypes.Array) -> None:
        for index, value in enumerate(self._hardware.true_conductance()):
            conductance_s[index] = value
