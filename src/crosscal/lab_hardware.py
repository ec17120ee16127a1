"""Adapter of a lab's board with a Python API to the `Hardware` that the SCPI engine drives."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from crosscal.core.errors import IncompatibleBoardError, wanted
from crosscal.core.lab_board.board import LabBoard
from crosscal.core.lab_board.pulse_write_verify import PulseWriter, WriteReport
from crosscal.core.readout import UNUSABLE, Readout, Status
from crosscal.firmware_models import BoardFacts, ProgrammingStep, Reading

APERTURE_S = 1e-3
"""Integration time shown to clients: a Python API has none to set; the contract's power-on value."""

CONVERTER_BITS = 24
"""Converter width shown to clients where the board's class speaks volts and amperes: finer than any."""

AVERAGES_MAX = 1000  # readings one after another: noise falls to a thirtieth
VECTORS_MAX = 65_536  # of a sequence: 32 MB of 64 inputs each


class LabHardware:
    """Analogue side of an instrument over a `LabBoard`; averages are taken by reading again.

    Args:
        board: the open board; whoever opened it closes it.
    """

    def __init__(self, board: LabBoard) -> None:
        self.board = board
        self._facts = _facts_of(board)
        self._writer: PulseWriter | None = None
        self._target_s: np.ndarray | None = None
        self._tolerance = board.tolerance
        self._resting = True

    @property
    def facts(self) -> BoardFacts:
        """Fixed facts of the board as the SCPI engine knows them."""
        return self._facts

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Round to what the input converters give, none beyond `protection_v` in magnitude."""
        codes = self.board.facts.input_codes
        values_v = np.asarray(voltage_v, dtype=float)
        if codes is not None:
            rounded_v = codes.decode(codes.encode(values_v))
            # One step back where rounding went over the protection.
            rounded_v -= np.where(np.abs(rounded_v) > protection_v, np.sign(rounded_v) * abs(codes.step), 0.0)
            values_v = rounded_v
        return array("d", np.clip(values_v, -protection_v, protection_v).tobytes())

    def round_aperture(self, aperture_s: float) -> float:
        """Return the one integration time there is."""
        del aperture_s
        return APERTURE_S

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """Drive vectors in turn (count × N) and read all columns of each, `averages` times."""
        del range_index, aperture_s, dwell_s
        vectors_v = np.frombuffer(voltage_v, dtype=float).reshape(-1, self._facts.rows)
        readouts = [self._read(vectors_v) for _ in range(averages)]
        status = np.bitwise_or.reduce([readout.status for readout in readouts])
        current_a = np.mean([readout.current_a for readout in readouts], axis=0)
        over = (status & int(Status.OVER_RANGE)) != 0
        current_a = np.where(over, np.copysign(self._facts.ranges_a[0], current_a), current_a)
        # The engine writes 9.91E37 where there is no reading; NaN never goes over a link.
        current_a = np.where((status & int(Status.AMPLIFIER_FAULT)) != 0, 0.0, current_a)
        return Reading(
            current_a=array("d", np.ascontiguousarray(current_a, dtype=float).tobytes()),
            status=(status & int(UNUSABLE)).astype(np.uint8).tobytes(),
        )

    def _read(self, vectors_v: np.ndarray) -> Readout:
        # Driving 0 V would hide lines that did not come to rest.
        rested = self.board.rested() if self._resting and not vectors_v.any() else None
        if rested is not None:
            return Readout(
                current_a=np.repeat(rested.current_a, len(vectors_v), axis=0),
                status=np.repeat(rested.status, len(vectors_v), axis=0),
                range_a=rested.range_a,
            )
        self._resting = False
        return self.board.read(vectors_v)

    def rest(self) -> None:
        """Bring every line to 0 V."""
        self._resting = True
        self.board.rest()

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Prepare to write a target (N × M)."""
        self._target_s = np.frombuffer(target_s, dtype=float).reshape(self._facts.rows, self._facts.columns)
        self._tolerance, self._writer = tolerance, None

    def programming_iteration(self) -> ProgrammingStep:
        """Write by the board's own routine in one step, or take one sweep of pulses."""
        if self._target_s is None:
            raise IncompatibleBoardError("programming was not begun")
        self.board.tolerance = self._tolerance
        if not self.board.writes_by_pulses:
            return _step(self.board.program(self._target_s), finished=True)
        if self._writer is None:
            self._writer = self.board.begin_writing(self._target_s)
        if not self._writer.finished:
            self.board.continue_writing(self._writer)
        return _step(self._writer.report(), finished=self._writer.finished)

    def read_conductance(self) -> array[float]:
        """Measure every cell (N × M)."""
        return array("d", np.ascontiguousarray(self.board.read_conductance(), dtype=float).tobytes())

    def temperature_c(self) -> float:
        """Read the board's thermometer."""
        temperature_c = self.board.temperature_c
        return float("nan") if temperature_c is None else float(temperature_c)

    def advance_time(self, duration_s: float) -> None:
        """Refuse: time of a real board goes by itself."""
        raise _not_simulated(f"advance_time({duration_s})")

    def set_temperature(self, temperature_c: float) -> None:
        """Refuse: see `advance_time`."""
        raise _not_simulated(f"set_temperature({temperature_c})")

    def reseed(self, seed: int) -> None:
        """Refuse: see `advance_time`."""
        raise _not_simulated(f"reseed({seed})")

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Refuse: see `advance_time`."""
        raise _not_simulated(f"fault_cell({row}, {column}, {kind})")

    def fault_amplifier(self, column: int) -> None:
        """Refuse: see `advance_time`."""
        raise _not_simulated(f"fault_amplifier({column})")

    def clear_faults(self) -> None:
        """Refuse: see `advance_time`."""
        raise _not_simulated("clear_faults()")

    def true_conductance(self) -> array[float]:
        """Refuse: see `advance_time`."""
        raise _not_simulated("true_conductance()")


def _not_simulated(call: str) -> IncompatibleBoardError:
    return IncompatibleBoardError(
        wanted(
            got=call, allowed="what a physical board can do (no group SIM)", remedy="use a simulated board"
        )
    )


def _facts_of(board: LabBoard) -> BoardFacts:
    facts = board.facts
    manufacturer, model, serial, firmware = _identity_fields(board.identity)
    low_s, high_s = board.conductance_limits_s
    rows, columns = board.shape
    inputs, outputs = facts.input_codes, facts.output_codes
    return BoardFacts(
        manufacturer=manufacturer,
        model=model,
        serial=serial,
        firmware=firmware,
        rows=rows,
        columns=columns,
        capabilities=tuple(sorted(board.capabilities | {"LOCK"})),
        conductance_min_s=low_s,
        conductance_max_s=high_s,
        ranges_a=(float(facts.full_scale_a),),
        adc_bits=CONVERTER_BITS if outputs is None else (outputs.last - outputs.first).bit_length(),
        adc_settling_s=0.0,
        dac_bits=CONVERTER_BITS if inputs is None else (inputs.last - inputs.first).bit_length(),
        dac_full_scale_v=float(facts.voltage_limit_v),
        dac_settling_s=0.0,
        aperture_min_s=APERTURE_S,
        aperture_max_s=APERTURE_S,
        average_max=AVERAGES_MAX,
        sequence_max=VECTORS_MAX,
        protection_max_v=float(facts.voltage_limit_v),
        dwell_max_s=0.0,
    )


def _identity_fields(identity: str) -> tuple[str, str, str, str]:
    """Split an identity into the four fields of `*IDN?`; 0 stands for an unknown one (IEEE 488.2, 10.14)."""
    fields = [field.strip().replace(";", " ") or "0" for field in identity.split(",", 3)]
    first, second, third, fourth = (fields + ["0"] * 4)[:4]
    return first, second, third, fourth.replace(",", " ")


def _step(report: WriteReport | Any, *, finished: bool) -> ProgrammingStep:
    failed = int(getattr(report, "cells_failed", 0))
    error = float(getattr(report, "rms_relative_error", float("nan")))
    return ProgrammingStep(
        finished=finished,
        cells_failed=max(failed, 0),
        rms_relative_error=error,
        cell_stuck=failed > 0,
    )
