"""The cheapest order against all orders, and against scipy's."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from crosscal.runtime.board_check.assignment import cheapest_order


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_no_other_order_is_cheaper(count):
    rng = np.random.default_rng(count)
    places = np.arange(count)
    for _ in range(20):
        cost = rng.normal(size=(count, count))
        least = min(cost[places, list(order)].sum() for order in permutations(places))
        assert cost[places, cheapest_order(cost)].sum() == pytest.approx(least)


def test_a_large_order_is_that_of_an_independent_solver():
    cost = np.random.default_rng(7).normal(size=(60, 60))
    np.testing.assert_array_equal(cheapest_order(cost), linear_sum_assignment(cost)[1])


def test_equal_sums_leave_every_line_in_its_place():
    np.testing.assert_array_equal(cheapest_order(np.ones((5, 5))), np.arange(5))
