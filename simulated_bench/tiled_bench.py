"""A board whose matrix is spread over several arrays: partial currents are converted, then added."""

from __future__ import annotations

from array import array

import msgspec
import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.readout import Status
from crosscal.firmware_models import BoardFacts, ProgrammingStep, Reading
from crosscal.simulated_bench.bench import Bench, pack
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices import CellLaw
from crosscal.simulated_bench.floor import Sensed, floor_of_sensed
from crosscal.simulated_bench.settings.bench_settings import BenchSettings, TileSettings
from crosscal.simulated_bench.settings.board_facts import board_facts


class TiledBench(Bench):
    """Tiles of one size, each a `Bench` with wires, cells, drivers, amplifiers and random streams of its own.

    A tile's rows are driven by the voltages of the matrix's rows that it holds. The currents that the tiles
    above each other read are added as numbers, after conversion: gains, offsets and rounding come once per
    tile. A sum is saturated where any of its parts is, and is no reading where any amplifier of its column is
    broken; it is under resolution where all its parts are. Rows and columns are counted over the whole board
    everywhere.

    Args:
        settings: a whole `bench.toml`; `tiles` says how many, `array` how large they are together.
    """

    def __init__(self, settings: BenchSettings) -> None:
        self.settings = settings
        self._facts = board_facts(settings)
        self._grid = settings.tiles.rows, settings.tiles.columns
        self._shape = settings.array.rows, settings.array.columns
        self._tile = self._shape[0] // self._grid[0], self._shape[1] // self._grid[1]
        self._tiles = {place: Bench(self._settings_of(place)) for place in np.ndindex(self._grid)}
        self._steps: dict[tuple[int, ...], ProgrammingStep] = {}

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Rows and columns of one tile."""
        return self._tile

    @property
    def time_s(self) -> float:
        """Bench time since power-on [s]."""
        return self._any.time_s

    @property
    def device(self) -> CellLaw:
        """Current–voltage law of the cells."""
        return self._any.device

    @property
    def facts(self) -> BoardFacts:
        """What never changes while the board is powered; ranges are those of one tile's amplifiers."""
        return self._facts

    def arrays(self) -> list[tuple[slice, slice, Bench]]:
        """Every tile: which rows and columns of the matrix it holds, and its own bench."""
        return [(*self._span(place), tile) for place, tile in self._tiles.items()]

    @property
    def cell_faults(self) -> np.ndarray:
        """`OPEN`, `SHORT`, `STUCK`, or nothing for a whole cell, (N, M)."""
        faults = np.empty(self._shape, dtype="<U5")
        for rows, columns, tile in self.arrays():
            faults[rows, columns] = tile.cell_faults
        return faults

    @property
    def amplifier_faults(self) -> np.ndarray:
        """Whether any of the amplifiers that a column's sum is made of is broken, (M,)."""
        faulty = np.zeros(self._shape[1], dtype=bool)
        for _, columns, tile in self.arrays():
            faulty[columns] |= tile.amplifier_faults
        return faulty

    def wires(self, range_index: int) -> Wires:
        """Give the resistances inside every tile."""
        return self._any.wires(range_index)

    def noise_a(self, *, aperture_s: float, averages: int = 1) -> float:
        """Rms read noise of a sum [A], the converters' steps not counted."""
        return self._any.noise_a(aperture_s=aperture_s, averages=averages) * float(np.sqrt(self._grid[0]))

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """Voltages that the drivers will really give; those of all tiles have the same steps."""
        return self._any.round_voltage(voltage_v, protection_v)

    def round_aperture(self, aperture_s: float) -> float:
        """Integration time that will really be used."""
        return self._any.round_aperture(aperture_s)

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """Drive vectors in turn (count × N) and read all tiles of each at once.

        Raises:
            ArithmeticError: no solution of a tile's circuit was found.
        """
        vectors_v = np.asarray(voltage_v).reshape(-1, self._shape[0])
        sums_a = np.zeros((len(vectors_v), self._shape[1]))
        anywhere = np.zeros(sums_a.shape, dtype=np.uint8)
        everywhere = np.full(sums_a.shape, 0xFF, dtype=np.uint8)
        readings = []
        for place, tile in self._tiles.items():
            rows, columns = self._span(place)
            reading = tile.measure(
                pack(vectors_v[:, rows]),
                range_index=range_index,
                aperture_s=aperture_s,
                averages=averages,
                dwell_s=dwell_s,
            )
            shape = len(vectors_v), self._tile[1]
            status = np.frombuffer(reading.status, dtype=np.uint8).reshape(shape)
            sums_a[:, columns] += np.asarray(reading.current_a).reshape(shape)
            anywhere[:, columns] |= status
            everywhere[:, columns] &= status
            readings.append(reading)
        weak = np.uint8(Status.UNDER_RESOLUTION)
        return Reading(
            current_a=pack(sums_a),
            status=((anywhere & ~weak) | (everywhere & weak)).tobytes(),
            compliance=any(reading.compliance for reading in readings),
            over_temperature=any(reading.over_temperature for reading in readings),
            hardware_error=any(reading.hardware_error for reading in readings),
        )

    def true_current(self, voltage_v: Vectors, *, range_index: int) -> Currents:
        """Sums of the currents that flow into the amplifiers [A], (B, M), before any error of theirs."""
        sums_a = np.zeros((len(voltage_v), self._shape[1]))
        for place, tile in self._tiles.items():
            rows, columns = self._span(place)
            sums_a[:, columns] += tile.true_current(voltage_v[:, rows], range_index=range_index)
        return sums_a

    def noise_floor(
        self,
        target_s: Matrix,
        true_conductance_s: Matrix,
        voltage_v: Vectors,
        range_a: float,
        *,
        aperture_s: float = 1e-3,
        averages: int = 1,
    ) -> float:
        """NMSE that no calibrator of the sums can beat; otherwise as `Bench.noise_floor`."""
        parts = []
        for place, tile in self._tiles.items():
            rows, columns = self._span(place)
            part = tile.sensed(
                true_conductance_s[rows, columns],
                voltage_v[:, rows],
                range_a,
                aperture_s=aperture_s,
                averages=averages,
            )
            parts.append((rows, columns, part))
        return floor_of_sensed(Sensed.summed(parts, self._shape), target_s).nmse

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """Prepare to write a target (N × M)."""
        matrix_s = np.array(target_s).reshape(self._shape)
        self._steps = {}
        for place, tile in self._tiles.items():
            tile.begin_programming(pack(matrix_s[self._span(place)]), tolerance)

    def programming_iteration(self) -> ProgrammingStep:
        """Write, in every tile that is not done, the cells that are off target once, and verify them.

        Raises:
            RuntimeError: no run was begun.
        """
        for place, tile in self._tiles.items():
            if place not in self._steps or not self._steps[place].finished:
                self._steps[place] = tile.programming_iteration()
        steps = list(self._steps.values())
        squares = [step.rms_relative_error**2 for step in steps]
        return ProgrammingStep(
            finished=all(step.finished for step in steps),
            cells_failed=sum(step.cells_failed for step in steps),
            rms_relative_error=float(np.sqrt(np.mean(squares))),
            cell_stuck=any(step.cell_stuck for step in steps),
        )

    def read_conductance(self) -> array[float]:
        """Measured nominal conductance of every cell (N × M)."""
        return self._joined({place: tile.read_conductance() for place, tile in self._tiles.items()})

    def true_conductance(self) -> array[float]:
        """The actual nominal conductances (N × M), at the present temperature."""
        return self._joined({place: tile.true_conductance() for place, tile in self._tiles.items()})

    def temperature_c(self) -> float:
        """The board's thermometer."""
        return self._any.temperature_c()

    def advance_time(self, duration_s: float) -> None:
        """Let bench time pass in all tiles."""
        for tile in self._tiles.values():
            tile.advance_time(duration_s)

    def set_temperature(self, temperature_c: float) -> None:
        """Change the temperature of all tiles."""
        for tile in self._tiles.values():
            tile.set_temperature(temperature_c)

    def reseed(self, seed: int) -> None:
        """Restart all randomness from one seed, differently in every tile; fixed errors stay."""
        for place, tile in self._tiles.items():
            tile.reseed(tile_seed(seed, place))

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell, counted from 1 over the whole board."""
        (p, r), (q, c) = divmod(row - 1, self._tile[0]), divmod(column - 1, self._tile[1])
        self._tiles[p, q].fault_cell(r + 1, c + 1, kind)

    def fault_amplifier(self, column: int) -> None:
        """Break a column's amplifiers, counted from 1: those of all its tiles."""
        q, c = divmod(column - 1, self._tile[1])
        for p in range(self._grid[0]):
            self._tiles[p, q].fault_amplifier(c + 1)

    def clear_faults(self) -> None:
        """Heal every fault of all tiles."""
        for tile in self._tiles.values():
            tile.clear_faults()

    @property
    def _any(self) -> Bench:
        """A tile that stands for all in what they share."""
        return self._tiles[0, 0]

    def _span(self, place: tuple[int, ...]) -> tuple[slice, slice]:
        rows, columns = (slice(k * size, (k + 1) * size) for k, size in zip(place, self._tile, strict=True))
        return rows, columns

    def _joined(self, parts: dict[tuple[int, ...], array[float]]) -> array[float]:
        whole = np.empty(self._shape)
        for place, part in parts.items():
            whole[self._span(place)] = np.asarray(part).reshape(self._tile)
        return pack(whole)

    def _settings_of(self, place: tuple[int, ...]) -> BenchSettings:
        """Settings of one tile: its size, seeds of its own, and the faults that lie in it."""
        settings, replace = self.settings, msgspec.structs.replace
        rows, columns = self._span(place)
        return replace(
            settings,
            tiles=TileSettings(),
            seed=tile_seed(settings.seed, place),
            array=replace(settings.array, rows=self._tile[0], columns=self._tile[1]),
            board=replace(settings.board, seed=tile_seed(settings.board.seed, place)),
            device=settings.device.of_rows(rows),
            faults=settings.faults.inside(rows, columns),
        )


def tile_seed(seed: int, place: tuple[int, ...]) -> int:
    """Derive a tile's seed from the board's, so that tiles differ and do not depend on how many there are."""
    state = np.random.SeedSequence([seed, *place]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
