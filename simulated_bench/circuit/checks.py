"""Checks of the solvers' arguments."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.core.validation import real_array


def checked_array(name: str, value: np.ndarray, *, ranks: tuple[int, ...], axes: str) -> np.ndarray:
    """Return `value` as a C-contiguous array of float64, refusing any other rank, NaN and infinity.

    Raises:
        InputError: masked elements.
        ShapeError: the rank is not among `ranks`, or these are no real numbers; booleans are none.
        RangeError: an element is not finite; the message names its place.
    """
    try:
        array = np.ascontiguousarray(real_array(value, name))
    except InputError as error:
        if np.ma.isMaskedArray(value):
            raise
        got, allowed = f"{name} = {value!r:.80}", f"an array of real numbers, {axes}"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy="pass numbers")) from error
    if np.ndim(value) not in ranks:
        got = f"{name} of shape {np.shape(value)}"
        raise ShapeError(wanted(got=got, allowed=f"an array of {axes}", remedy="pass such an array"))
    if not np.isfinite(array).all():
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        got = f"{name}{list(place)} = {array[place]}"
        raise RangeError(wanted(got=got, allowed="finite numbers", remedy="correct that element"))
    return array


def rising_times(time_s: np.ndarray) -> np.ndarray:
    """Return times [s], (T,), as an array.

    Raises:
        ShapeError, RangeError: no list of finite numbers, or they do not rise; the message names the place.
    """
    times_s = checked_array("time_s", time_s, ranks=(1,), axes="times")
    falls = np.flatnonzero(np.diff(times_s) <= 0)
    if len(falls):
        k = int(falls[0])
        got = f"time_s[{k + 1}] = {times_s[k + 1]:g} s after {times_s[k]:g} s"
        raise RangeError(wanted(got=got, allowed="rising times", remedy="sort them and leave out doubles"))
    return times_s


def element_value(name: str, value: float) -> float:
    """Return a capacitance or inductance as a float.

    Raises:
        RangeError: it is not one finite number, 0 or more.
    """
    number = one_number(value)
    if not 0 <= number < math.inf:
        got = f"{name} = {value!r}"
        raise RangeError(wanted(got=got, allowed="one finite number, 0 or more", remedy="correct it"))
    return number


def one_number(value: float) -> float:
    """Return a value as a float, NaN if it is no single real number."""
    try:
        array = real_array(value, "values")
    except InputError:
        return math.nan
    return float(array) if array.ndim == 0 else math.nan
