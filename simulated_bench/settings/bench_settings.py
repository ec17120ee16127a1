"""Tables of a `bench.toml`: one struct each, every key with its limits and its SI unit."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from crosscal.simulated_bench.settings.cells import HeatingSettings, TailSettings
from crosscal.simulated_bench.settings.devices import DeviceSettings, SinhSettings
from crosscal.simulated_bench.settings.drivers import DriverSettings
from crosscal.simulated_bench.settings.faults import FaultSettings
from crosscal.simulated_bench.settings.front_end import FrontEndSettings
from crosscal.simulated_bench.settings.programming import ProgrammingSettings
from crosscal.simulated_bench.settings.table import (
    Celsius,
    Fraction,
    Lines,
    NonNegative,
    Number,
    Positive,
    Seed,
    Table,
)
from crosscal.simulated_bench.variability.drift import DriftSettings, FilamentDrift, NoDrift
from crosscal.simulated_bench.variability.programming_error import (
    NoProgrammingError,
    ProgrammingErrorSettings,
    Wan2022OneDay,
)
from crosscal.simulated_bench.variability.read_noise import (
    FlickerSettings,
    NoFlicker,
    NoTelegraph,
    TelegraphSettings,
)

GROUPS = frozenset({"PROG", "READBACK", "SEQ", "TEMP", "SIM", "AGE", "LOCK", "TILE"})
"""Optional command groups of the board's interface."""


class BoardSettings(Table, frozen=True, kw_only=True):
    """`[board]`: who it says it is, and the seed that its fixed errors are drawn from.

    `seed` belongs to the specimen: gain errors and randomly stuck cells are drawn from it, and neither the
    top-level `seed` nor `SIMulation:SEED` touches them.
    """

    manufacturer: str = "crosscal"
    model: str = "CB1"
    serial: str = "SIM0001"
    firmware: str = "1.0"
    seed: Seed = 1
    capabilities: tuple[str, ...] = ("PROG", "READBACK", "SEQ", "TEMP", "SIM", "AGE", "LOCK")

    def __post_init__(self) -> None:
        for key in ("manufacturer", "model", "serial", "firmware"):
            value = getattr(self, key)
            if not (value.isascii() and value.isprintable() and value) or set(value) & set(",;"):
                allowed = "printable ASCII without comma and semicolon, as *IDN? needs"
                raise ValueError(f"{key}: got {value!r}; allowed: {allowed}")
        unknown = sorted(set(self.capabilities) - GROUPS)
        if unknown:
            raise ValueError(f"capabilities: got {', '.join(unknown)}; allowed: {', '.join(sorted(GROUPS))}")


class ArraySettings(Table, frozen=True, kw_only=True):
    """`[array]`: N rows (inputs), M columns (outputs), and the limits of a cell's conductance.

    With `conductance_min_s = 0` cells may be left out: one with a target of 0 S is taken for never formed.
    """

    rows: Lines
    columns: Lines
    conductance_min_s: NonNegative = 16.6e-6
    conductance_max_s: Positive = 100e-6
    inputs_v: tuple[Number, Number] | None = None

    def __post_init__(self) -> None:
        if self.inputs_v is not None and not self.inputs_v[0] < self.inputs_v[1]:
            raise ValueError(f"inputs_v: got {list(self.inputs_v)} V; allowed: two voltages, the lower first")
        if self.conductance_min_s >= self.conductance_max_s:
            raise ValueError(
                f"conductance_min_s: got {self.conductance_min_s:g} S; allowed: below conductance_max_s "
                f"({self.conductance_max_s:g} S)"
            )


class TileSettings(Table, frozen=True, kw_only=True):
    """`[tiles]`: how many arrays the matrix of `[array]` is spread over, above and beside each other.

    Every tile has wires, variation, noise and a front end of its own. Partial currents of the tiles above
    each other are converted, then added. Faults and `SIMulation` commands count over the whole board.
    """

    rows: Lines = 1
    columns: Lines = 1

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return self.rows * self.columns


class WireSettings(Table, frozen=True, kw_only=True):
    """`[wires]`: resistance of each wire segment, of each driver, and of each sense resistor.

    And `capacitance_f` from every wire node to ground, `inductance_h` in series with every segment: with
    both 0 the array settles at once. The segments' resistance changes by `temperature_coefficient_per_c`
    (copper: 3.9e-3) away from 25 °C.
    """

    row_ohm: NonNegative = 2.0
    column_ohm: NonNegative = 2.0
    source_ohm: NonNegative = 50.0
    sense_ohm: NonNegative = 10.0
    capacitance_f: NonNegative = 0.0
    inductance_h: NonNegative = 0.0
    temperature_coefficient_per_c: Annotated[float, Meta(ge=-0.01, le=0.01)] = 0.0


class NoiseSettings(Table, frozen=True, kw_only=True):
    """`[noise]`: white read noise of the array, rms of one reading of one column over `aperture_s`.

    It averages down with the square root of aperture and count. `read_relative` is in parts of
    `full_scale_a`, whatever range the amplifiers are in; without one, of N · conductance_max_s · 0.5 V, the
    current of a column of fully conducting ohmic cells without wires. `read_a` adds to it as independent
    noise does. Both grow with the square root of the absolute temperature from 25 °C on. The amplifiers' own
    noise is the front end's. `cell_relative` is white noise of every single cell, in parts of its conductance
    (about 0.01 for RRAM).
    """

    read_relative: Fraction = 0.0
    read_a: NonNegative = 0.0
    cell_relative: Fraction = 0.0
    full_scale_a: Positive | UnsetType = UNSET
    aperture_s: Positive = 1e-3


class VisaSettings(Table, frozen=True, kw_only=True):
    """`[visa]`: the names under which `@crosscal` shows the board; `{serial}` stands for its own."""

    resources: tuple[str, ...] = (
        "TCPIP0::localhost::inst0::INSTR",
        "TCPIP0::localhost::5025::SOCKET",
        "USB0::0x1209::0x0001::{serial}::0::INSTR",
        "GPIB0::9::INSTR",
        "ASRL1::INSTR",
    )


class BenchSettings(Table, frozen=True, kw_only=True):
    """A whole `bench.toml`, its profiles already resolved."""

    seed: Seed = 1
    temperature_c: Celsius = 25.0
    array: ArraySettings
    front_end: FrontEndSettings
    tiles: TileSettings = field(default_factory=TileSettings)
    board: BoardSettings = field(default_factory=BoardSettings)
    wires: WireSettings = field(default_factory=WireSettings)
    drivers: DriverSettings = field(default_factory=DriverSettings)
    device: DeviceSettings = field(default_factory=SinhSettings)
    programming: ProgrammingSettings = field(default_factory=ProgrammingSettings)
    programming_error: ProgrammingErrorSettings = field(default_factory=NoProgrammingError)
    tails: TailSettings = field(default_factory=TailSettings)
    drift: DriftSettings = field(default_factory=NoDrift)
    flicker: FlickerSettings = field(default_factory=NoFlicker)
    telegraph: TelegraphSettings = field(default_factory=NoTelegraph)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    heating: HeatingSettings = field(default_factory=HeatingSettings)
    faults: FaultSettings = field(default_factory=FaultSettings)
    visa: VisaSettings = field(default_factory=VisaSettings)

    def __post_init__(self) -> None:
        for lines in ("rows", "columns"):
            whole, tiles = getattr(self.array, lines), getattr(self.tiles, lines)
            if whole % tiles:
                raise ValueError(
                    f"tiles.{lines}: got {tiles}; allowed: a number that divides array.{lines} ({whole})"
                )
        tile = self.array.rows // self.tiles.rows, self.array.columns // self.tiles.columns
        self.faults.require_within(self.array.rows, self.array.columns, tile)
        if self.faults.of_lines and (self.wires.capacitance_f or self.wires.inductance_h):
            raise ValueError(
                "faults.line…: got faulty wires that have capacitance_f or inductance_h; allowed: one or the "
                "other, for faulty wires settle at once"
            )
        if self.heating.resistance_k_per_w and (self.wires.capacitance_f or self.wires.inductance_h):
            raise ValueError(
                "heating.resistance_k_per_w: got warm cells on wires with capacitance_f or inductance_h; "
                "allowed: one or the other, for warmth is that of settled currents"
            )
        access = self.device.access
        if access is not None and isinstance(access.gate_v, tuple) and len(access.gate_v) != self.array.rows:
            raise ValueError(
                f"device.access.gate_v: got {len(access.gate_v)} values; allowed: 1, or one per row, "
                f"{self.array.rows}"
            )
        self._require_laws_for_the_range()

    def _require_laws_for_the_range(self) -> None:
        """Refuse published laws for conductances that they were never measured at."""
        for table in ("programming_error", "drift", "flicker"):
            full_scale_s = getattr(getattr(self, table), "full_scale_s", None)
            if full_scale_s is not None and full_scale_s < self.array.conductance_max_s:
                raise ValueError(
                    f"{table}.full_scale_s: got {full_scale_s:g} S; allowed: at least "
                    f"array.conductance_max_s ({self.array.conductance_max_s:g} S); lower that, or stretch "
                    f"the law by a larger "
                    f"{table}.full_scale_s"
                )
        if isinstance(self.programming_error, Wan2022OneDay) and isinstance(self.drift, FilamentDrift):
            raise ValueError(
                "programming_error.law: got 'wan-2022-1day' with drift.law 'filamentary', which counts that "
                "day twice; allowed: 'wan-2022-1s' with it"
            )

    @property
    def noise_full_scale_a(self) -> float:
        """The current that `noise.read_relative` is in parts of [A]."""
        stated = self.noise.full_scale_a
        if not isinstance(stated, UnsetType):
            return stated
        return self.array.rows * self.array.conductance_max_s * 0.5
