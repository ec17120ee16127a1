"""Probe of a user's current–voltage law: buffers filled, slope against a difference, monotony."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import NoReturn

import numpy as np

from crosscal.core.errors import CrosscalError, InputError, RangeError, wanted
from crosscal.simulated_bench.devices.law import CellLaw

PROBES_V = np.array([-0.23, -0.07, 0.07, 0.23])
"""Within the range of reads, apart from 0 V and from round numbers, where laws are joined and slopes jump."""

STEP_V = 1e-4
"""Long enough for a law in single precision (1e-3 of its slope), short for one that grows e-fold in 25 mV."""

SLOPE_TOLERANCE = 3e-3
"""Relative to the slope or, if larger, the conductance; a forgotten factor is off by far more."""

UNTOUCHED = -0.123456789
"""Stands in buffers that are to be filled; no law gives it everywhere."""

REMEMBERED = 64
"""Laws known to be sound, so that each is probed once."""

_sound: OrderedDict[tuple[int, int], CellLaw] = OrderedDict()
_lock = threading.Lock()


def require_sound_once(law: CellLaw, conductance_s: np.ndarray) -> None:
    """Probe a law that does not come with crosscal, when it is met for the first time with so many rows.

    Args:
        law: of the cells.
        conductance_s: nominal conductances of an array [S], (N, M).

    Raises:
        InputError: as `require_sound_law`.
    """
    if type(law).__module__.startswith("crosscal.simulated_bench.devices."):
        return
    key = (id(law), len(conductance_s))
    with _lock:
        if _sound.get(key) is law:
            _sound.move_to_end(key)
            return
    require_sound_law(law, conductance_s)
    with _lock:
        _sound[key] = law  # held, so that no other law can have its id
        while len(_sound) > REMEMBERED:
            _sound.popitem(last=False)


def require_sound_law(law: CellLaw, conductance_s: np.ndarray, *, least_slope_s: float = -math.inf) -> None:
    """Evaluate a law at a few voltages and refuse one that the solver could not work with.

    Args:
        law: of the cells.
        conductance_s: nominal conductances of an array [S], (N, M); their number of rows is kept.
        least_slope_s: the steepest fall with rising voltage for which the circuit has a single solution [S].

    Raises:
        InputError: the message names class and method; a RangeError for currents that are no numbers.
    """
    probe_s = _probe_conductances_s(conductance_s)
    low_v = PROBES_V[:, None, None] + np.array([-STEP_V, 0.0, STEP_V])[None, :, None]
    voltage_v = np.broadcast_to(low_v.reshape(-1, 1, 1), (low_v.size, *probe_s.shape)).copy()
    current_a, slope_s = _evaluated(law, probe_s, voltage_v, fill=np.nan)
    again_a, again_s = _evaluated(law, probe_s, voltage_v, fill=UNTOUCHED)
    _require_filled(law, "current_a", again_a)
    _require_filled(law, "slope_s", again_s)
    _require_finite(law, current_a, slope_s, probe_s, voltage_v)
    if not np.array_equal(current_a, again_a):
        _refuse(law, "evaluate", "other currents when it is called again", "a function of its arguments")
    _require_derivative(law, current_a, slope_s, probe_s, voltage_v)
    falls = np.argwhere(slope_s <= least_slope_s)
    if len(falls):
        got = f"slope_s = {slope_s[tuple(falls[0])]:.4g} S {_place(falls[0], probe_s, voltage_v)}"
        allowed = f"above {least_slope_s:.4g} S, so that the circuit has one solution with these wires"
        _refuse(law, "evaluate", got, allowed)
    _require_check(law, probe_s, voltage_v)


def _probe_conductances_s(conductance_s: np.ndarray) -> np.ndarray:
    """Choose the smallest and largest conductance above 0, for as many rows, (N, 2)."""
    some_s = conductance_s[conductance_s > 0]
    limits_s = (some_s.min(), some_s.max()) if some_s.size else (20e-6, 100e-6)
    return np.tile(np.array(limits_s), (len(conductance_s), 1))


def _evaluated(
    law: CellLaw, conductance_s: np.ndarray, voltage_v: np.ndarray, *, fill: float
) -> tuple[np.ndarray, np.ndarray]:
    """Call `evaluate` on buffers full of one number.

    Raises:
        InputError: it fails, or changes its inputs.
    """
    given_s, given_v = conductance_s.copy(), voltage_v.copy()
    current_a, slope_s = np.full(voltage_v.shape, fill), np.full(voltage_v.shape, fill)
    try:
        law.evaluate(given_s, given_v, current_a, slope_s)
    except CrosscalError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever a user's code raises)
        got = f"{type(error).__name__}: {error}"
        _refuse(law, "evaluate", got, "no failure at voltages of ±0.25 V", cause=error)
    if not (np.array_equal(given_s, conductance_s) and np.array_equal(given_v, voltage_v)):
        _refuse(
            law,
            "evaluate",
            "changed conductance_s or voltage_v",
            "writing to current_a and slope_s alone",
        )
    return current_a, slope_s


def _require_filled(law: CellLaw, name: str, values: np.ndarray) -> None:
    if (values == UNTOUCHED).any():
        allowed = f"writing into the array it is given, {name}[...] = …; nothing returned is used"
        _refuse(law, "evaluate", f"{name} not filled", allowed)


def _require_finite(
    law: CellLaw,
    current_a: np.ndarray,
    slope_s: np.ndarray,
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
) -> None:
    """Refuse NaN and infinity.

    Raises:
        RangeError: the message names the cell.
    """
    bad = np.argwhere(~(np.isfinite(current_a) & np.isfinite(slope_s)))
    if len(bad):
        _, i, j = (int(k) for k in bad[0])
        got = f"no finite current or slope in cell [{i}, {j}] {_place(bad[0], conductance_s, voltage_v)}"
        allowed = "finite numbers at every voltage; a range that the law is made for belongs into check(…)"
        raise RangeError(_told(law, "evaluate", got, allowed))


def _require_derivative(
    law: CellLaw,
    current_a: np.ndarray,
    slope_s: np.ndarray,
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
) -> None:
    """Refuse a slope outside the differences on its two sides: between them lies even that of a kink."""
    shape = (len(PROBES_V), 3, *conductance_s.shape)
    below_a, here_a, above_a = np.moveaxis(current_a.reshape(shape), 1, 0)
    given_s = slope_s.reshape(shape)[:, 1]
    backward_s, forward_s = (here_a - below_a) / STEP_V, (above_a - here_a) / STEP_V
    largest_s = np.maximum(np.maximum(np.abs(backward_s), np.abs(forward_s)), conductance_s)
    margin_s = SLOPE_TOLERANCE * largest_s
    least_s, most_s = np.minimum(backward_s, forward_s), np.maximum(backward_s, forward_s)
    wrong = np.argwhere(~((given_s >= least_s - margin_s) & (given_s <= most_s + margin_s)))
    if len(wrong):
        k, i, j = (int(n) for n in wrong[0])
        got = f"slope_s = {given_s[k, i, j]:.6g} S {_place((3 * k + 1, i, j), conductance_s, voltage_v)}"
        mean_s = (backward_s[k, i, j] + forward_s[k, i, j]) / 2
        _refuse(law, "evaluate", got, f"the derivative of its current, {mean_s:.6g} S there")


def _require_check(law: CellLaw, conductance_s: np.ndarray, voltage_v: np.ndarray) -> None:
    """Call the optional `check` as a solver does; it may refuse the voltages, but not fail."""
    check = getattr(law, "check", None)
    if check is None:
        return
    try:
        check(conductance_s, voltage_v)
    except CrosscalError:
        return
    except Exception as error:  # noqa: BLE001  (whatever a user's code raises)
        got = f"{type(error).__name__}: {error}"
        _refuse(law, "check", got, "check(conductance_s, voltage_v), which raises RangeError", cause=error)


def _place(index: tuple[int, ...] | np.ndarray, conductance_s: np.ndarray, voltage_v: np.ndarray) -> str:
    b, i, j = (int(k) for k in index)
    return f"at G = {conductance_s[i, j]:g} S, v = {voltage_v[b, i, j]:g} V"


def _refuse(law: CellLaw, method: str, got: str, allowed: str, *, cause: Exception | None = None) -> NoReturn:
    raise InputError(_told(law, method, got, allowed)) from cause


def _told(law: CellLaw, method: str, got: str, allowed: str) -> str:
    name = f"{type(law).__name__}.{method}"
    remedy = f"correct {name}, see docs/how_to/own_device.md"
    return f"{name}: {wanted(got=got, allowed=allowed, remedy=remedy)}"
