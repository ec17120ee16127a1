"""Arrays that callers hand in: real, unmasked, finite, or refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import InputError, RangeError
from crosscal.core.validation import real_array, require_finite


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((2, 2), dtype=bool), "conductances of type bool"),
        ([[1, 2j]], "conductances of type complex128"),
        (["one"], "conductances of type <U3"),
        ([[1.0, 2.0], [3.0]], "conductances that make no array"),
        (np.ma.masked_equal([1.0, 2.0, 2.0], 2.0), "2 masked conductances"),
        (None, "conductances of type object"),
    ],
)
def test_values_that_are_no_real_numbers_are_refused(values: object, message: str):
    with pytest.raises(InputError, match=message):
        real_array(values, "conductances")


def test_numbers_become_float64_and_are_copied_only_when_they_change():
    given = np.array([1.0, 2.0])
    assert real_array(given, "currents") is given
    assert real_array([1, 2], "currents").dtype == np.float64
    single = np.array([1.0], dtype=np.float32)
    assert real_array(single, "currents").dtype == np.float64
    assert real_array(single, "currents", keep_float32=True) is single


def test_a_mask_without_masked_elements_is_no_obstacle_and_masked_ones_may_become_nan():
    assert real_array(np.ma.masked_array([1.0, 2.0]), "currents").tolist() == [1.0, 2.0]
    masked = np.ma.masked_equal([1, 2], 2)
    read = real_array(masked, "currents", masked_as_nan=True)
    assert read[0] == 1.0
    assert np.isnan(read[1])
    # The caller's own array is as it was.
    assert masked.data.tolist() == [1, 2]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_place(bad: float):
    array = np.ones((3, 4))
    require_finite(array, "voltages")
    array[1, 2] = array[2, 0] = bad
    with pytest.raises(RangeError, match=r"2 voltages .* first at \[2, 3\] \(counted from 1\)"):
        require_finite(array, "voltages")
