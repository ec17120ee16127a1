"""Boards whose cells age, fluctuate and break, and what one does with them."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from crosscal.simulated_bench import Bench

ROWS, COLUMNS = 5, 9
RANGE_10_MA = 4
IDEAL_A = 1e-2


def board(**keys: Any) -> Bench:
    """An ideal front end without noise, 5×9 ohmic cells of 1–40 µS unless told otherwise."""
    cells = {"rows": ROWS, "columns": COLUMNS, "conductance_min_s": 1e-6, "conductance_max_s": 40e-6}
    base: dict[str, Any] = {"noise": {"read_relative": 0.0}, "device": {"law": "ohmic"}}
    return Bench.from_profile("memsys2025", array=cells | keys.pop("array", {}), **(base | keys))


def random_target(bench: Bench, seed: int = 0) -> np.ndarray:
    cells = bench.settings.array
    low, high = cells.conductance_min_s, cells.conductance_max_s
    return np.random.default_rng(seed).uniform(low, high, (cells.rows, cells.columns))


def program(bench: Bench, target_s: np.ndarray | None = None, *, tolerance: float = 0.01) -> np.ndarray:
    """Write a matrix, a random one if none is given, in fifty iterations at most."""
    target_s = random_target(bench) if target_s is None else target_s
    bench.begin_programming(array("d", target_s.ravel()), tolerance)
    for _ in range(50):
        if bench.programming_iteration().finished:
            break
    return target_s


def truth(bench: Bench) -> np.ndarray:
    return np.array(bench.true_conductance()).reshape(bench.facts.rows, bench.facts.columns)


def vectors(bench: Bench, count: int = 20, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 0.5, (count, bench.facts.rows))


def measure(bench: Bench, voltage_v: np.ndarray, **how: Any) -> np.ndarray:
    """Currents [A], (B, M), read for 1 ms with 1 ms before it unless told otherwise."""
    usual = {"range_index": RANGE_10_MA, "aperture_s": 1e-3, "averages": 1, "dwell_s": 1e-3}
    reading = bench.measure(array("d", np.asarray(voltage_v).ravel()), **(usual | how))
    return np.array(reading.current_a).reshape(-1, bench.facts.columns)
