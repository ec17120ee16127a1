"""Time the circuit solver beside its peers, in one run, and print medians.

    python benchmarks/circuit.py

Methods take turns, round after round, so that a busy machine slows all of them alike; compare within a table.
Peers: badcrossbar (ohmic arrays only, no driver or amplifier resistance), Newton's method on sparse LU
(SciPy), and plain line Gauss–Seidel–Newton started cold, compiled and on all processors as ours is. A peer
that is not installed is a row that says how to get it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from circuit_peers import SparseNewton, line_relaxation

from crosscal.simulated_bench import (
    Ohmic,
    Sinh,
    Wires,
    solve_ac,
    solve_currents,
    solve_dc,
    solve_transient,
    transfer_matrix,
)

SEGMENT_OHM, SOURCE_OHM, SENSE_OHM = 2.0, 50.0, 10.0
Method = tuple[int, Callable[[], Any]]
"""Units of work that a call does, and the call."""

BADCROSSBAR = (
    "not here: pip install 'crosscal[benchmark]', which compiles pycairo; on Debian first "
    "apt install libcairo2-dev pkg-config python3-dev"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each method is timed (default 5)")
    parser.add_argument(
        "--vectors", type=int, default=1000, help="batch of the 64×64 sinh array (default 1000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of conductances and drives (default 1)")
    parser.add_argument("--skip-large", action="store_true", help="leave out 256×256 and 512×512")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print(f"{os.cpu_count()} processors, medians of {options.rounds} rounds, G 16.6–100 µS, v 0.1–0.5 V")
    sinh(rng, 64, options.vectors, options.rounds)
    sinh(rng, 128, max(2, options.vectors // 5), options.rounds)
    ohmic(rng, 64, 100, options.rounds)
    transient(rng, 64, 200, options.rounds)
    alternating(rng, 64, options.rounds)
    if not options.skip_large:
        large(rng, min(options.rounds, 3))


def sinh(rng: np.random.Generator, size: int, vectors: int, rounds: int) -> None:
    """One matrix, many vectors, nonlinear cells; milliseconds per vector."""
    conductance_s, drive_v = draw(rng, size, vectors)
    some_v, few_v = drive_v[: max(1, vectors // 10)], drive_v[: max(1, 128 // size)]
    ohms = SEGMENT_OHM, SEGMENT_OHM, SOURCE_OHM, SENSE_OHM
    wires = Wires(row_ohm=SEGMENT_OHM, column_ohm=SEGMENT_OHM, source_ohm=SOURCE_OHM, sense_ohm=SENSE_OHM)
    peer = SparseNewton(conductance_s, ohms)
    currents = partial(solve_currents, conductance_s, wires=wires, device=Sinh())
    whole = partial(solve_dc, conductance_s, some_v, wires=wires, device=Sinh())
    methods: dict[str, Method] = {
        "crosscal solve_currents": (vectors, lambda: currents(drive_v)),
        "crosscal solve_dc, with node voltages": (len(some_v), lambda: whole().current_a),
        "crosscal, one vector alone": (1, lambda: currents(drive_v[:1])),
        "line Gauss–Seidel–Newton, cold": (len(some_v), lambda: line_relaxation(conductance_s, some_v, ohms)),
        "sparse-LU Newton": (len(few_v), lambda: np.array([peer.sinh(one_v) for one_v in few_v])),
    }
    table(f"{size}×{size} sinh, {SEGMENT_OHM:g} Ω, batch of {vectors}: per vector", rounds, methods)


def ohmic(rng: np.random.Generator, size: int, vectors: int, rounds: int) -> None:
    """One matrix, many vectors, resistors; no driver or amplifier resistance, which badcrossbar lacks."""
    conductance_s, drive_v = draw(rng, size, vectors)
    wires = Wires(row_ohm=SEGMENT_OHM, column_ohm=SEGMENT_OHM)
    transfer_s = transfer_matrix(conductance_s, wires=wires)
    peer = SparseNewton(conductance_s, (SEGMENT_OHM, SEGMENT_OHM, 0.0, 0.0))
    whole = partial(solve_dc, conductance_s, drive_v, wires=wires, device=Ohmic())
    methods: dict[str, Method | str] = {
        "crosscal solve_dc, with node voltages": (1, lambda: whole().current_a),
        "crosscal transfer matrix, formed and applied": (
            1,
            lambda: drive_v @ transfer_matrix(conductance_s, wires=wires).T,
        ),
        "crosscal transfer matrix, applied again": (1, lambda: drive_v @ transfer_s.T),
        "badcrossbar": badcrossbar(conductance_s, drive_v),
        "sparse LU, factorised once": (1, lambda: peer.ohmic(drive_v)),
    }
    table(f"{size}×{size} ohmic, {SEGMENT_OHM:g} Ω: {vectors} vectors, everything included", rounds, methods)


def transient(rng: np.random.Generator, size: int, times: int, rounds: int) -> None:
    """Drives rise, or swing, through resistance and capacitance, sinh cells; per time point asked for.

    The peer takes one step per time point and looks at the first few alone; ours keeps to its tolerance.
    """
    conductance_s, (peak_v,) = draw(rng, size, 1)
    ohms = SEGMENT_OHM, SEGMENT_OHM, SOURCE_OHM, SENSE_OHM
    wires = Wires(row_ohm=SEGMENT_OHM, column_ohm=SEGMENT_OHM, source_ohm=SOURCE_OHM, sense_ohm=SENSE_OHM)
    time_s, farad = np.linspace(0, 2e-10, times), 1e-15
    first_s = time_s[:4]
    peer = SparseNewton(conductance_s, ohms)

    def ramp(t: float) -> np.ndarray:
        return peak_v * min(t / 1e-12, 1.0)

    def sine(t: float) -> np.ndarray:
        return peak_v * np.sin(2 * np.pi * t / 5e-11)

    record = partial(solve_transient, conductance_s, wires=wires, device=Sinh(), capacitance_f=farad)
    methods: dict[str, Method] = {
        "crosscal, a ramp of 1 ps": (times, lambda: record(ramp, time_s)),
        "crosscal, four periods of a sine": (times, lambda: record(sine, time_s)),
        "crosscal, the sine and 10 pH per segment": (times, lambda: record(sine, time_s, inductance_h=1e-11)),
        "sparse-LU Newton, TR-BDF2, the sine": (len(first_s), lambda: peer.transient(sine, first_s, farad)),
    }
    table(
        f"{size}×{size} sinh, RC transient of {times} time points: per time point",
        rounds,
        methods,
        compare=False,
    )
    exact_a = record(sine, first_s, tolerance=1e-9).current_a
    ours_a, theirs_a = record(sine, first_s).current_a, peer.transient(sine, first_s, farad)
    off = [np.abs(current_a - exact_a).max() / np.abs(exact_a).max() for current_a in (ours_a, theirs_a)]
    print(f"  over these {len(first_s)} points, off by: crosscal {off[0]:.0e}, peer {off[1]:.0e}")


def alternating(rng: np.random.Generator, size: int, rounds: int) -> None:
    """Small signals on a biased array of sinh cells, all rows to all columns; per frequency."""
    conductance_s, (bias_v,) = draw(rng, size, 1)
    wires = Wires(row_ohm=SEGMENT_OHM, column_ohm=SEGMENT_OHM, source_ohm=SOURCE_OHM, sense_ohm=SENSE_OHM)
    frequency_hz = np.logspace(8, 12, 8)
    storage = {"capacitance_f": 1e-15, "inductance_h": 1e-12}
    answer = partial(solve_ac, conductance_s, bias_v, frequency_hz, wires=wires, device=Sinh(), **storage)
    methods: dict[str, Method] = {"crosscal solve_ac": (len(frequency_hz), answer)}
    table(f"{size}×{size} sinh, {size * size} transfers: per frequency", rounds, methods, compare=False)


def large(rng: np.random.Generator, rounds: int) -> None:
    """Sizes at which a sparse factorisation is no longer an alternative; milliseconds per vector."""
    for size, ohm in ((256, 2.0), (512, 2.0), (512, 100.0)):
        conductance_s, drive_v = draw(rng, size, 2)
        wires = Wires(row_ohm=ohm, column_ohm=ohm, source_ohm=SOURCE_OHM, sense_ohm=SENSE_OHM)
        methods: dict[str, Method] = {
            name: (2, partial(solve_dc, conductance_s, drive_v, wires=wires, device=device))
            for name, device in (("ohmic", Ohmic()), ("sinh", Sinh()))
        }
        table(f"{size}×{size}, {ohm:g} Ω, with node voltages: per vector", rounds, methods, compare=False)
    print(f"\npeak memory of this process: {peak_memory()}")


def draw(rng: np.random.Generator, size: int, vectors: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(16.6e-6, 100e-6, (size, size)), rng.uniform(0.1, 0.5, (vectors, size))


def badcrossbar(conductance_s: np.ndarray, drive_v: np.ndarray) -> Method | str:
    """Make the peer's method, or say how to get it: its pictures need cairo's headers to be installed."""
    try:
        import badcrossbar as peer  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError):
        return BADCROSSBAR

    def current_a() -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):
            solution = peer.compute(drive_v.T, 1 / conductance_s, SEGMENT_OHM, all_currents=False)
        return np.asarray(solution.currents.output)

    return 1, current_a


def peak_memory() -> str:
    """Word the largest memory of this process so far, where the system keeps it."""
    try:
        import resource
    except ImportError:
        return "not known on this system"
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30:.2f} GiB"


def table(title: str, rounds: int, methods: Mapping[str, Method | str], *, compare: bool = True) -> None:
    """Time methods in turns, and print each beside the first: its time, the ratio, how far results differ.

    A text in the place of a method is a row that says why there are no numbers.
    """
    present = {name: method for name, method in methods.items() if not isinstance(method, str)}
    results = {name: call() for name, (_, call) in present.items()}  # compiles, too
    taken_s: dict[str, list[float]] = {name: [] for name in present}
    for _ in range(rounds):
        for name, (_, call) in present.items():
            begun_s = time.perf_counter()
            call()
            taken_s[name].append(time.perf_counter() - begun_s)
    each_ms = {name: statistics.median(taken_s[name]) / count * 1e3 for name, (count, _) in present.items()}
    first = next(iter(present))
    print(f"\n{title}")
    for name, method in methods.items():
        if isinstance(method, str):
            print(f"  {name:46s} {method}")
            continue
        line = f"  {name:46s} {each_ms[name]:10.3f} ms  {each_ms[name] / each_ms[first]:9.2f} ×"
        if compare:
            common = min(len(results[name]), len(results[first]))
            line += f"   differs by {np.abs(results[name][:common] / results[first][:common] - 1).max():.0e}"
        print(line)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    main()
