"""Plausibility of measured data: do the currents follow from conductances and voltages by Ohm's law?"""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import InputError, RangeError, wanted

Matrices = Float[np.ndarray, "matrices rows columns"]
Inputs = Float[np.ndarray, "matrices vectors rows"]
Readings = Float[np.ndarray, "matrices vectors columns"]

PLAUSIBLE_FACTOR = 30.0
"""Of measured to ideal currents, either way. Laws of published cells and wires give 0.2 to 2, a wrong prefix
1000 or more: insensitive between 5 and 200."""

BETTER = 2.0
"""Times less variance that another order must leave unexplained to be taken for the right one. A wrong order
leaves 6 to 5600 times more on our profiles (30 vectors; with 5 vectors of one matrix 3 times)."""

UNEXPLAINED = 0.5
"""Correlation below which no order fits: noise as large as the signal gives 0.7, shuffled rows 0.0 to 0.3."""

MOST_S = 1.0
"""Conductance [S] that no cell reaches: published arrays end at some mS. Values in µS begin at 0.1."""

MOST_V = 20.0
"""Inputs [V] that no array is read with: instruments for them end at 10 V. Values in mV begin at some ten."""

SPIKE = 5
"""Times that the largest magnitude must occur more often than the next to be a full scale that was hit."""


class UnrelatedError(InputError):
    """Currents without any relation to conductances and voltages."""


def require_plausible(target_s: Matrices, voltage_v: Inputs, current_a: Readings) -> None:
    """Refuse currents of another unit, sign or order than conductances and voltages say.

    Args:
        target_s: conductances asked for [S], (K, N, M).
        voltage_v: inputs [V], (K, V, N).
        current_a: readings [A], (K, V, M); NaN where there is none.

    Raises:
        InputError: the finding, with the option of `crosscal import` that corrects it.
    """
    _require_possible(target_s, voltage_v)
    ideal_a = voltage_v @ target_s
    factor, correlation = _relation(ideal_a, current_a)
    orders = [
        (_relation(other_a, current_a)[1], finding, remedy)
        for other_a, finding, remedy in _other_orders(target_s, voltage_v)
    ]
    best, finding, remedy = max(orders, key=lambda each: abs(each[0]))
    if (1 - best**2) * BETTER < 1 - correlation**2 and abs(best) > UNEXPLAINED:
        raise InputError(
            wanted(
                got=f"currents that fit {finding} (correlation {abs(best):.3f}, not {abs(correlation):.3f})",
                allowed="rows as inputs and columns as outputs, each in the board's order",
                remedy=remedy,
            )
        )
    if abs(correlation) < UNEXPLAINED:
        raise UnrelatedError(
            wanted(
                got=f"currents that do not follow conductance × voltage (correlation {correlation:.2f})",
                allowed=f"{UNEXPLAINED:g} or more",
                remedy="look for matrices, vectors or columns in another order, or give --unchecked",
            )
        )
    if factor < 0:
        raise InputError(
            wanted(
                got="currents of the opposite sign",
                allowed="currents that are positive for positive voltages",
                remedy="give --negate",
            )
        )
    if not 1 / PLAUSIBLE_FACTOR <= factor <= PLAUSIBLE_FACTOR:
        raise RangeError(_wrong_unit(factor))


def _require_possible(target_s: Matrices, voltage_v: Inputs) -> None:
    """Refuse conductances and voltages that no array has: both in other units, currents would still fit."""
    largest_s, largest_v = float(np.abs(target_s).max()), float(np.abs(voltage_v).max())
    if largest_s > MOST_S:
        raise RangeError(
            wanted(
                got=f"conductances up to {largest_s:.3g} S",
                allowed=f"{MOST_S:g} S, far more than any cell has",
                remedy="give --conductance-unit uS if they are in uS, --current-unit uA for currents in uA",
            )
        )
    if largest_v > MOST_V:
        raise RangeError(
            wanted(
                got=f"inputs up to {largest_v:.3g} V",
                allowed=f"{MOST_V:g} V, far more than cells are read with",
                remedy="give --voltage-unit mV if they are in mV",
            )
        )


def require_unsaturated(current_a: Readings) -> None:
    """Refuse readings that pile up at one largest magnitude, as those of a saturated amplifier do.

    Raises:
        RangeError: the magnitude, with the option that marks such readings.
    """
    magnitudes, counts = np.unique(np.abs(current_a[np.isfinite(current_a)]), return_counts=True)
    if len(counts) > 1 and counts[-1] >= max(3, SPIKE * counts[-2]):
        raise RangeError(
            wanted(
                got=f"{counts[-1]} readings of exactly {magnitudes[-1]:.6g} A, the largest magnitude",
                allowed="readings inside the range of the amplifiers",
                remedy=f"give --full-scale {magnitudes[-1]:.6g}A, so that these are marked as saturated",
            )
        )


def _relation(ideal_a: Readings, current_a: Readings) -> tuple[float, float]:
    """Find slope and correlation of readings over ideal currents, their means by matrix and column aside."""
    present = np.isfinite(current_a)
    counts = np.maximum(present.sum(axis=1, keepdims=True), 1)
    ideal_a = np.where(present, ideal_a, 0.0)
    read_a = np.where(present, current_a, 0.0)
    if current_a.shape[1] > 2:
        # An offset is no relation; with fewer vectors there is nothing else to look at.
        ideal_a = np.where(present, ideal_a - ideal_a.sum(axis=1, keepdims=True) / counts, 0.0)
        read_a = np.where(present, read_a - read_a.sum(axis=1, keepdims=True) / counts, 0.0)
    product, square = float((ideal_a * read_a).sum()), float((ideal_a**2).sum())
    scale = np.sqrt(square * float((read_a**2).sum()))
    return (product / square if square else 0.0), (product / scale if scale else 0.0)


def _other_orders(target_s: Matrices, voltage_v: Inputs) -> list[tuple[Readings, str, str]]:
    orders = [
        (voltage_v @ target_s[:, ::-1], "rows in reverse order", "give --reverse-rows"),
        (voltage_v @ target_s[:, :, ::-1], "columns in reverse order", "give --reverse-columns"),
    ]
    if target_s.shape[1] == target_s.shape[2]:
        turned_a = voltage_v @ target_s.transpose(0, 2, 1)
        orders.append((turned_a, "transposed conductances", "give --transpose"))
    if len(target_s) > 1:
        orders.append((voltage_v @ target_s[::-1], "matrices in reverse order", "sort the matrices"))
    return orders


def _wrong_unit(factor: float) -> str:
    power = 3 * round(np.log10(abs(factor)) / 3)
    prefix = {3: "m", 6: "u", 9: "n", 12: "p"}.get(power)
    fitting = {3: "mS", 6: "uS", 9: "nS"}.get(-power)
    remedy = "give the units with --current-unit, --voltage-unit and --conductance-unit"
    if prefix is not None:
        remedy = f"give --current-unit {prefix}A if the currents are in {prefix}A, or the other units"
    elif fitting is not None:
        remedy = f"give --conductance-unit {fitting} if the conductances are in {fitting}, or the other units"
    return wanted(
        got=f"currents of {factor:.3g} times conductance × voltage",
        allowed=f"{1 / PLAUSIBLE_FACTOR:.2g} to {PLAUSIBLE_FACTOR:g} times",
        remedy=remedy,
    )
