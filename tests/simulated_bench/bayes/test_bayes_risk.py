"""Bayes risk: both samplers against integration on a grid, and against what draws must satisfy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crosscal.core.errors import RangeError
from crosscal.simulated_bench import Ohmic, Sinh, Wires
from crosscal.simulated_bench.bayes.posterior import InputPosterior
from crosscal.simulated_bench.bayes.replica_exchange import draw_by_exchange
from crosscal.simulated_bench.bayes.risk import risk_of_draws
from crosscal.simulated_bench.bayes.sequential import draw_sequentially
from crosscal.simulated_bench.bayes.surrogate import SurrogatePosterior
from crosscal.simulated_bench.devices import CellLaw

TARGET_S = np.random.default_rng(3).uniform(16.6e-6, 100e-6, (2, 3))
WIRES = Wires(row_ohm=200.0, column_ohm=200.0, source_ohm=50.0, sense_ohm=10.0)
LOW_V, HIGH_V, NOISE_A = 0.1, 0.5, 1.5e-6


def posterior(device: CellLaw, noise_a: float = NOISE_A) -> InputPosterior:
    return InputPosterior(
        conductance_s=TARGET_S, wires=WIRES, device=device, noise_a=noise_a, low_v=LOW_V, high_v=HIGH_V
    )


def readings(of: InputPosterior, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    voltage_v = rng.uniform(LOW_V, HIGH_V, (count, 2))
    clean_a = of.response_a(voltage_v)
    return voltage_v, clean_a + of.noise_a * rng.standard_normal(clean_a.shape)


def integrated(of: InputPosterior, current_a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and variance of the inputs by a fine grid over both of them."""
    line_v = np.linspace(LOW_V, HIGH_V, 201)
    grid_v = np.stack(np.meshgrid(line_v, line_v, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.exp(-of.energy(grid_v, np.repeat(current_a[None], len(grid_v), axis=0)))
    mean_v = weight @ grid_v / weight.sum()
    return mean_v, weight @ (grid_v - mean_v) ** 2 / weight.sum()


@pytest.mark.parametrize("device", [Ohmic(), Sinh()], ids=["ohmic", "sinh"])
def test_both_samplers_agree_with_integration_on_a_grid(device: CellLaw):
    of, chains = posterior(device), 12
    voltage_v, current_a = readings(of, 2, seed=1)
    several_v, several_a = (np.repeat(each, chains, axis=0) for each in (voltage_v, current_a))
    drawn_v = draw_by_exchange(
        of, several_a, several_v, np.random.default_rng(2), sweeps=300, warm_up=150, levels=5
    )
    exchanged_v = drawn_v.reshape(2, -1, 2)
    for k, one_a in enumerate(current_a):
        mean_v, variance_v2 = integrated(of, one_a)
        deviation_v = np.sqrt(variance_v2)
        sequential_v = draw_sequentially(of, one_a, np.random.default_rng(k), particles=2000)
        for drawn_v in (exchanged_v[k], sequential_v):
            np.testing.assert_array_less(np.abs(drawn_v.mean(axis=0) - mean_v) / deviation_v, 0.15)
            np.testing.assert_allclose(drawn_v.std(axis=0), deviation_v, rtol=0.12)


@pytest.mark.parametrize("wrong", [1.0, 1.03], ids=["fitted", "by the noise off"])
def test_moves_in_a_surrogate_leave_draws_exact(wrong: float):
    of, chains = posterior(Sinh()), 24
    voltage_v, current_a = (np.repeat(each, chains, axis=0) for each in readings(of, 2, seed=1))
    fitted = SurrogatePosterior.fit(of, voltage_v, np.random.default_rng(6))
    surrogate = replace(fitted, coefficients=wrong * fitted.coefficients)
    rng = np.random.default_rng(7)
    drawn_v = draw_by_exchange(
        of, current_a, voltage_v, rng, sweeps=100, warm_up=60, levels=5, surrogate=surrogate, inner=5
    )
    for each_v, one_a in zip(np.split(drawn_v, 2), current_a[::chains], strict=True):
        mean_v, variance_v2 = integrated(of, one_a)
        deviation_v, all_v = np.sqrt(variance_v2), each_v.reshape(-1, 2)
        np.testing.assert_array_less(np.abs(all_v.mean(axis=0) - mean_v) / deviation_v, 0.12)
        np.testing.assert_allclose(all_v.std(axis=0), deviation_v, rtol=0.08)


def test_a_surrogate_is_tangent_to_the_circuit_at_its_start():
    of = posterior(Sinh())
    voltage_v, current_a = readings(of, 4, seed=8)
    surrogate = SurrogatePosterior.fit(of, voltage_v, np.random.default_rng(9))
    off_v = np.array([0.0, 1e-4, -1e-4])[None, :, None] * np.array([1.0, -0.7])
    places_v = voltage_v[:, None] + off_v
    exact = of.energy(places_v.reshape(-1, 2), np.repeat(current_a, 3, axis=0)).reshape(4, 3)
    np.testing.assert_allclose(surrogate.energy(places_v, current_a), exact, rtol=1e-5)


def test_posterior_variance_is_the_squared_error_and_the_truth_is_one_of_the_draws():
    of = posterior(Sinh())
    voltage_v, current_a = readings(of, 200, seed=4)
    drawn_v = draw_by_exchange(
        of, current_a, voltage_v, np.random.default_rng(5), sweeps=200, warm_up=100, levels=4
    )
    risk = risk_of_draws(of, TARGET_S, voltage_v, current_a, drawn_v)
    assert risk.squared_error_a2.mean() == pytest.approx(risk.variance_a2.mean(), rel=0.2)
    assert risk.truth_rank.mean() == pytest.approx(0.5, abs=0.06)
    assert risk.mean_a.shape == (200, 3)


def test_inputs_out_of_bounds_explain_nothing():
    of = posterior(Sinh())
    voltage_v = np.array([[0.3, 0.3], [0.3, 0.6], [0.0, 0.2]])
    energy = of.energy(voltage_v, of.response_a(voltage_v))
    np.testing.assert_array_equal(energy, [0.0, np.inf, np.inf])


def test_a_range_that_is_none_and_no_noise_are_refused():
    with pytest.raises(RangeError, match=r"inputs of 0\.5 V to 0\.1 V"):
        InputPosterior(
            conductance_s=TARGET_S, wires=WIRES, device=Ohmic(), noise_a=1e-6, low_v=0.5, high_v=0.1
        )
    with pytest.raises(RangeError, match="no noise"):
        posterior(Ohmic(), noise_a=0.0)
