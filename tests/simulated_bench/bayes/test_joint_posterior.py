"""Joint posterior of inputs and cells: its energy, and draws where the answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crosscal.simulated_bench import Ohmic, Wires, solve_currents
from crosscal.simulated_bench.bayes.replica_exchange import draw_by_exchange
from crosscal.simulated_bench.bayes.unknown_cells import JointPosterior

WIRES = Wires(row_ohm=20.0, column_ohm=10.0, source_ohm=50.0, sense_ohm=10.0)
TARGET_S = np.array([[40e-6, 60e-6], [80e-6, 30e-6]])
KNOWN_V = np.array([[0.2, 0.4], [0.5, 0.1], [0.3, 0.3]])
POSTERIOR = JointPosterior(
    target_s=TARGET_S,
    spread=0.05,
    known_v=KNOWN_V[:0],
    known_a=np.zeros((0, 2)),
    wires=WIRES,
    device=Ohmic(),
    noise_a=1.0,
    low_v=0.1,
    high_v=0.5,
)


CHAINS, SWEEPS = 8, 400
"""Draws of a chain are alike over some 40 sweeps: 80 draws of each coordinate count."""


def drawn(posterior: JointPosterior, true: np.ndarray) -> np.ndarray:
    """Draw places that explain the reading of inputs of 0.3 V and of true cells, (draws, C)."""
    start = np.tile([0.3, 0.3, *true], (CHAINS, 1))
    seen_a = solve_currents(posterior.cells_s(start[0]), start[:1, :2], wires=WIRES, device=Ohmic())
    places = draw_by_exchange(
        posterior,
        np.repeat(seen_a, CHAINS, axis=0),
        start,
        np.random.default_rng(1),
        sweeps=SWEEPS,
        warm_up=200,
        levels=1,
    )
    return places.reshape(-1, 6)


@pytest.mark.parametrize("told", [False, True])
def test_currents_that_tell_nothing_leave_the_prior_or_the_read_back(told: bool) -> None:
    posterior = POSTERIOR
    if told:
        posterior = replace(posterior, read_back_s=TARGET_S * 1.06, read_back_spread=0.05)
    places = drawn(posterior, np.zeros(4))
    # A mean of 0.06 seen with the scatter's own deviation moves half-way, and half of the variance is left.
    mean, variance = (0.6, 0.5) if told else (0.0, 1.0)
    # Four cells together: 320 draws that count, with errors of 0.06 and 8 %.
    assert places[:, 2:].mean() == pytest.approx(mean, abs=0.22)
    assert places[:, 2:].var() == pytest.approx(variance, rel=0.3)
    assert places[:, :2].min() > 0.1
    assert places[:, :2].max() < 0.5
    assert places[:, :2].var() == pytest.approx(0.4**2 / 12, rel=0.2)


def test_the_energy_adds_up_what_is_known() -> None:
    cells_s = TARGET_S * 1.02
    known_a = solve_currents(cells_s, KNOWN_V, wires=WIRES, device=Ohmic())
    posterior = replace(
        POSTERIOR,
        known_v=KNOWN_V,
        known_a=known_a + np.array([2e-9, 0.0]),
        noise_a=1e-9,
        read_back_s=TARGET_S * 1.03,
        read_back_spread=0.01,
    )
    place = np.array([[0.2, 0.4, *[0.4] * 4], [0.2, 0.51, *[0.4] * 4], [0.2, 0.4, -21.0, *[0.4] * 3]])
    seen_a = np.repeat(known_a[:1] + np.array([0.0, 1e-9]), 3, axis=0)
    # Deviations of 0.4 four times, read-backs one deviation off, three readings two off, one reading one off.
    expected = 0.5 * (4 * 0.4**2 + 4 * 1.0 + 3 * 4.0 + 1.0)
    np.testing.assert_allclose(posterior.energy(place, seen_a), [expected, np.inf, np.inf], rtol=1e-6)


def test_known_vectors_narrow_the_cells_as_least_squares_does() -> None:
    """Ohmic cells and inputs known by a narrow window: the posterior of the cells is nearly normal."""
    true = np.array([0.5, -1.0, 0.3, 1.2])
    cells_s = TARGET_S * (1 + 0.05 * true.reshape(2, 2))
    known_a = solve_currents(cells_s, KNOWN_V, wires=WIRES, device=Ohmic())
    posterior = replace(POSTERIOR, known_v=KNOWN_V, known_a=known_a, noise_a=2e-7)
    places = drawn(posterior, true)
    steps = 1e-4 * np.eye(4)
    slope_a = np.stack(
        [
            (solve_currents(posterior.cells_s(np.r_[0, 0, true + step]), KNOWN_V, wires=WIRES, device=Ohmic())
             - known_a).ravel() / 1e-4
            for step in steps
        ]
    )  # fmt: skip
    covariance = np.linalg.inv(np.eye(4) + slope_a @ slope_a.T / 4e-14)
    np.testing.assert_allclose(
        places[:, 2:].var(axis=0), np.diag(covariance), rtol=0.6
    )  # 80 draws of each: 16 %
    assert (np.diag(covariance) < 0.7).any(), "the vectors tell of the cells"
