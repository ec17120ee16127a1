"""Hardware-abstraction layer: the analogue side as the instrument's state machine sees it.

Standard library only, like all of this room, so that it can be ported to C: arrays are `array('d')` of SI
values, row-major, and a batch travels vector by vector. The simulated bench implements `Hardware`; on a
physical board this is the driver of its converters.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Protocol


class HardwareFailure(RuntimeError):
    """The hardware cannot do as it was told; the text is for the reader of the error queue (-240)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFacts:
    """Fixed facts of a powered board.

    Attributes:
        manufacturer, model, serial, firmware: the four fields of `*IDN?`.
        rows, columns: the array, N and M.
        capabilities: groups present, out of PROG, READBACK, SEQ, TEMP, SIM, AGE, LOCK, TILE, CAL.
        conductance_min_s, conductance_max_s: programmable range of a cell [S].
        ranges_a: full scales of the column amplifiers [A], ascending.
        adc_bits, adc_settling_s: converter width; settling time that a dwell may not undercut [s].
        dac_bits, dac_full_scale_v, dac_settling_s: converter width, largest magnitude [V], settling time [s].
        aperture_min_s, aperture_max_s: integration time [s].
        average_max: most readings that may be averaged.
        sequence_max: most vectors that a sequence may hold.
        protection_max_v: largest magnitude that `SOURce:VOLTage:PROTection` may be set to [V].
        dwell_max_s: longest dwell [s].
        tiles: tiles that the array consists of, above and beside each other (group TILE).
    """

    manufacturer: str
    model: str
    serial: str
    firmware: str
    rows: int
    columns: int
    capabilities: tuple[str, ...]
    conductance_min_s: float
    conductance_max_s: float
    ranges_a: tuple[float, ...]
    adc_bits: int
    adc_settling_s: float
    dac_bits: int
    dac_full_scale_v: float
    dac_settling_s: float
    aperture_min_s: float
    aperture_max_s: float
    average_max: int
    sequence_max: int
    protection_max_v: float
    dwell_max_s: float
    tiles: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Currents of some vectors.

    Attributes:
        current_a: [A], count × M; the signed full scale where saturated.
        status: one `FETCh:STATus?` byte per current.
        calibrated_a: calibrated currents [A] of hardware that calibrates (group CAL), 9.91E37 where there is
            none; empty otherwise.
        uncalibrated: one byte per current, 1 where it could not be calibrated; empty without group CAL.
        compliance, over_temperature, hardware_error: the run met that condition (+101, +103, -240).
    """

    current_a: array[float]
    status: bytes
    calibrated_a: array[float] = field(default_factory=lambda: array("d"))
    uncalibrated: bytes = b""
    compliance: bool = False
    over_temperature: bool = False
    hardware_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammingStep:
    """State of a programming run after one write-verify iteration.

    Attributes:
        finished: nothing is left to write: every cell is within tolerance or given up on.
        cells_failed: cells outside the tolerance at their last verify reading.
        rms_relative_error: of the verify readings, failed cells included.
        cell_stuck: some cell does not respond (+104).
        iterations: done so far, of hardware that counts them itself; None: one per call.
    """

    finished: bool
    cells_failed: int
    rms_relative_error: float
    cell_stuck: bool = False
    iterations: int | None = None


class Hardware(Protocol):
    """The analogue side of a board; values handed in are inside the limits of `facts`.

    A method that fails raises: the firmware reports -240 with class and text, calls `rest`, and goes on.
    """

    @property
    def facts(self) -> BoardFacts:
        """Fixed facts of the powered board."""
        ...

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Voltages the DAC will really give, none beyond `protection_v` in magnitude."""
        ...

    def round_aperture(self, aperture_s: float) -> float:
        """Integration time the ADC will really use."""
        ...

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """Drive vectors in turn (count × N, as `round_voltage` gave them) and read all columns of each."""
        ...

    def rest(self) -> None:
        """Take the rows to 0 V at once: output off, `*RST`, a failure, the end of the board (decision 21)."""
        ...

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Prepare to write a target (N × M); nothing is written yet."""
        ...

    def programming_iteration(self) -> ProgrammingStep:
        """Write every cell that is outside the tolerance once, and verify it."""
        ...

    def read_conductance(self) -> array[float]:
        """Measured conductance of every cell (N × M)."""
        ...

    def temperature_c(self) -> float:
        """The board's thermometer."""
        ...

    # Group SIM: only a simulated board has these; on hardware the commands are undefined headers.

    def advance_time(self, duration_s: float) -> None:
        """Let the devices age."""
        ...

    def set_temperature(self, temperature_c: float) -> None:
        """Change the board's temperature."""
        ...

    def reseed(self, seed: int) -> None:
        """Restart the randomness of noise, programming and drift; the board's fixed errors stay."""
        ...

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell (counted from 1): `OPEN`, `SHORT` or `STUCK`."""
        ...

    def fault_amplifier(self, column: int) -> None:
        """Break a column's amplifier (counted from 1)."""
        ...

    def clear_faults(self) -> None:
        """Heal every fault."""
        ...

    def true_conductance(self) -> array[float]:
        """The actual nominal conductances (N × M), unknown to any instrument."""
        ...


class AgeingHardware(Hardware, Protocol):
    """Hardware with group AGE: a simulated board that tells how old its cells are."""

    def cell_age(self) -> array[float]:
        """Time since each cell was last written (N × M) [s]; 0 for one that never was."""
        ...

    def written_conductance(self) -> array[float]:
        """The actual nominal conductance of each cell when it was last written (N × M)."""
        ...


class CalibratingHardware(Hardware, Protocol):
    """Hardware with group CAL (decision 25): its readings bring calibrated currents along."""

    def deviations(self, current_a: array[float], status: bytes) -> array[float]:
        """Standard deviations [A] of the calibrated currents of readings of the latest acquisition.

        Args:
            current_a, status: of whole vectors, as measured.

        Returns:
            One for each current; 9.91E37 where there is none.
        """
        ...

    def calibration_in_doubt(self) -> bool:
        """Whether there is no calibration, or evidence against it that has not been cleared up."""
        ...

    def calibrate(self) -> int:
        """Verify the calibration, and measure and learn it anew if the evidence asks; 0, or an error code."""
        ...

    def calibration_age_s(self) -> float | None:
        """Seconds since the calibration was last verified; None if it never was."""
        ...


class SelfPacedHardware(Hardware, Protocol):
    """Hardware that writes and verifies by itself: an iteration of its run is one look at it."""

    def limit_iterations(self, iterations_max: int) -> None:
        """Set the most write-verify iterations of the run that begins next."""
        ...

    def stop_programming(self) -> None:
        """Stop the run that is under way."""
        ...
