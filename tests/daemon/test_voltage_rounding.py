"""Rounding of voltages that is learned from a board's answers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from crosscal.daemon.hardware.voltage_rounding import VoltageRounding

FACTS = cast(Any, SimpleNamespace(dac_bits=12, dac_full_scale_v=1.0))
STEP_V = 2.0 / 2**12
RNG = np.random.default_rng(1)


def taught(
    rounds: Callable[[np.ndarray], np.ndarray], vectors: int = 8, *, step_v: float = 0.0
) -> VoltageRounding:
    """Show a rounding some vectors of a board; on multiples of a step, if one is given."""
    rounding = VoltageRounding(FACTS)
    for _ in range(vectors):
        vector_v = RNG.uniform(-0.5, 0.5, 6)
        vector_v = np.rint(vector_v / step_v) * step_v if step_v else vector_v
        rounding.learn(vector_v, rounds(vector_v))
    return rounding


def nearest(vector_v: np.ndarray) -> np.ndarray:
    return np.rint(vector_v / STEP_V) * STEP_V


def unchanged(vector_v: np.ndarray) -> np.ndarray:
    return vector_v


@pytest.mark.parametrize("rounds", [nearest, unchanged])
def test_a_board_that_answers_by_a_rule_is_predicted(rounds: Callable[[np.ndarray], np.ndarray]) -> None:
    vector_v = RNG.uniform(-0.5, 0.5, 6)
    assert taught(rounds, 7).predicted(vector_v, 0.6) is None
    found_v = taught(rounds).predicted(vector_v, 0.6)
    assert found_v is not None
    np.testing.assert_allclose(found_v, rounds(vector_v), rtol=0, atol=1e-12)


def test_a_board_that_rounds_otherwise_is_asked_each_time() -> None:
    rounding = taught(lambda vector_v: np.trunc(vector_v / STEP_V) * STEP_V)
    assert rounding.predicted(RNG.uniform(-0.5, 0.5, 6), 0.6) is None


def test_rows_at_zero_are_no_evidence_for_a_rule() -> None:
    rounding = VoltageRounding(FACTS)
    for _ in range(20):
        rounding.learn(np.zeros(6), np.zeros(6))
    assert rounding.predicted(np.full(6, 0.25), 0.6) is None


def test_vectors_on_which_the_rules_that_are_left_differ_are_asked_for() -> None:
    rounding = taught(nearest, step_v=STEP_V)
    assert rounding.predicted(np.full(6, 0.25), 0.6) is not None
    assert rounding.predicted(np.full(6, 0.25 + 0.3 * STEP_V), 0.6) is None


def test_what_would_be_rounded_beyond_the_protection_is_asked_for() -> None:
    protection_v = 0.25 + 0.6 * STEP_V
    assert taught(nearest).predicted(np.full(6, protection_v), protection_v) is None


def test_predictions_are_checked_now_and_then() -> None:
    rounding = taught(nearest)
    vector_v = np.full(6, 0.25)
    asked = [rounding.predicted(vector_v, 0.6) is None for _ in range(1024)]
    assert sum(asked) == 4
