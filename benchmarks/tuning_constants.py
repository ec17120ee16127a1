"""Sensitivity of the simulated bench to its tuning constants: each is varied alone, all else as it is.

    python benchmarks/tuning_constants.py pulses newton slices headroom

`pulses`: cells that incremental step pulses leave off target, and iterations, on 12×16 memristors.
`newton`: CPU time and Newton's largest error on a 32×32 array. `slices`: CPU time of a sequence, and the
longest wait of another client, by the vectors read in a slice. `headroom`: saturated acquisitions after
automatic ranging.
"""

from __future__ import annotations

import argparse
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from crosscal.firmware_models import acquisition
from crosscal.simulated_bench import Bench, Sinh, Wires, solve_dc
from crosscal.simulated_bench.circuit.direct_current import newton
from crosscal.simulated_bench.programming import incremental_step_pulse


@contextmanager
def constant(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    """Give a constant of a module another value for a block."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def vary(module: ModuleType, name: str, values: tuple[Any, ...], measure: Callable[[], str]) -> None:
    """Print a measurement for each value of a constant."""
    for value in values:
        with constant(module, name, value):
            print(f"{name} = {value:g}: {measure()}")


def pulses() -> None:
    """Vary the rules by which amplitudes follow the readings."""

    def measure() -> str:
        failed, iterations = [], []
        for seed in range(4):
            bench = Bench.from_profile(
                "lab-12x16",
                seed=seed,
                array={"conductance_min_s": 16.6e-6, "conductance_max_s": 36e-6},
                device={"law": "memristor"},
                programming={"write_noise": 0.003},
            )
            target_s = np.random.default_rng(seed).uniform(17e-6, 36e-6, 12 * 16)
            bench.begin_programming(array("d", target_s), 0.01)
            step, count = bench.programming_iteration(), 1
            while not step.finished and count < 60:
                step, count = bench.programming_iteration(), count + 1
            failed.append(step.cells_failed)
            iterations.append(count)
        return f"{np.mean(failed):.1f} of 192 cells failed, {np.mean(iterations):.1f} iterations"

    rules = incremental_step_pulse
    vary(rules, "AIM", (0.35, 0.5, 0.7, 0.85, 1.0), measure)
    vary(rules, "CLIMB_MOST", (2, 4, 8, 16), measure)
    vary(rules, "STEPS_PER_DOUBLING", (1.0, 2.0, 3.0, 5.0, 8.0), measure)
    vary(rules, "IDLE_MOST", (2, 5, 10), measure)
    vary(rules, "IDLE_PART", (0.01, 0.05, 0.2), measure)
    vary(rules, "FAINTEST", (0.01, 0.1, 0.3), measure)


def newton_steps() -> None:
    """Vary how far the linear systems of a step are solved, and the progress asked of one."""
    rng = np.random.default_rng(1)
    conductance_s, voltage_v = rng.uniform(16.6e-6, 100e-6, (32, 32)), rng.uniform(0, 0.6, (16, 32))
    wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
    reference_a = solve_dc(conductance_s, voltage_v, wires=wires, device=Sinh()).current_a

    def measure() -> str:
        taken_s: list[float] = []
        for _ in range(20):
            began_s = time.process_time()
            found = solve_dc(conductance_s, voltage_v, wires=wires, device=Sinh())
            taken_s.append(time.process_time() - began_s)
        off = np.abs(found.current_a / reference_a - 1).max()
        return f"{1e3 * min(taken_s):.2f} ms, off by {off:.1g} at most"

    vary(newton, "FORCING", (0.01, 0.03, 0.1, 0.3), measure)
    vary(newton, "START_FORCING", (0.005, 0.02, 0.05, 0.2, 0.5), measure)
    vary(newton, "DECREASE", (1e-6, 1e-4, 1e-2), measure)


def slices() -> None:
    """Vary the vectors that are read between two looks at other clients."""
    bench = Bench.from_profile("lab-12x16")
    vectors_v = array("d", np.random.default_rng(2).uniform(0, 0.5, 1024 * 12))

    def measure() -> str:
        run = acquisition.Acquisition(
            hardware=bench,
            voltage_v=vectors_v,
            range_index=len(bench.facts.ranges_a) - 1,
            auto_range=False,
            aperture_s=1e-3,
            averages=1,
            dwell_s=1e-3,
        )
        began_s, longest_s, more = time.process_time(), 0.0, True
        while more:
            slice_s = time.process_time()
            more = run.step()
            longest_s = max(longest_s, time.process_time() - slice_s)
        total_s = time.process_time() - began_s
        return f"{1e3 * total_s:.1f} ms for 1,024 vectors, {1e3 * longest_s:.2f} ms the longest slice"

    measure()
    vary(acquisition, "SLICE_VECTORS", (4, 16, 64, 256, 1024), measure)


def headroom() -> None:
    """Vary the room that automatic ranging leaves above the largest current, where readings are noisy."""

    def measure() -> str:
        bench = Bench.from_profile("lab-12x16", noise={"read_relative": 0.03})
        rng, saturated, steps = np.random.default_rng(3), 0, 0
        for _ in range(200):
            run = acquisition.Acquisition(
                hardware=bench,
                voltage_v=array("d", rng.uniform(0, 1) * rng.uniform(0, 0.6, 12)),
                range_index=len(bench.facts.ranges_a) - 1,
                auto_range=True,
                aperture_s=1e-3,
                averages=1,
                dwell_s=1e-3,
            )
            while run.step():
                steps += 1
            saturated += run.saturated
        return f"{saturated} of 200 acquisitions saturated, {steps / 200:.2f} further tries each"

    vary(acquisition, "_HEADROOM", (1.0, 1.02, 1.05, 1.1, 1.2, 1.5), measure)


PARTS = {"pulses": pulses, "newton": newton_steps, "slices": slices, "headroom": headroom}


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=list(PARTS))
    for part in parser.parse_args().parts:
        PARTS[part]()


if __name__ == "__main__":
    main()
