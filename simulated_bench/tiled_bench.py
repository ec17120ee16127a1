"""Simulated board of several tiles: partial currents are converted, then added."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.readout import Status
from crosscal.firmware_models import ProgrammingStep, Reading
from crosscal.simulated_bench.array_bench import ArrayBench
from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.column_reading import UnsolvedCircuit
from crosscal.simulated_bench.devices import CellLaw
from crosscal.simulated_bench.linear_gaussian import Sensed
from crosscal.simulated_bench.packing import pack
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.tile_layout import TileLayout, tile_seed
from crosscal.simulated_bench.variability.remaining_noise import Succession


class TiledBench(Bench):
    """A board of tiles of one size, each an `ArrayBench`.

    Every tile has wires, cells, drivers, amplifiers and random streams of its own. A tile's rows are driven
    by the voltages of the matrix's rows that it holds. The currents that the tiles above each other read are
    added as numbers, after conversion: gains, offsets and rounding come once per tile. A sum is saturated if
    any of its parts is, and is no reading if any amplifier of its column is broken; it is under resolution if
    all its parts are. Rows and columns are counted over the whole board everywhere.

    Args:
        settings: a whole `bench.toml`; `tiles` says how many, `array` how large they are together.
    """

    def __init__(self, settings: BenchSettings) -> None:
        super().__init__(settings)
        self._layout = layout = TileLayout(settings)
        self._shape = layout.shape
        self._tiles = {place: ArrayBench(layout.settings_of(place)) for place in np.ndindex(layout.grid)}
        self._steps: dict[tuple[int, ...], ProgrammingStep] = {}

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Rows and columns of one tile."""
        return self._layout.tile_shape

    @property
    def time_s(self) -> float:
        """See `Bench.time_s`."""
        return self._any.time_s

    @property
    def device(self) -> CellLaw:
        """See `Bench.device`."""
        return self._any.device

    @property
    def common_device(self) -> CellLaw:
        """See `Bench.common_device`."""
        return self._any.common_device

    def arrays(self) -> list[tuple[slice, slice, Bench]]:
        """See `Bench.arrays`: one for each tile."""
        return [(*self._layout.span(place), tile) for place, tile in self._tiles.items()]

    @property
    def cell_faults(self) -> np.ndarray:
        """See `Bench.cell_faults`."""
        faults = np.empty(self._shape, dtype="<U5")
        for rows, columns, tile in self.arrays():
            faults[rows, columns] = tile.cell_faults
        return faults

    @property
    def amplifier_faults(self) -> np.ndarray:
        """See `Bench.amplifier_faults`: true where any amplifier of a column's sum is broken."""
        faulty = np.zeros(self._shape[1], dtype=bool)
        for _, columns, tile in self.arrays():
            faulty[columns] |= tile.amplifier_faults
        return faulty

    def wires(self, range_index: int) -> Wires:
        """See `Bench.wires`: those of one tile."""
        return self._any.wires(range_index)

    def noise_a(self, *, aperture_s: float, averages: int = 1, range_index: int = -1) -> float:
        """See `Bench.noise_a`: that of a sum."""
        of_tile_a = self._any.noise_a(aperture_s=aperture_s, averages=averages, range_index=range_index)
        return of_tile_a * float(np.sqrt(self._layout.grid[0]))

    def round_voltage(self, voltage_v: array[float], protection_v: float) -> array[float]:
        """See `Bench.round_voltage`: the drivers of all tiles have the same steps."""
        return self._any.round_voltage(voltage_v, protection_v)

    def round_aperture(self, aperture_s: float) -> float:
        """See `Bench.round_aperture`."""
        return self._any.round_aperture(aperture_s)

    def measure(
        self, voltage_v: array[float], *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        """See `Bench.measure`: all tiles are read at once."""
        vectors_v = np.asarray(voltage_v).reshape(-1, self._shape[0])
        sums_a = np.zeros((len(vectors_v), self._shape[1]))
        anywhere = np.zeros(sums_a.shape, dtype=np.uint8)
        everywhere = np.full(sums_a.shape, 0xFF, dtype=np.uint8)
        readings = []
        for place, tile in self._tiles.items():
            rows, columns = self._layout.span(place)
            with _naming_tile(place):
                reading = tile.measure(
                    pack(vectors_v[:, rows]),
                    range_index=range_index,
                    aperture_s=aperture_s,
                    averages=averages,
                    dwell_s=dwell_s,
                )
            shape = len(vectors_v), self.tile_shape[1]
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
        """See `Bench.true_current`: sums over the tiles."""
        sums_a = np.zeros((len(voltage_v), self._shape[1]))
        for place, tile in self._tiles.items():
            rows, columns = self._layout.span(place)
            with _naming_tile(place):
                sums_a[:, columns] += tile.true_current(voltage_v[:, rows], range_index=range_index)
        return sums_a

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
        """See `Bench.sensed`: of the sums; of other readings, each tile's part is taken as known."""
        parts = []
        for place, tile in self._tiles.items():
            rows, columns = self._layout.span(place)
            part = tile.sensed(
                true_conductance_s[rows, columns],
                voltage_v[:, rows],
                range_a,
                aperture_s=aperture_s,
                averages=averages,
                among=among if among is None else replace(among, voltage_v=among.voltage_v[:, rows]),
            )
            parts.append((rows, columns, part))
        return Sensed.summed(parts, self._shape)

    def cell_sensitivities(
        self, true_conductance_s: Matrix, voltage_v: Vectors, range_a: float
    ) -> np.ndarray:
        """See `Bench.cell_sensitivities`: each tile's cells move the sums of its own columns."""
        change_a = np.zeros((len(voltage_v), self._shape[1], *self._shape))
        for place, tile in self._tiles.items():
            rows, columns = self._layout.span(place)
            own_s = true_conductance_s[rows, columns]
            own_a = tile.cell_sensitivities(own_s, voltage_v[:, rows], range_a)
            change_a[:, columns, rows, columns] = own_a.reshape(*own_a.shape[:2], *own_s.shape)
        return change_a.reshape(*change_a.shape[:2], -1)

    def rest(self) -> None:
        """See `Bench.rest`."""
        for tile in self._tiles.values():
            tile.rest()

    def begin_programming(self, target_s: array[float], tolerance: float) -> None:
        """See `Bench.begin_programming`."""
        matrix_s = np.array(target_s).reshape(self._shape)
        self._steps = {}
        for place, tile in self._tiles.items():
            tile.begin_programming(pack(matrix_s[self._layout.span(place)]), tolerance)

    def programming_iteration(self) -> ProgrammingStep:
        """See `Bench.programming_iteration`: tiles that are done rest."""
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
        """See `Bench.read_conductance`."""
        return self._layout.joined({place: tile.read_conductance() for place, tile in self._tiles.items()})

    def cell_age(self) -> array[float]:
        """See `Bench.cell_age`."""
        return self._layout.joined({place: tile.cell_age() for place, tile in self._tiles.items()})

    def written_conductance(self) -> array[float]:
        """See `Bench.written_conductance`."""
        return self._layout.joined({place: tile.written_conductance() for place, tile in self._tiles.items()})

    def recall(self, written_s: Matrix, age_s: Matrix, temperature_c: float) -> None:
        """See `Bench.recall`."""
        for place, tile in self._tiles.items():
            span = self._layout.span(place)
            tile.recall(written_s[span], age_s[span], temperature_c)

    def take_cells(self, other: Bench, *, written_s: Matrix | None = None) -> None:
        """See `Bench.take_cells`."""
        for tile, (rows, columns, theirs) in zip(self._tiles.values(), other.arrays(), strict=True):
            tile.take_cells(theirs, written_s=None if written_s is None else written_s[rows, columns])

    def true_conductance(self) -> array[float]:
        """See `Bench.true_conductance`."""
        return self._layout.joined({place: tile.true_conductance() for place, tile in self._tiles.items()})

    def temperature_c(self) -> float:
        """See `Bench.temperature_c`."""
        return self._any.temperature_c()

    def advance_time(self, duration_s: float) -> None:
        """See `Bench.advance_time`."""
        for tile in self._tiles.values():
            tile.advance_time(duration_s)

    def set_temperature(self, temperature_c: float) -> None:
        """See `Bench.set_temperature`."""
        for tile in self._tiles.values():
            tile.set_temperature(temperature_c)

    def reseed(self, seed: int) -> None:
        """See `Bench.reseed`; every tile gets a seed of its own."""
        for place, tile in self._tiles.items():
            tile.reseed(tile_seed(seed, place))

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """See `Bench.fault_cell`; counted over the whole board."""
        (p, r), (q, c) = self._layout.row_of(row - 1), self._layout.column_of(column - 1)
        self._tiles[p, q].fault_cell(r + 1, c + 1, kind)

    def fault_amplifier(self, column: int) -> None:
        """See `Bench.fault_amplifier`: all amplifiers of the column break."""
        q, c = self._layout.column_of(column - 1)
        for p in range(self._layout.grid[0]):
            self._tiles[p, q].fault_amplifier(c + 1)

    def clear_faults(self) -> None:
        """See `Bench.clear_faults`."""
        for tile in self._tiles.values():
            tile.clear_faults()

    @property
    def _any(self) -> ArrayBench:
        """Tile that stands for all in their common properties."""
        return self._tiles[0, 0]


@contextmanager
def _naming_tile(place: tuple[int, ...]) -> Iterator[None]:
    """Name the tile, counted from 1, of a circuit without solution: its message counts cells in that tile."""
    try:
        yield
    except UnsolvedCircuit as error:
        raise UnsolvedCircuit(f"tile {place[0] + 1},{place[1] + 1}: {error}") from error
