"""Sizes of the effects of temperature, from −40 to 85 °C, beside those of an independent computation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crosscal.simulated_bench import load_settings
from crosscal.simulated_bench.budget.contributions import relative_change

STEEPNESS = {"device": {"steepness_temperature_power": -1.0}}
COPPER = {"wires": {"temperature_coefficient_per_c": 3.9e-3}}


def change(temperature_c: float, **keys: Any) -> tuple[float, float]:
    """Change of 64×64 sinh cells read without noise, relative to 25 °C."""
    rng = np.random.default_rng(2)
    own, reference = (
        load_settings("memsys2025", noise={"read_relative": 0.0}, temperature_c=each, **keys)
        for each in (temperature_c, 25.0)
    )
    target_s = rng.uniform(16.6e-6, 100e-6, (64, 64))
    return relative_change(own, reference, target_s, rng.uniform(0.1, 0.5, (12, 64)))


@pytest.mark.parametrize(
    ("keys", "temperature_c", "raw", "fitted"),
    [
        (STEEPNESS, 25.0 - 298.15 * 0.02 / 1.02, 1.1e-2, 1.1e-4),  # b 2 % steeper
        (COPPER, 35.0, 6.8e-3, 1.1e-4),
    ],
)
def test_small_changes_are_of_the_size_computed_elsewhere(
    keys: dict[str, Any], temperature_c: float, raw: float, fitted: float
) -> None:
    found = change(temperature_c, **keys)
    # The largest current of that matrix is within a few percent of the 1.08 mA of the other computation.
    assert found == pytest.approx((raw, fitted), rel=0.25)


@pytest.mark.parametrize("keys", [STEEPNESS, COPPER], ids=["steepness", "copper"])
def test_effects_grow_with_the_distance_from_25_degrees_and_nothing_happens_there(
    keys: dict[str, Any],
) -> None:
    assert change(25.0, **keys) == pytest.approx((0.0, 0.0), abs=1e-15)
    sizes = {each: change(each, **keys)[0] for each in (-40.0, 0.0, 45.0, 85.0)}
    assert sizes[-40.0] > sizes[0.0] > 0 < sizes[45.0] < sizes[85.0]
    assert change(85.0) == pytest.approx((0.0, 0.0), abs=1e-15), "nothing follows without the keys"
