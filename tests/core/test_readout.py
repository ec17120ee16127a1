"""A reading that saturated, or that no amplifier gave, never passes for a good one."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import ReadingError
from crosscal.core.readout import Readout, Status


def readout(status: list[list[int]]) -> Readout:
    bits = np.array(status, dtype=np.uint8)
    return Readout(current_a=np.ones(bits.shape), status=bits, range_a=1e-3)


def test_good_readings_are_returned_as_they_are() -> None:
    good = readout([[0, 0, 0], [0, 0, 0]])
    assert good.require_usable() is good.current_a


def test_a_reading_under_resolution_is_still_a_reading() -> None:
    assert readout([[int(Status.UNDER_RESOLUTION), 0, 0]]).usable.all()


@pytest.mark.parametrize(
    ("bit", "what"),
    [
        (Status.OVER_RANGE, "over range"),
        (Status.AMPLIFIER_FAULT, "without a working amplifier"),
        (Status.UNCALIBRATED, "that cannot be calibrated"),
    ],
)
def test_an_unusable_reading_is_refused_with_its_column(bit: Status, what: str) -> None:
    with pytest.raises(ReadingError, match=rf"1 of 6 readings {what}.*columns 3.*0.001 A range"):
        readout([[0, 0, 0], [0, 0, int(bit)]]).require_usable()


def test_the_vectors_are_named_too_and_what_is_left_out_is_counted() -> None:
    over = int(Status.OVER_RANGE)
    with pytest.raises(ReadingError, match=r"columns 1, 2, 3, 4, 5, 6, 7, 8 and 2 more; vectors 2; counted"):
        readout([[0] * 10, [over] * 10, [0] * 10]).require_usable()
