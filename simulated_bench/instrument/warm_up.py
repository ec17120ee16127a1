"""One programming iteration and one reading before anyone waits for them.

On a new machine the first ones compile the circuit's kernels, which takes up to a minute; a client would take
the board for dead. So a board warms up while it is switched on, on a twin that is thrown away.
"""

from __future__ import annotations

import logging
from array import array
from functools import lru_cache

import msgspec

from crosscal.firmware_models import HardwareFailure
from crosscal.simulated_bench.building import build_bench
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.settings.bench_toml import settings_text

logger = logging.getLogger(__name__)

READ_V = 0.1  # any voltage compiles the same kernels


def warm_up(settings: BenchSettings) -> None:
    """Program and read a board of these settings; once in a process, whatever the seed."""
    _warm_up(settings_text(msgspec.structs.replace(settings, seed=0)))


@lru_cache(maxsize=256)
def _warm_up(document: str) -> None:
    settings = msgspec.toml.decode(document, type=BenchSettings)
    bench = build_bench(settings)
    facts = bench.facts
    logger.debug("warming up a board of %d×%d", facts.rows, facts.columns)
    middle_s = (facts.conductance_min_s + facts.conductance_max_s) / 2
    try:
        bench.begin_programming(array("d", [middle_s] * facts.rows * facts.columns), tolerance=0.5)
        bench.programming_iteration()
        bench.measure(
            array("d", [READ_V] * facts.rows),
            range_index=len(facts.ranges_a) - 1,
            aperture_s=facts.aperture_min_s,
            averages=1,
            dwell_s=facts.adc_settling_s,
        )
    except HardwareFailure as error:
        # The board itself will say so, to whoever reads it.
        logger.debug("warm-up: %s", error)
