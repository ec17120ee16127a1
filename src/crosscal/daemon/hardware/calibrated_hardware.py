"""Analogue side of the proxy: the real board below, and its currents calibrated."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from crosscal.core.errors import BoardError, DisturbedError, ScpiError
from crosscal.daemon.hardware.calibrated_readings import calibrated, deviations, uncalibrated
from crosscal.daemon.upkeep.condition import KeptHardware
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.firmware_models import BoardFacts, HardwareFailure, ProgrammingStep, Reading
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.reference.referral import Referral

logger = logging.getLogger(__name__)


class AttachedHardware(KeptHardware, Protocol):
    """Hardware of a board that is connected."""

    def changed(self) -> bool:
        """Tell whether another client has changed the board since it was last acknowledged."""
        ...

    def hold(self, vector_v: array[float]) -> None:
        """Drive one vector, and go on driving it."""
        ...

    def catch_up(self) -> None:
        """Let the board drive a vector that it was not sent yet."""
        ...


class CalibratedHardware:
    """A board that comes and goes below a firmware that stays.

    While it is away, whatever needs it fails, and nothing is answered from memory. Its end is noticed by
    any call that it does not answer.

    Args:
        facts: of the board, with the group CAL.
        upkeep: its calibration.
        feed: called between slices of long work, for a watchdog.

    Attributes:
        reservation: tells the number of the lock that a client holds; 0 while nobody holds one.
    """

    def __init__(self, facts: BoardFacts, upkeep: Upkeep, *, feed: Callable[[], object]) -> None:
        self.facts = facts
        self.lost = ""
        self.reservation: Callable[[], int] = lambda: 0
        self._prepared_for = 0
        self.reads = 0
        self.latest: Reading | None = None
        self._upkeep = upkeep
        self._feed = feed
        self._inner: AttachedHardware | None = None
        self._target_s: np.ndarray | None = None
        self._of_reading: tuple[ProgrammedCalibrator | None, np.ndarray | None, float, float]
        self._of_reading = None, None, 1.0, 0.0
        self._refer = Referral.unknown()

    # The board comes and goes

    @property
    def attached(self) -> AttachedHardware | None:
        """The board; None while it is away."""
        return self._inner

    def attach(self, inner: AttachedHardware) -> None:
        """Take a board of the same facts."""
        self._inner, self.lost = inner, ""

    def detach(self) -> None:
        """Give the board up."""
        self._inner = None

    # Hardware

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Let the board round voltages; what it is sent when it is back it rounds by itself."""
        if self._inner is None:
            return array("d", voltage_v)
        return self._call("round_voltage", voltage_v, protection_v)

    def round_aperture(self, aperture_s: float) -> float:
        """Let the board round an integration time; likewise."""
        if self._inner is None:
            return aperture_s
        return self._call("round_aperture", aperture_s)

    def measure(self, voltage_v: array[float], **settings: Any) -> Reading:
        """Read vectors, and calibrate them with what is known of the matrix that was read."""
        self._prepare()
        try:
            reading = self._measured(voltage_v, settings)
        except DisturbedError:
            self._look_again()
            reading = self._measured(voltage_v, settings)
        condition = self._upkeep.condition
        programmed = condition.programmed
        # What is known of the matrix may change before its deviations are asked for.
        foretold = self._upkeep.foretold_deviation
        self._of_reading = programmed, condition.widening_a, condition.wider, foretold
        if programmed is None:
            found = uncalibrated(reading)
        else:
            found = calibrated(reading, programmed, self._refer)
            if found.unexplained:
                self._upkeep.unexplained(found.unexplained)
        self.reads += 1
        self.latest = found.reading
        return found.reading

    def rest(self) -> None:
        """Take the rows to 0 V; of a board that is away they are nobody's to command."""
        if self._inner is not None:
            self._call("rest")

    def limit_iterations(self, iterations_max: int) -> None:
        """Set the most write-verify iterations of the run that begins next."""
        if hasattr(self._inner, "limit_iterations"):
            self._call("limit_iterations", iterations_max)

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Begin to write a target; from now on nothing is calibrated."""
        self._target_s = np.array(target_s).reshape(self.facts.rows, self.facts.columns)
        self._upkeep.programming_begins(self._target_s)
        self._call("begin_programming", target_s, tolerance)

    def programming_iteration(self) -> ProgrammingStep:
        """Let the board get on; at the end the calibrator is compiled for what it has written."""
        self._feed()
        step: ProgrammingStep = self._call("programming_iteration")
        if step.finished and self._target_s is not None:
            self._programmed(self._target_s, "the matrix was programmed")
        return step

    def stop_programming(self) -> None:
        """Stop a run; the cells are on their way."""
        if hasattr(self._inner, "stop_programming"):
            self._call("stop_programming")
        if self._target_s is not None:
            self._programmed(self._target_s, "programming was stopped")

    def read_conductance(self) -> array[float]:
        """Measure every cell."""
        return self._call("read_conductance")

    def temperature_c(self) -> float:
        """Read the board's thermometer."""
        return self._call("temperature_c")

    def advance_time(self, duration_s: float) -> None:
        """Let a simulated board age."""
        self._call("advance_time", duration_s)

    def set_temperature(self, temperature_c: float) -> None:
        """Change the temperature of a simulated board."""
        self._call("set_temperature", temperature_c)

    def reseed(self, seed: int) -> None:
        """Restart the randomness of a simulated board."""
        self._call("reseed", seed)

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell of a simulated board."""
        self._call("fault_cell", row, column, kind)

    def fault_amplifier(self, column: int) -> None:
        """Break an amplifier of a simulated board."""
        self._call("fault_amplifier", column)

    def clear_faults(self) -> None:
        """Heal a simulated board."""
        self._call("clear_faults")

    def true_conductance(self) -> array[float]:
        """Read the actual conductances of a simulated board."""
        return self._call("true_conductance")

    def cell_age(self) -> array[float]:
        """Read how long ago each cell of a simulated board was written."""
        return self._call("cell_age")

    def written_conductance(self) -> array[float]:
        """Read the conductances of a simulated board when they were written."""
        return self._call("written_conductance")

    # Group CAL

    def deviations(self, current_a: array[float], status: bytes) -> array[float]:
        """State the deviations of readings of the latest acquisition, by the calibration of that time."""
        programmed, widening_a, wider, foretold = self._of_reading
        if programmed is None:
            return uncalibrated(Reading(current_a=current_a, status=status)).reading.calibrated_a
        return deviations(programmed, current_a, status, self._refer, widening_a, wider, foretold)

    def calibration_in_doubt(self) -> bool:
        """Whether there is evidence against the calibration, or none at all."""
        return bool(self._upkeep.condition.doubt)

    def calibrate(self) -> int:
        """Verify the calibration, and learn it anew if the evidence asks for it."""
        try:
            return self._upkeep.calibrate(self._feed)
        except (DisturbedError, ScpiError) as error:
            raise HardwareFailure(str(error)) from error
        except BoardError as error:
            raise self._away(error) from error

    def calibration_age_s(self) -> float | None:
        """Seconds since the calibration was verified; None if it never was."""
        return self._upkeep.age_s

    def settle(self, *, output_on: bool, voltage_v: array[float]) -> None:
        """Drive what the clients drive, after known vectors were read.

        Raises:
            BoardError: from the board.
        """
        if self._inner is not None:
            if output_on and any(voltage_v):
                self._inner.hold(voltage_v)
            else:
                self._inner.rest()

    def _measured(self, voltage_v: array[float], settings: Mapping[str, Any]) -> Reading:
        """Read vectors, in a range whose readings can be referred to what the calibration has learned in."""
        try:
            if self._inner is not None:
                self._refer = self._upkeep.refer(settings["range_index"])
        except (DisturbedError, ScpiError):
            raise
        except BoardError as error:
            raise self._away(error) from error
        return self._call("measure", voltage_v, **settings)

    def _prepare(self) -> None:
        """Let a stale calibration be learned anew, of the reads under one lock before the first alone.

        Drivers take the lock for each call: without that, theirs would never be.
        """
        reservation = self.reservation()
        if reservation and reservation == self._prepared_for:
            return
        self._prepared_for = reservation
        try:
            self._upkeep.prepare_read(self._feed)
        except (DisturbedError, ScpiError):
            raise
        except BoardError as error:
            raise self._away(error) from error

    def _programmed(self, target_s: np.ndarray, reason: str) -> None:
        try:
            self._upkeep.new_matrix(target_s, reason, written=True)
        except DisturbedError:
            self._look_again()
        except ScpiError as error:
            logger.warning("the new matrix could not be verified yet: %s", error)
        except BoardError as error:
            raise self._away(error) from error

    def _look_again(self) -> None:
        try:
            self._upkeep.look_again("another client changed the board")
        except (DisturbedError, ScpiError):
            raise
        except BoardError as error:
            raise self._away(error) from error

    def _call(self, name: str, *arguments: Any, **settings: Any) -> Any:
        if self._inner is None:
            raise HardwareFailure("the board is away; it is looked for")
        try:
            return getattr(self._inner, name)(*arguments, **settings)
        except (DisturbedError, ScpiError):
            raise
        except BoardError as error:
            raise self._away(error) from error

    def _away(self, error: BoardError) -> HardwareFailure:
        """Note that the board is lost: what it holds must be found out again before anything is read."""
        self.lost = str(error)
        self._inner = None
        self._upkeep.detach(f"the board was lost: {error}")
        return HardwareFailure(f"the board was lost: {error}")
