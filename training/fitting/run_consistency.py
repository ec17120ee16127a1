"""Consistency of a run: its measured currents beside the ideal ones of its targets and inputs.

A file with currents in another unit, or with rows, columns, vectors or matrices in another order than its
targets and inputs, trains to a calibrator that looks like any other. Each such fault is named here together
with its correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.errors import InputError, TrainingError, wanted
from crosscal.training.fitting.line_order import CORRECTIONS_OF_ORDER, likeness, pattern_share, reordered
from crosscal.training.measurements import Measurements

SCALES = (0.15, 4.0)
"""Healthy range of measured over ideal currents: a sinh cell passes 1.74 times its nominal current at 0.5 V,
wires take up to two thirds, and a wrong prefix is a factor of a thousand."""

LIKE = 0.5
"""Likeness from which an order is believed, below which the run's own is doubted. Runs lie above 0.8
with their own order, below 0.5 with another (tests/training/fitting/test_run_consistency.py)."""

UNLIKE = 0.25
"""Likeness below which currents do not belong to the targets, where no other order fits either."""

SURE = 0.9
"""Likeness from which an order found by matching line with line is right to the last line: of random boards
of 4×3 to 12×16 those with a line misplaced came to 0.88 at most, with none to 0.93 at least."""

FAINTEST = 0.2
"""Share of the currents' variation that must come from the matrices' pattern for an order to be told."""

FEWEST = 60
"""Usable currents below which chance makes patterns alike."""

CORRECTIONS = ("unit", "sign", *CORRECTIONS_OF_ORDER)
"""Names that `corrected` takes, and `crosscal train --correct`."""

MOST_V, MOST_S = 20.0, 0.01
"""Inputs and targets beyond those of any board: their own unit is wrong then."""

# By the power of ten that a unit was mistaken by.
_PREFIXES = {-9: "G", -6: "M", -3: "k", 3: "m", 6: "µ", 9: "n", 12: "p"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fault:
    """Contradiction between a run's currents and its targets and inputs.

    Attributes:
        text: the finding.
        correction: name among `CORRECTIONS`; None if nothing corrects it.
        data: the run with the correction applied.
    """

    text: str
    correction: str | None
    data: Measurements


def find_faults(data: Measurements) -> list[Fault]:
    """Compare measured with ideal currents: scale, sign, and order; empty for a run in which all agree."""
    varied = data.usable.sum(axis=1) >= 2
    if not varied.any() or not data.ideal_a[data.usable].any():
        return []
    found = [fault for fault in (_scale(data), _sign(data)) if fault is not None]
    ordered = _order(found[-1].data if found else data)
    return [*found, ordered] if ordered is not None else found


def corrected(data: Measurements, corrections: Sequence[str]) -> tuple[Measurements, list[str]]:
    """Correct a run's named faults, one after the other.

    Args:
        data: the run.
        corrections: names among `CORRECTIONS`.

    Returns:
        The corrected run, and the finding that each correction answers.

    Raises:
        InputError: a correction of a fault that the run does not have.
    """
    texts = []
    for name in sorted(set(corrections), key=CORRECTIONS.index):
        fault = next((fault for fault in find_faults(data) if fault.correction == name), None)
        if fault is None:
            raise InputError(
                wanted(
                    got=f"--correct {name} for a run that shows no such fault",
                    allowed="corrections of faults that are found",
                    remedy="leave it out",
                )
            )
        # Faults of scale and sign are found before those of order, whose data have them corrected as well.
        data = fault.data
        texts.append(fault.text)
    return data, texts


def require_consistent(data: Measurements) -> None:
    """Refuse a run that contradicts itself.

    Raises:
        TrainingError: the faults, each with the option that corrects it.
    """
    faults = find_faults(data)
    if not faults:
        return
    options = " ".join(f"--correct {fault.correction}" for fault in faults if fault.correction)
    remedy = f"give {options} if that is so" if options else "check the file that the run was made from"
    raise TrainingError(
        wanted(
            got="a run that contradicts itself: " + "; ".join(fault.text for fault in faults),
            allowed="currents that follow the targets and inputs beside them",
            remedy=f"{remedy}, or --accept-worse to train as it is",
        )
    )


def _scale(data: Measurements) -> Fault | None:
    measured_a, ideal_a = np.abs(data.current_a[data.usable]), np.abs(data.ideal_a[data.usable])
    strong = ideal_a > 0.1 * ideal_a.max()
    ratio = float(np.median(measured_a[strong] / ideal_a[strong]))
    low, high = SCALES
    if low <= ratio <= high or ratio == 0.0:
        return None
    power = 3 * round(np.log10(ratio) / 3)
    if low <= ratio / 10.0**power <= high and (named := _unit_fault(data, ratio, power)) is not None:
        return named
    text = (
        f"currents are {ratio:.3g} times the ideal ones, not {low:g} to {high:g}: a unit or a gain is wrong"
    )
    return Fault(text=text, correction=None, data=data)


def _unit_fault(data: Measurements, ratio: float, power: int) -> Fault | None:
    """Find the quantity with a wrong prefix: inputs or targets beyond any board's, else the currents."""
    quantity, unit, too_large = "current_a", "A", power
    if power < 0 and np.abs(data.voltage_v).max() > MOST_V:
        quantity, unit, too_large = "voltage_v", "V", -power
    elif power < 0 and np.abs(data.conductance_s).max() > MOST_S:
        quantity, unit, too_large = "conductance_s", "S", -power
    if too_large not in _PREFIXES:
        return None
    name = {"current_a": "currents", "voltage_v": "inputs", "conductance_s": "targets"}[quantity]
    return Fault(
        text=f"currents are {ratio:.3g} times the ideal ones: {name} look like {_PREFIXES[too_large]}{unit}",
        correction="unit",
        data=replace(data, **{quantity: getattr(data, quantity) / 10.0**too_large}),
    )


def _sign(data: Measurements) -> Fault | None:
    if float((data.current_a[data.usable] * data.ideal_a[data.usable]).sum()) >= 0.0:
        return None
    negated = replace(data, current_a=-data.current_a)
    return Fault(text="currents have the reversed sign", correction="sign", data=negated)


def _order(data: Measurements) -> Fault | None:
    if data.usable.sum() * data.shape[1] < FEWEST or pattern_share(data) < FAINTEST:
        return None
    own = likeness(data)
    if own >= LIKE:
        return None
    # Of orders that are as good the first, which is the plainer.
    best = max(reordered(data), key=lambda found: round(found.likeness, 6))
    if best.likeness >= LIKE and best.likeness > 2.0 * own:
        sure = not best.matched or best.likeness >= SURE
        return Fault(text=best.text, correction=best.correction if sure else None, data=best.data)
    if own >= UNLIKE:
        return None
    text = f"currents do not look like the targets in any order (likeness {own:.2f} of 1)"
    return Fault(text=text, correction=None, data=data)
