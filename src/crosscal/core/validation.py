"""Validation of arrays that callers hand in: real numbers, not masked, finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from crosscal.core.errors import InputError, RangeError, wanted


def real_array(
    values: Any, name: str, *, keep_float32: bool = False, masked_as_nan: bool = False
) -> np.ndarray:
    """Return an array of real numbers, as float64; copied only where its type changes.

    Booleans are refused, for True is no siemens; so are complex numbers, text and ragged rows.

    Args:
        values: anything that numpy makes an array of.
        name: of the values, for messages, in the plural.
        keep_float32: leave float32 as it is.
        masked_as_nan: return NaN for masked elements; they are refused otherwise, since the numbers under a
            mask are not meant.

    Raises:
        InputError: no real numbers, or masked elements.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        if not masked_as_nan:
            raise InputError(
                wanted(
                    got=f"{np.ma.count_masked(values)} masked {name}",
                    allowed="an array without masked elements",
                    remedy="choose what they are to be, with .filled(value)",
                )
            )
        values = np.ma.filled(values.astype(np.float64), np.nan)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InputError(
            wanted(
                got=f"{name} that make no array ({error})",
                allowed="an array of real numbers",
                remedy="give rows of equal length",
            )
        ) from error
    if array.dtype.kind not in "fiu":
        raise InputError(
            wanted(
                got=f"{name} of type {array.dtype}",
                allowed="an array of real numbers",
                remedy="convert them, in SI units",
            )
        )
    single = keep_float32 and array.dtype == np.float32
    return array.astype(np.float32 if single else np.float64, copy=False)


def require_finite(array: np.ndarray, name: str, *, remedy: str = "find out where they come from") -> None:
    """Refuse NaN and infinity, with the place of the first.

    Raises:
        RangeError: an element is not finite.
    """
    finite = np.isfinite(array)
    if not finite.all():
        place = ", ".join(str(int(index) + 1) for index in np.argwhere(~finite)[0])
        raise RangeError(
            wanted(
                got=f"{int((~finite).sum())} {name} that are NaN or infinite, the first at [{place}] "
                "(counted from 1)",
                allowed="finite numbers",
                remedy=remedy,
            )
        )
