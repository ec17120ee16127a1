"""Simulated board, as its users and the firmware see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.errors import SettingsError, wanted
from crosscal.firmware_models import BoardFacts, ProgrammingStep, Reading
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices import CellLaw
from crosscal.simulated_bench.linear_gaussian import PRIOR_SIGMA_V, Sensed, reference_of_sensed
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.settings.bench_toml import load_settings, profile_names
from crosscal.simulated_bench.settings.board_facts import board_facts
from crosscal.simulated_bench.variability.remaining_noise import Succession


class Bench(ABC):
    """A crossbar board that exists in the computer only; implements `firmware_models.hardware.Hardware`.

    The same settings and the same commands give the same numbers, however reads are cut into messages. Not
    thread-safe: a server holds a lock around it. Made by `from_toml`, `from_profile`, or `build_bench` from
    settings: an `ArrayBench` of one array, or a `TiledBench` of several.

    Attributes:
        settings: a whole `bench.toml`.
    """

    def __init__(self, settings: BenchSettings) -> None:
        self.settings = settings
        self._facts = board_facts(settings)

    @classmethod
    def from_toml(cls, path: str | Path, *, allow_code: bool = False, **overrides: Any) -> Bench:
        """Build the bench that a `bench.toml` describes, or a profile that comes with the product.

        Args:
            path: the file, or the profile's name, such as `memsys2025`.
            allow_code: let the file name a device class of its own; see `crosscal.core.user_code`.
            overrides: top-level keys that replace the file's, such as `seed=3`.

        Raises:
            SettingsError: no such file or profile, a key that is unknown or has an impossible value, or code
                that was not allowed.
        """
        # Only here, since the boards that this builds are subclasses.
        from crosscal.simulated_bench.building import build_bench

        return build_bench(load_settings(path, allow_code=allow_code, **overrides))

    @classmethod
    def from_profile(cls, name: str, **overrides: Any) -> Bench:
        """Build a board that comes with the product, such as `memsys2025`; otherwise as `from_toml`.

        Raises:
            SettingsError: no such profile, or a key that is unknown or has an impossible value.
        """
        if name not in profile_names():
            allowed = ", ".join(profile_names())
            raise SettingsError(
                wanted(
                    got=f"profile {name!r}", allowed=allowed, remedy="correct it, or use from_toml for a file"
                )
            )
        return cls.from_toml(name, **overrides)

    @property
    def facts(self) -> BoardFacts:
        """Facts that never change while the board is powered."""
        return self._facts

    @property
    @abstractmethod
    def time_s(self) -> float:
        """Bench time since power-on [s]: advances by `advance_time` alone."""

    @property
    @abstractmethod
    def device(self) -> CellLaw:
        """Current–voltage law of the cells."""

    @property
    @abstractmethod
    def common_device(self) -> CellLaw:
        """Law that cells have in common at the present temperature: none's own, no offset of inputs."""

    @abstractmethod
    def arrays(self) -> list[tuple[slice, slice, Bench]]:
        """List every array of the board: its rows and columns of the matrix, and its own bench."""

    @property
    @abstractmethod
    def cell_faults(self) -> np.ndarray:
        """`OPEN`, `SHORT`, `STUCK`, or nothing for a whole cell, (N, M)."""

    @property
    @abstractmethod
    def amplifier_faults(self) -> np.ndarray:
        """True for each column with a broken amplifier, (M,)."""

    @abstractmethod
    def wires(self, range_index: int) -> Wires:
        """Give the wires that currents meet in a range, faults and the amplifiers' input included."""

    @abstractmethod
    def noise_a(self, *, aperture_s: float, averages: int = 1, range_index: int = -1) -> float:
        """Return the rms white noise [A] of the mean of `averages` readings, at the present temperature.

        Neither the converter's steps nor the cells' own noise is counted, nor noise of the drivers, nor 1/f.
        The range, counted from 0, is the widest unless told.
        """

    @abstractmethod
    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Round voltages to those that the drivers really give, none beyond `protection_v` in magnitude."""

    @abstractmethod
    def round_aperture(self, aperture_s: float) -> float:
        """Round an integration time to the one that is really used."""

    @abstractmethod
    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """Drive vectors in turn (count × N) and read all columns of each.

        Raises:
            UnsolvedCircuit: no solution of the circuit was found, a device left its range, or a part of a
                wire is connected to nothing; the message names the cell, and the firmware reports -240.
        """

    @abstractmethod
    def true_current(self, voltage_v: Vectors, *, range_index: int) -> Currents:
        """Solve for the currents that flow into the amplifiers on average [A], (B, M), without their errors.

        Raises:
            UnsolvedCircuit: as `measure`.
        """

    def linear_gaussian_reference(
        self,
        target_s: Matrix,
        true_conductance_s: Matrix,
        voltage_v: Vectors,
        range_a: float,
        *,
        aperture_s: float = 1e-3,
        averages: int = 1,
        prior_sigma_v: float = PRIOR_SIGMA_V,
        among: Succession | None = None,
    ) -> float:
        """NMSE of the linear-Gaussian reference on a matrix, whatever it knows of this board.

        Read noise and the converters' steps, those of the drivers too, leave it, referred to the current by
        each channel's gain; and the cells' own noise at their present age. Slow noise (1/f, telegraph) counts
        by what remains unknown of it when all other readings of the run are known, so that whoever learns
        from them does not come below the reference; with its variance of all time where no run is given.

        Args:
            target_s: what the ideal currents refer to [S], (N, M).
            true_conductance_s: what the cells really are [S], (N, M).
            voltage_v: inputs over which to average [V], (B, N); a dozen will do.
            range_a: full scale that the currents were taken in [A].
            aperture_s: integration time [s].
            averages: readings averaged.
            prior_sigma_v: standard deviation of the inputs [V].
            among: readings of the run; None for a reading without any near it.

        Raises:
            RangeError, ShapeError: the board has no such range, or arrays do not fit it.
        """
        sensed = self.sensed(
            true_conductance_s,
            voltage_v,
            range_a,
            aperture_s=aperture_s,
            averages=averages,
            among=among,
        )
        return reference_of_sensed(sensed, target_s, prior_sigma_v=prior_sigma_v).nmse

    @abstractmethod
    def sensed(
        self,
        true_conductance_s: Matrix,
        voltage_v: Vectors,
        range_a: float,
        *,
        aperture_s: float = 1e-3,
        averages: int = 1,
        among: Succession | None = None,
    ) -> Sensed:
        """Give the response of the currents to the inputs, and the noise on them.

        Arguments are those of `linear_gaussian_reference`.
        """

    @abstractmethod
    def cell_sensitivities(
        self, true_conductance_s: Matrix, voltage_v: Vectors, range_a: float
    ) -> np.ndarray:
        """Give the change of the currents per relative change of each cell [A], (B, M, N·M), row by row.

        Arguments are those of `linear_gaussian_reference`.
        """

    @abstractmethod
    def rest(self) -> None:
        """Take the rows to 0 V at once, and leave them there until the next vector."""

    @abstractmethod
    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Prepare to write a target (N × M)."""

    @abstractmethod
    def programming_iteration(self) -> ProgrammingStep:
        """Write every cell that is off target, once or with a train of pulses, and verify it.

        Raises:
            RuntimeError: no run was begun; the firmware always begins one.
        """

    @abstractmethod
    def read_conductance(self) -> array[float]:
        """Measure the nominal conductance of every cell (N × M); NaN in columns with a faulty amplifier."""

    @abstractmethod
    def temperature_c(self) -> float:
        """Read the board's thermometer [°C]."""

    @abstractmethod
    def advance_time(self, duration_s: float) -> None:
        """Let bench time pass: cells age, their slow noise moves on, and random faults occur."""

    @abstractmethod
    def set_temperature(self, temperature_c: float) -> None:
        """Change the board's temperature: conductances, gains and offsets follow."""

    @abstractmethod
    def reseed(self, seed: int) -> None:
        """Restart noise, programming, drift and faults to come from a seed; the board's fixed errors stay."""

    @abstractmethod
    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell, counted from 1: `OPEN`, `SHORT`, or `STUCK` at its present conductance."""

    @abstractmethod
    def fault_amplifier(self, column: int) -> None:
        """Break a column's amplifier, counted from 1: it gives no reading any more."""

    @abstractmethod
    def clear_faults(self) -> None:
        """Heal every fault, those of the settings too."""

    @abstractmethod
    def cell_age(self) -> array[float]:
        """Return the time since each cell was last written (N × M) [s]; 0 for one that never was."""

    @abstractmethod
    def written_conductance(self) -> array[float]:
        """Return the actual conductance of each cell when it was last written (N × M) [S]."""

    @abstractmethod
    def recall(self, written_s: Matrix, age_s: Matrix, temperature_c: float) -> None:
        """Put the board in a state that it had: cells as written, their ages, and the temperature.

        Args:
            written_s: what `written_conductance` told then [S], (N, M).
            age_s: what `cell_age` told then [s], (N, M).
            temperature_c: of the board [°C].
        """

    @abstractmethod
    def take_cells(self, other: Bench, *, written_s: Matrix | None = None) -> None:
        """Take the cells of another board of this size, written at the same bench time; faults stay.

        Args:
            other: board that wrote them.
            written_s: conductances to have been written instead, at the same times [S], (N, M).
        """

    @abstractmethod
    def true_conductance(self) -> array[float]:
        """Return the actual nominal conductances (N × M), at the present temperature; 0 where open."""
