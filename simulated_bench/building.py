"""Construction of the board that settings describe."""

from __future__ import annotations

from crosscal.simulated_bench.array_bench import ArrayBench
from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.tiled_bench import TiledBench


def build_bench(settings: BenchSettings) -> Bench:
    """Build a board of one array, or of several tiles.

    Raises:
        SettingsError: a device class that cannot be used.
    """
    return ArrayBench(settings) if settings.tiles.count == 1 else TiledBench(settings)
