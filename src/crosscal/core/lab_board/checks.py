"""Checks of what a lab's board is given and of what it answers: shape, finiteness, limits, units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from crosscal.core.array_types import Matrix, Vectors
from crosscal.core.errors import IncompatibleBoardError, InputError, RangeError, ShapeError, wanted
from crosscal.core.lab_board.facts import LabBoardFacts
from crosscal.core.readout import Readout, Status
from crosscal.core.validation import real_array

SCPI_NOT_A_NUMBER = 9.9e37
"""Instruments answer 9.91E37 for no reading and 9.9E37 for an overload (SCPI-1999, 7.2.1)."""

IMPLAUSIBLE = 10.0
"""Times the largest current that Ohm's law allows: published cells pass up to twice their nominal current
(sinh laws at 0.5 V: 1.74), wrong units are a factor of a thousand or more; insensitive between 3 and 300."""


def checked_vectors(voltage_v: ArrayLike, facts: LabBoardFacts) -> Vectors:
    """Return vectors [V] as float64 (B, N), or refuse them before anything is driven."""
    rows = facts.shape[0]
    vectors = _real(voltage_v, "voltages")
    batch = vectors[None, :] if vectors.ndim == 1 else vectors
    if batch.ndim != 2 or batch.shape[1] != rows or not len(batch):
        raise ShapeError(
            wanted(
                got=f"voltages of shape {vectors.shape}",
                allowed=f"({rows},) or (B, {rows})",
                remedy="give one voltage for each row",
            )
        )
    worst_v = float(np.abs(batch).max())
    if not worst_v <= facts.voltage_limit_v:
        raise RangeError(
            wanted(
                got="a voltage that is not finite" if not np.isfinite(worst_v) else f"{worst_v:g} V",
                allowed=f"at most {facts.voltage_limit_v:g} V in magnitude",
                remedy="give smaller inputs",
            )
        )
    return batch


def checked_target(conductance_s: ArrayLike, facts: LabBoardFacts) -> Matrix:
    """Return a target [S] as float64 (N, M), or refuse it before anything is written."""
    matrix = _real(conductance_s, "conductances")
    if matrix.shape != facts.shape:
        raise ShapeError(
            wanted(
                got=f"conductances of shape {matrix.shape}",
                allowed=f"{facts.shape}",
                remedy="give one conductance for each cell",
            )
        )
    low_s, high_s = facts.conductance_limits_s
    if not (np.isfinite(matrix).all() and low_s <= matrix.min() and matrix.max() <= high_s):
        raise RangeError(
            wanted(
                got=f"conductances from {matrix.min():.4g} to {matrix.max():.4g} S",
                allowed=f"{low_s:.4g} to {high_s:.4g} S",
                remedy="scale the matrix into the board's range",
            )
        )
    return matrix.copy()


def checked_read_back(conductance_s: Any, facts: LabBoardFacts) -> Matrix:
    """Return a read-back [S] as float64 (N, M), or say what is wrong with the board's class."""
    matrix = _answered(conductance_s, facts.shape, "read_conductance")
    high_s = facts.conductance_limits_s[1]
    typical_s = float(np.median(np.abs(matrix[np.isfinite(matrix)]))) if np.isfinite(matrix).any() else 0.0
    if typical_s > 100.0 * high_s:
        raise _wrong_unit("read_conductance", f"{typical_s:.3g} S", f"up to {high_s:.3g} S", "siemens")
    return matrix


def readout_of(answer: Any, vectors_v: Vectors, facts: LabBoardFacts) -> Readout:
    """Turn what `read_currents` returned into currents [A] with status bits, (B, M).

    NaN and SCPI's 9.91E37 are missing readings; at full scale or beyond a reading is over range and stands
    at the signed full scale.

    Raises:
        IncompatibleBoardError: the answer is no (B, M) array of numbers, or cannot be amperes of this board.
    """
    values = _answered(answer, (len(vectors_v), facts.shape[1]), "read_currents")
    codes = facts.output_codes
    missing = np.isnan(values) | ((np.abs(values) >= SCPI_NOT_A_NUMBER) & np.isfinite(values))
    over = np.zeros(values.shape, dtype=bool)
    if codes is not None:
        _require_codes(values[~missing], codes.first, codes.last)
        # A converter at its last code says no more than that the current is at least so large.
        over |= (values <= codes.first) | (values >= codes.last)
        values = codes.decode(values)
    _require_amperes(values[~missing & np.isfinite(values)], vectors_v, facts)
    over |= np.abs(values) >= facts.full_scale_a
    over &= ~missing
    current_a = np.where(over, np.copysign(np.minimum(np.abs(values), facts.full_scale_a), values), values)
    current_a[missing] = np.nan
    status = np.where(over, int(Status.OVER_RANGE), 0) | np.where(missing, int(Status.AMPLIFIER_FAULT), 0)
    return Readout(current_a=current_a, status=status.astype(np.uint8), range_a=float(facts.full_scale_a))


def _require_amperes(current_a: np.ndarray, vectors_v: Vectors, facts: LabBoardFacts) -> None:
    """Refuse currents that no cells of this board could pass: milli- or microamperes taken for amperes."""
    if not current_a.size:
        return
    largest_a = float(np.abs(current_a).max())
    possible_a = facts.conductance_limits_s[1] * float(np.abs(vectors_v).sum(axis=1).max())
    # An amplifier's offset is no sign of a wrong unit, and a saturated one reads its full scale.
    if largest_a > IMPLAUSIBLE * max(possible_a, facts.full_scale_a):
        raise _wrong_unit(
            "read_currents", f"{largest_a:.3g} A", f"up to {possible_a:.3g} A for these inputs", "amperes"
        )


def _require_codes(values: np.ndarray, first: int, last: int) -> None:
    if not values.size:
        return
    whole = np.isfinite(values).all() and (values == np.rint(values)).all()
    # A converter may give codes beyond those in use; ten times as many are none of its codes.
    margin = 10 * (last - first)
    if not whole or values.min() < first - margin or values.max() > last + margin:
        raise IncompatibleBoardError(
            wanted(
                got=f"values from {values.min():g} to {values.max():g} of read_currents",
                allowed=f"whole codes, {first} to {last} in use, as facts.output_codes says",
                remedy="return the converters' codes, or leave output_codes out and return amperes",
            )
        )


def _answered(answer: Any, shape: tuple[int, int], method: str) -> np.ndarray:
    values = np.ma.filled(np.ma.asarray(answer, dtype=float), np.nan) if _numeric(answer) else None
    if values is None or values.shape != shape:
        got = f"an array of shape {np.shape(answer)}" if _numeric(answer) else f"{type(answer).__name__}"
        raise IncompatibleBoardError(
            wanted(
                got=f"{got} from {method}",
                allowed=f"real numbers of shape {shape}",
                remedy="correct the board's class (rows are inputs, columns are outputs)",
            )
        )
    return values


def _numeric(answer: Any) -> bool:
    try:
        return np.asarray(answer).dtype.kind in "iuf"
    except ValueError:
        # Rows of unequal length.
        return False


def _wrong_unit(method: str, got: str, allowed: str, unit: str) -> IncompatibleBoardError:
    return IncompatibleBoardError(
        wanted(got=f"{got} from {method}", allowed=allowed, remedy=f"return {unit}: 1 µ is 1e-6")
    )


def _real(values: ArrayLike, what: str) -> np.ndarray:
    try:
        return real_array(values, what)
    except InputError as error:
        raise RangeError(str(error)) from error
