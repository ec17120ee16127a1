"""Error budget of a board, and the sizes of its effects beside those of an independent computation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crosscal.core.errors import InputError
from crosscal.simulated_bench import load_settings
from crosscal.simulated_bench.budget.causes import CAUSES, causes_of
from crosscal.simulated_bench.budget.contributions import ErrorBudget, error_budget

FULL_SCALE_A = 1.08e-3
UNIFORM = 3**-0.5  # limits of this bench are bounds; the other computation drew normal errors
EXPECTED = {
    "self-heating and thermal crosstalk": (2.6e-3, 1.5e-4),
    "nonlinearity of the converter": (1.6e-3, 1.3e-4),
    "spread of the drivers' resistance": (6e-4, 4.7e-4),
    "gain and offset of the drivers": (np.hypot(2.0e-4, 9e-5) * UNIFORM, np.hypot(5e-5, 6e-5) * UNIFORM),
    "noise of the drivers": (4e-5, 4e-5),
    "noise of the reference": (8e-5, 8e-5),
}
"""Of full scale, raw and after gain and offset per column: dense nodal solutions of a 64×64 array."""


def budget_of(vectors: int, **keys: Any) -> ErrorBudget:
    rng = np.random.default_rng(3)
    settings = load_settings("memsys2025", noise={"read_relative": 0.0}, **keys)
    target_s = rng.uniform(16.6e-6, 100e-6, (64, 64))
    return error_budget(settings, target_s, rng.uniform(0.1, 0.5, (vectors, 64)))


@pytest.fixture(scope="module")
def warm() -> ErrorBudget:
    heating = {"resistance_k_per_w": 1e5, "neighbour_part": 0.2}
    return budget_of(8, device={"activation_energy_ev": 0.05}, heating=heating)


@pytest.fixture(scope="module")
def budget() -> ErrorBudget:
    return budget_of(
        16,
        front_end={
            "ranges_a": [2.5e-3],
            "input_ohm": [0.0],
            "adc_bits": 12,
            "inl_lsb": 2.0,
            "input_offset_v": 0.5e-3,
        },
        drivers={
            "gain_error": 1e-3,
            "offset_v": 1e-3,
            "source_spread": 0.05,
            "noise_v": 100e-6,
            "reference_noise": 100e-6,
        },
    )


@pytest.mark.parametrize("cause", EXPECTED)
def test_effects_are_of_the_size_computed_elsewhere(
    budget: ErrorBudget, warm: ErrorBudget, cause: str
) -> None:
    (found,) = (one for one in (*budget.contributions, *warm.contributions) if one.cause == cause)
    raw, fitted = EXPECTED[cause]
    # One specimen of drivers, offsets and curves, drawn by other laws: within a factor of two.
    assert raw / 2 < found.raw_a / FULL_SCALE_A < 2 * raw
    assert fitted / 2 < found.fitted_a / FULL_SCALE_A < 2 * fitted


def test_an_input_offset_is_an_offset_of_its_column_and_no_more(budget: ErrorBudget) -> None:
    (found,) = (one for one in budget.contributions if one.cause == "input offset of the amplifiers")
    assert found.raw_a / FULL_SCALE_A == pytest.approx(1.1e-3, rel=0.3)
    assert found.fitted_a < 0.02 * found.raw_a


def test_a_budget_is_ranked_and_the_wires_lead_it(budget: ErrorBudget) -> None:
    left = [one.fitted_a for one in budget.contributions]
    assert left == sorted(left, reverse=True)
    assert budget.contributions[0].cause.startswith("wires")
    assert budget.whole.raw_a > 0.3 * budget.full_scale_a  # 38 of the inputs' variance, mostly a mean


def test_without_a_cause_the_cells_and_all_other_chance_are_the_same() -> None:
    """Removing what there is none of would otherwise show the programming error of another draw."""
    rng = np.random.default_rng(1)
    keys = {"array": {"rows": 6, "columns": 5}, "drivers": {"noise_v": 1e-9}}
    settings = load_settings("rram-32x24", front_end={"profile": "ideal"}, **keys)
    target_s, voltage_v = rng.uniform(1e-6, 40e-6, (6, 5)), rng.uniform(0.1, 0.5, (12, 6))
    found = {
        one.cause: one for one in error_budget(settings, target_s, voltage_v, after_s=3600.0).contributions
    }
    assert found["noise of the drivers"].raw_a < 1e-5 * found["error of programming"].raw_a
    assert found["drift"].raw_a > 100 * found["noise of the drivers"].raw_a


def rms_by_cause(after_s: float, **keys: Any) -> dict[str, float]:
    """Budget of a small board of cells that drift, written almost exactly, by cause [A], raw."""
    rng = np.random.default_rng(4)
    small: dict[str, Any] = {
        "array": {"rows": 6, "columns": 4},
        "front_end": {"profile": "ideal"},
        "programming_error": {"law": "polynomial", "coefficients_s": [1e-12], "full_scale_s": 40e-6},
        "telegraph": {"law": "none"},
        "noise": {"cell_relative": 0.0},
    }
    settings = load_settings("rram-32x24", **small, **keys)
    target_s, voltage_v = rng.uniform(1e-6, 40e-6, (6, 4)), rng.uniform(0.1, 0.5, (8, 6))
    found = error_budget(settings, target_s, voltage_v, after_s=after_s)
    return {one.cause: one.raw_a for one in found.contributions}


@pytest.mark.parametrize("tiles", [{}, {"tiles": {"rows": 2, "columns": 2}}])
def test_the_error_of_programming_holds_nothing_of_what_time_does_to_the_cells(tiles: dict[str, Any]) -> None:
    fresh, old = rms_by_cause(0.0, **tiles), rms_by_cause(3600.0, **tiles)
    # The law of drift depends on the conductance a little, and so on the 1e-12 S that it was missed by.
    assert old["error of programming"] == pytest.approx(fresh["error of programming"], rel=0.1)
    assert old["drift"] > 1e3 * old["error of programming"]


def test_cells_that_rested_after_programming_are_as_old_as_cells_read_so_much_later() -> None:
    rested = rms_by_cause(600.0, programming={"rest_s": 3000.0})
    assert rested["drift"] == pytest.approx(rms_by_cause(3600.0)["drift"], rel=1e-9)
    assert rms_by_cause(0.0, programming={"rest_s": 3600.0})["drift"] == pytest.approx(
        rested["drift"], rel=1e-9
    )


def test_every_cause_can_be_removed_from_the_realistic_board_or_is_none_of_its() -> None:
    settings = load_settings("realistic-64x64")
    names = {cause.name for cause, *_ in causes_of(settings)}
    lacking = {cause.name for cause in CAUSES} - names
    assert lacking == {
        "temperature away from 25 °C",
        "faulty cells, lines and amplifiers",
        "white noise of the cells",
        "white noise of the array",
    }


def test_few_vectors_are_refused() -> None:
    settings = load_settings("lab-12x16")
    with pytest.raises(InputError, match="7 vectors; allowed: 8 or more"):
        error_budget(settings, np.full((12, 16), 5e-5), np.full((7, 12), 0.2))
