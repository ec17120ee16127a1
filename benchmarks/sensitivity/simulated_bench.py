"""Measurements of the simulated bench over the values of a constant.

Incremental step pulses: cells that they leave off target, and iterations, on 12×16 memristors. Newton's
method: CPU time and largest error on a 32×32 array. Transients: largest error. Slices of a sequence: CPU
time, and the longest wait of another client. Headroom of automatic ranging: saturated acquisitions where
readings are noisy. Steps of a converter: error of a mean of readings with noise of a part of a step.
"""

from __future__ import annotations

import time
from array import array
from functools import cache

import numpy as np
from sensitivity.table import Varied

from crosscal.firmware_models.acquisition import Acquisition
from crosscal.simulated_bench import Bench, Sinh, Solution, Wires, solve_dc, solve_transient
from crosscal.simulated_bench.front_end.converter_steps import mean_deviation_a

PULSES = "simulated_bench.programming.incremental_step_pulse"
NEWTON = "simulated_bench.circuit.direct_current.newton"
COMPANION = "simulated_bench.circuit.transient.companion"
STEPS = "simulated_bench.front_end.converter_steps"
ACQUISITION = "firmware_models.acquisition"

EPSILON = np.finfo(np.float64).eps


def varied() -> list[Varied]:
    """Constants with their experiments."""
    return [
        Varied(f"{PULSES}.AIM", (0.35, 0.5, 0.7, 0.85, 1.0), pulses),
        Varied(f"{PULSES}.CLIMB_MOST", (2, 4, 8, 16), pulses),
        Varied(f"{PULSES}.STEPS_PER_DOUBLING", (1.0, 2.0, 3.0, 5.0, 8.0), pulses),
        Varied(f"{PULSES}.IDLE_MOST", (2, 5, 10), pulses),
        Varied(f"{PULSES}.IDLE_PART", (0.01, 0.05, 0.2), pulses),
        Varied(f"{PULSES}.FAINTEST", (0.01, 0.1, 0.3), pulses),
        Varied(f"{NEWTON}.FORCING", (0.01, 0.03, 0.1, 0.3), newton_steps, reference),
        Varied(f"{NEWTON}.START_FORCING", (0.005, 0.02, 0.05, 0.2, 0.5), newton_steps, reference),
        Varied(f"{NEWTON}.DECREASE", (1e-6, 1e-4, 1e-2), newton_steps, reference),
        Varied(f"{COMPANION}.ROUNDING", tuple(n * EPSILON for n in (0, 4, 16, 64, 256)), transient, settled),
        Varied(f"{COMPANION}.FORCING", (1e-6, 1e-4, 1e-2), transient, settled),
        Varied(f"{STEPS}._TERMS", tuple(np.arange(1, n) for n in (10, 50, 200, 1000)), converter_steps),
        Varied(f"{ACQUISITION}.SLICE_VECTORS", (4, 16, 64, 256, 1024), slices, slices),
        Varied(f"{ACQUISITION}._HEADROOM", (1.0, 1.02, 1.05, 1.1, 1.2, 1.5), headroom),
    ]


def pulses() -> str:
    """Program with amplitudes that follow the readings."""
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


def newton_steps() -> str:
    """Solve an array again and again."""
    taken_s, found = [], solved()
    for _ in range(20):
        began_s = time.process_time()
        found = solved()
        taken_s.append(time.process_time() - began_s)
    off = np.abs(found.current_a / reference().current_a - 1).max()
    return f"{1e3 * min(taken_s):.2f} ms, off by {off:.1g} at most"


def solved() -> Solution:
    """Solve sixteen vectors on 32×32 bent cells."""
    rng = np.random.default_rng(1)
    conductance_s, voltage_v = rng.uniform(16.6e-6, 100e-6, (32, 32)), rng.uniform(0, 0.6, (16, 32))
    wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
    return solve_dc(conductance_s, voltage_v, wires=wires, device=Sinh())


reference = cache(solved)
"""The solution with the constants as they are."""


def transient() -> str:
    """Solve a transient of 12×10 bent cells with 10 fF each."""
    off_a = np.abs(stepped().current_a - settled().current_a).max()
    return f"off by {off_a / settled().current_a.max():.1g} of the largest current at most"


def stepped() -> Solution:
    """Solve for the currents while inputs rise in 0.1 ns, and after."""
    rng = np.random.default_rng(4)
    conductance_s, voltage_v = rng.uniform(16.6e-6, 100e-6, (12, 10)), rng.uniform(0.1, 0.5, 12)
    return solve_transient(
        conductance_s,
        lambda time_s: voltage_v * min(time_s / 1e-10, 1.0),
        np.linspace(0.0, 5e-9, 40),
        wires=Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0),
        device=Sinh(),
        capacitance_f=1e-14,
    )


settled = cache(stepped)
"""The same with the constants as they are."""


def slices() -> str:
    """Read a long sequence in slices, between which other clients are looked at."""
    bench = Bench.from_profile("lab-12x16")
    vectors_v = array("d", np.random.default_rng(2).uniform(0, 0.5, 1024 * 12))
    run = Acquisition(
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


def headroom() -> str:
    """Read noisy currents with automatic ranging."""
    bench = Bench.from_profile("lab-12x16", noise={"read_relative": 0.03})
    rng, saturated, steps = np.random.default_rng(3), 0, 0
    for _ in range(200):
        run = Acquisition(
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


def converter_steps() -> str:
    """State the error of a mean of 100 readings, in steps of the converter, over the noise in steps."""
    errors = (mean_deviation_a(1.0, noise, 100) for noise in (0.0, 0.01, 0.05, 0.1, 0.3))
    return ", ".join(f"{error:.5f}" for error in errors)
