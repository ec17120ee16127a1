"""Analogue side of an instrument that is a board behind a link, by its driver."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable

import numpy as np

from crosscal.core.errors import IncompatibleBoardError
from crosscal.daemon.hardware.board_facts import facts_of
from crosscal.daemon.hardware.voltage_rounding import VoltageRounding
from crosscal.drivers import Board, BoardReadout
from crosscal.firmware_models import BoardFacts, ProgrammingStep, Reading

# Codes of the contract (docs/remote_interface.md), and SCPI-1999's "Hardware error".
_COMPLIANCE, _OVER_TEMPERATURE, _CELL_STUCK, _HARDWARE = 101, 103, 104, -240
_TURN_S = 1.0
"""How long to wait while another client holds the board: this daemon's own clients wait with it."""
_LOOK_EVERY_S = 2e-3
"""Between two looks at a board that programs: short beside a run, and no load for either side."""


class RemoteHardware:
    """Drives a board through `crosscal.drivers`; every change that is not its own is an error.

    Args:
        board: the open board; whoever opened it closes it.
        sleep: waits [s].
    """

    def __init__(self, board: Board, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.board = board
        self._steps = board.stepwise()
        self._sleep = sleep
        self._facts = facts_of(board)
        self._applied: dict[str, float] = {}
        self._read_with: tuple[float | None, ...] | None = None
        self._answers: dict[str, float] = {}
        self._wanted_protection_v: float | None = None
        self._rounding = VoltageRounding(self._facts)
        self._waiting_v: np.ndarray | None = None
        self._iterations_max = 1
        if "CAL" in board.capabilities:
            # Two calibrations on top of each other would be none.
            board.send("CAL:STAT OFF")
        self._steps.acknowledge()

    @property
    def facts(self) -> BoardFacts:
        """Facts of the board."""
        return self._facts

    @property
    def target_s(self) -> np.ndarray | None:
        """The matrix that the board was told to hold [S], (N, M); None if it cannot tell."""
        return self.board.target_s if "PROG" in self.board.capabilities else None

    def acknowledge(self) -> None:
        """Take the board as it is for known, and set everything anew."""
        self._applied.clear()
        self._read_with = None
        self._steps.acknowledge()

    def changed(self) -> bool:
        """Tell whether another client has changed the board since it was last acknowledged."""
        return self._steps.changed()

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Round one vector as the board does, which drives it from the next read or `catch_up` on; others are
        rounded when driven."""
        self._wanted_protection_v = protection_v
        if len(voltage_v) != self._facts.rows:
            return array("d", voltage_v)
        vector_v = np.array(voltage_v)
        rounded_v = self._rounding.predicted(vector_v, protection_v)
        if rounded_v is None:
            self._apply_protection()
            rounded_v = self._steps.load(vector_v)
            self._waiting_v = None
            self._rounding.learn(vector_v, rounded_v)
        else:
            self._waiting_v = rounded_v
        return array("d", rounded_v.tobytes())

    def catch_up(self) -> None:
        """Let the board drive a vector that was rounded here, and that no read has sent.

        One that the board refuses stays for the next call.

        Raises:
            BoardError: from the board: ScpiError while another program holds it.
        """
        if self._waiting_v is not None:
            self._apply_protection()
            self._steps.load(self._waiting_v)
            self._waiting_v = None

    def round_aperture(self, aperture_s: float) -> float:
        """Let the board round an integration time."""
        return self._apply("SENS:CURR:APER", aperture_s)

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """Drive vectors in turn (count × N) and read all columns of each.

        Raises:
            DisturbedError: another client has changed the board.
            BoardError: from the board, or the link.
        """
        range_a = self._facts.ranges_a[range_index]
        settings = range_a, aperture_s, averages, self._wanted_protection_v
        if settings != self._read_with:
            self._apply_protection()
            self._apply("SENS:CURR:RANG", range_a)
            self._apply("SENS:CURR:APER", aperture_s)
            self._apply("SENS:AVER:COUN", averages)
            self._read_with = settings
        vectors_v = np.frombuffer(voltage_v, dtype=float).reshape(-1, self._facts.rows)
        if len(vectors_v) == 1:
            readout = self._steps.read(vectors_v[0], range_a)
            self._waiting_v = None
            return self._reading(readout)
        if "SEQ" in self.board.capabilities:
            self._apply("SOUR:SEQ:DWEL", dwell_s)
        with self.board.undisturbed(wait_s=_TURN_S):
            self._require_unchanged()
            readout = self.board.read(vectors_v)
        self._require_unchanged()
        self._steps.forget_preparations()
        return self._reading(readout)

    def rest(self) -> None:
        """Take the rows to 0 V."""
        self.board.output_on = False
        self._steps.forget_preparations()

    def hold(self, vector_v: array[float]) -> None:
        """Drive one vector, and go on driving it."""
        self._steps.load(np.asarray(vector_v, dtype=float))
        self._waiting_v = None
        self.board.output_on = True

    def limit_iterations(self, iterations_max: int) -> None:
        """Set the most write-verify iterations of the run that begins next."""
        self._iterations_max = iterations_max

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Send a target (N × M) and let the board begin to write it."""
        matrix_s = np.frombuffer(target_s, dtype=float).reshape(self._facts.rows, self._facts.columns)
        self._steps.begin_programming(matrix_s, tolerance, self._iterations_max)

    def programming_iteration(self) -> ProgrammingStep:
        """Look whether the board has done."""
        if self._steps.programming():
            self._sleep(_LOOK_EVERY_S)
            return ProgrammingStep(finished=False, cells_failed=0, rms_relative_error=0.0, iterations=0)
        report = self._steps.end_programming()
        return ProgrammingStep(
            finished=True,
            cells_failed=report.cells_failed,
            rms_relative_error=report.rms_relative_error,
            cell_stuck=any(condition.code == _CELL_STUCK for condition in report.conditions),
            iterations=report.iterations,
        )

    def stop_programming(self) -> None:
        """Stop the run that is under way."""
        self._steps.stop_programming()

    def read_conductance(self) -> array[float]:
        """Measure every cell (N × M)."""
        return self._asked(self.board.read_conductance())

    def temperature_c(self) -> float:
        """Read the board's thermometer."""
        temperature_c = self.board.temperature_c
        if temperature_c is None:
            raise IncompatibleBoardError("got a board without a thermometer")
        return temperature_c

    def advance_time(self, duration_s: float) -> None:
        """Let a simulated board age."""
        self.board.simulation.advance_time(duration_s)

    def set_temperature(self, temperature_c: float) -> None:
        """Change the temperature of a simulated board."""
        self.board.simulation.set_temperature(temperature_c)

    def reseed(self, seed: int) -> None:
        """Restart the randomness of a simulated board."""
        self.board.simulation.reseed(seed)

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell of a simulated board."""
        self.board.simulation.fault_cell(row, column, kind)

    def fault_amplifier(self, column: int) -> None:
        """Break an amplifier of a simulated board."""
        self.board.simulation.fault_amplifier(column)

    def clear_faults(self) -> None:
        """Heal a simulated board."""
        self.board.simulation.clear_faults()

    def true_conductance(self) -> array[float]:
        """Read the actual conductances of a simulated board (N × M)."""
        return self._asked(self.board.simulation.true_conductance_s())

    def cell_age(self) -> array[float]:
        """Read how long ago each cell of a simulated board was written (N × M)."""
        return self._asked(self.board.simulation.cell_age_s())

    def written_conductance(self) -> array[float]:
        """Read the conductances of a simulated board when they were written (N × M)."""
        return self._asked(self.board.simulation.written_s())

    def _asked(self, values: np.ndarray) -> array[float]:
        # Arrays are asked for in a format of the driver's own.
        self._steps.forget_preparations()
        return array("d", np.ascontiguousarray(values, dtype=float).tobytes())

    def _require_unchanged(self) -> None:
        if self._steps.changed():
            raise self._steps.disturbed()

    def _apply_protection(self) -> None:
        wanted_v, header = self._wanted_protection_v, "SOUR:VOLT:PROT"
        if wanted_v is None or self._applied.get(header) == wanted_v:
            return
        if wanted_v < self._applied.get(header, self._facts.protection_max_v):
            # A loaded vector beyond the new limit would be a conflict (decision 8).
            self._steps.load(np.zeros(self._facts.rows))
        self._apply(header, wanted_v)

    def _apply(self, header: str, value: float) -> float:
        """Set what the board does not have yet; return what it applies."""
        if self._applied.get(header) != value:
            self._read_with = None
            self._applied.pop(header, None)
            self._answers[header] = self._steps.applied(header, value)
            self._applied[header] = value
        return self._answers[header]

    def _reading(self, readout: BoardReadout) -> Reading:
        current_a, status = readout.current_a, readout.status.tobytes()
        if not readout.conditions and math.isfinite(current_a.sum()):
            return Reading(current_a=array("d", current_a.tobytes()), status=status)
        codes = {condition.code for condition in readout.conditions}
        missing = np.isnan(current_a)
        if missing.any():
            # The engine writes 9.91E37 where the status says that there is no reading.
            current_a = np.where(missing, 0.0, current_a)
        return Reading(
            current_a=array("d", current_a.tobytes()),
            status=status,
            compliance=_COMPLIANCE in codes,
            over_temperature=_OVER_TEMPERATURE in codes,
            hardware_error=_HARDWARE in codes,
        )
