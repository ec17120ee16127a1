"""Scatter of cells after programming, and the reference of someone who does not know the cells."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import RangeError
from crosscal.simulated_bench import Bench, programming_variance_s2
from crosscal.simulated_bench.circuit.direct_current.solver import solve_currents
from crosscal.simulated_bench.variability.programming_error import Falcone2025

ROWS, COLUMNS = 5, 8


def board(**tables):
    size = {"rows": ROWS, "columns": COLUMNS}
    return Bench.from_profile("memsys2025", array=size, **tables)


def target(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(16.6e-6, 80e-6, (ROWS, COLUMNS))


def variance(bench: Bench, *, repeats: int = 200, tolerance: float = 0.01) -> np.ndarray:
    return programming_variance_s2(
        bench.settings,
        target(),
        tolerance=tolerance,
        iterations_max=20,
        repeats=repeats,
        rng=np.random.default_rng(3),
    )


def test_a_published_law_is_found_again() -> None:
    """A variance from 200 repeats is off by 10 % (rms), the mean over 40 cells by about 2 %."""
    found_s2 = variance(board(programming_error={"law": "falcone-2025", "full_scale_s": 100e-6}))
    law_s2 = Falcone2025(full_scale_s=100e-6).deviation_s(target()) ** 2
    np.testing.assert_allclose(found_s2, law_s2, rtol=0.45)
    assert np.mean(found_s2 / law_s2) == pytest.approx(1.0, abs=0.08)


def test_pulses_that_scatter_leave_no_more_than_their_tolerance() -> None:
    found_s2 = variance(board(programming={"pulse_gain": 0.9, "write_noise": 0.008}), repeats=50)
    relative = np.sqrt(found_s2) / target()
    assert relative.min() > 0.001
    assert relative.max() < 0.01 * 1.01


def test_errors_that_return_each_time_are_no_scatter() -> None:
    """A channel that reads 0.5 % too much is verified by itself: its cells are 0.5 % too small, always."""
    found_s2 = variance(board(front_end={"gain_error": 0.005}), repeats=3, tolerance=1e-9)
    assert (np.sqrt(found_s2) / target()).max() < 1e-9


def test_one_repeat_has_no_variance() -> None:
    with pytest.raises(RangeError, match="1 repeats"):
        variance(board(), repeats=1)


def test_the_best_linear_estimate_on_cells_that_nobody_knows_reaches_the_reference() -> None:
    """Hidden truth: fresh cells and fresh Gaussian inputs at every read, the best linear estimate of 6,000.

    The reference linearises in the cells, which changes it by their variance's order, 1e-3.
    """
    bench = board(device={"law": "ohmic"}, noise={"read_relative": 0.0, "read_a": 1e-7})
    target_s, sigma_v, relative = target(), 0.1, 0.03
    rng = np.random.default_rng(5)
    drive_v = 0.3 + sigma_v * rng.standard_normal((6_000, ROWS))
    real_a = np.empty((len(drive_v), COLUMNS))
    for b, vector_v in enumerate(drive_v):
        cells_s = target_s * (1 + relative * rng.standard_normal(target_s.shape))
        real_a[b] = solve_currents(cells_s, vector_v, wires=bench.wires(4), device=bench.device)
    real_a += 1e-7 * rng.standard_normal(real_a.shape)
    ideal_a = drive_v @ target_s
    features, half = np.hstack([real_a, np.ones((len(real_a), 1))]), len(drive_v) // 2
    weights = np.linalg.lstsq(features[:half], ideal_a[:half], rcond=None)[0]
    reached_nmse = np.mean((features[half:] @ weights - ideal_a[half:]) ** 2) / np.mean(
        (target_s**2).sum(axis=0) * sigma_v**2
    )
    known, unknown = (
        bench.linear_gaussian_reference(
            target_s, target_s, drive_v[:100], 1e-2, cell_variance_s2=variance_s2, prior_sigma_v=sigma_v
        )
        for variance_s2 in (None, (relative * target_s) ** 2)
    )
    assert unknown == pytest.approx(reached_nmse, rel=0.08)
    assert known < unknown / 10
