"""A simulated board with its firmware running and its kernels compiled."""

from __future__ import annotations

import time
from collections.abc import Callable

from crosscal.firmware_models.serving import PoweredBoard as PoweredHardware
from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.instrument.warm_up import warm_up


class PoweredBoard(PoweredHardware[Bench]):
    """One bench and its instrument, shared by any number of links.

    Args:
        bench: the analogue side.
        clock: monotonic time [s] that the firmware runs on; clients wait by the wall clock.
    """

    def __init__(self, bench: Bench, *, clock: Callable[[], float] = time.monotonic) -> None:
        warm_up(bench.settings)
        super().__init__(bench, clock=clock)

    @property
    def bench(self) -> Bench:
        """The analogue side; hold `lock` to touch it while links are open."""
        return self.hardware
