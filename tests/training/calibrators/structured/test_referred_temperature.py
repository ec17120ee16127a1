"""Runs that span temperatures, referred to one before a circuit is learned from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from crosscal.training import Measurements
from crosscal.training.calibrators.structured.circuit import Circuit, CircuitForm
from crosscal.training.calibrators.structured.derivatives import predicted
from crosscal.training.calibrators.structured.referred_temperature import referred

MATRICES, VECTORS, ROWS, COLUMNS = 10, 30, 5, 7
CIRCUIT = Circuit.blank(CircuitForm(rows=ROWS, columns=COLUMNS, largest_v=0.5, middle_s=58e-6, half_s=42e-6))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(31)


@pytest.fixture
def cold(rng: np.random.Generator) -> Measurements:
    conductance_s = rng.uniform(16.6e-6, 100e-6, (MATRICES, ROWS, COLUMNS))
    voltage_v = rng.uniform(0.1, 0.5, (MATRICES, VECTORS, ROWS))
    expected = [
        predicted(CIRCUIT, torch.from_numpy(g).float().expand(VECTORS, -1, -1), torch.from_numpy(v).float())
        for g, v in zip(conductance_s, voltage_v, strict=True)
    ]
    current_a = torch.stack(expected).double().numpy() * CIRCUIT.form.unit_a
    return Measurements(
        conductance_s=conductance_s,
        voltage_v=voltage_v,
        current_a=current_a + 1e-8 * rng.standard_normal(current_a.shape),
        usable=np.ones((MATRICES, VECTORS), dtype=bool),
        temperature_c=np.linspace(20.0, 30.0, MATRICES),
    )


def warmed(cold: Measurements, rng: np.random.Generator) -> Measurements:
    warmer_c = (cold.temperature_c - 25.0)[:, None, None]
    gain, offset_a = 1e-3 * rng.standard_normal(COLUMNS), 2e-8 * rng.standard_normal(COLUMNS)
    return replace(cold, current_a=cold.current_a * (1.0 + gain * warmer_c) + offset_a * warmer_c)


def test_currents_come_out_as_they_would_at_the_mean_temperature(cold, rng):
    warm = warmed(cold, rng)
    few = slice(0, 3)
    found = referred(CIRCUIT, warm, warm.of_matrices(few))
    assert found is not None
    before, after = (np.abs(each.current_a - cold.current_a).max() for each in (warm, found[0]))
    assert after < 0.02 * before
    np.testing.assert_array_equal(found[1].current_a, found[0].current_a[few])


def test_a_run_at_one_temperature_or_that_shows_none_stays_as_it_is(cold, rng):
    assert referred(CIRCUIT, cold) is None
    warm = warmed(cold, rng)
    assert referred(CIRCUIT, replace(warm, temperature_c=None)) is None
    assert referred(CIRCUIT, replace(warm, temperature_c=cold.temperature_c / 10.0)) is None
