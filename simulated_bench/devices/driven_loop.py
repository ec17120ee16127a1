"""Memristor under a changing voltage: its pinched current–voltage loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.core.validation import real_array
from crosscal.simulated_bench.devices.memristor import Memristor


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenLoop:
    """Response of a driven memristor; each array has one value per instant.

    Attributes:
        time_s: when [s], (T,).
        voltage_v: across the cell [V], (T,).
        current_a: through it [A], (T,).
        resistance_ohm: its state [Ω], (T,).
    """

    time_s: np.ndarray
    voltage_v: np.ndarray
    current_a: np.ndarray
    resistance_ohm: np.ndarray


def driven_loop(
    device: Memristor, time_s: np.ndarray, voltage_v: np.ndarray, *, resistance_ohm: float | None = None
) -> DrivenLoop:
    """Drive one memristor through a waveform and record current and state.

    From one instant to the next the cell sees the mean of the two voltages: exact for a waveform that
    repeats its values at the ends of its plateaus, of second order in the intervals for a smooth one.

    Args:
        device: the memristor.
        time_s: instants [s], (T,), not falling.
        voltage_v: across the cell at these instants [V], (T,).
        resistance_ohm: state at the first one [Ω]; that of a new cell if None.

    Returns:
        Voltage, current and state at every instant.

    Raises:
        ShapeError: not one voltage per instant, or none at all.
        RangeError: instants that fall, or a voltage outside the device's valid range.
    """
    times_s, volts_v = real_array(time_s, "times"), real_array(voltage_v, "voltages")
    if times_s.ndim != 1 or times_s.shape != volts_v.shape or times_s.size == 0:
        got = f"time_s of shape {times_s.shape} and voltage_v of shape {volts_v.shape}"
        allowed, remedy = "two equally long lists of one or more", "give one voltage per instant"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy=remedy))
    interval_s = np.diff(times_s)
    if not (interval_s >= 0).all():
        k = int(np.flatnonzero(~(interval_s >= 0))[0])
        got = f"time_s[{k + 1}] = {times_s[k + 1]:g} s after {times_s[k]:g} s"
        raise RangeError(wanted(got=got, allowed="finite times that do not fall", remedy="sort them"))
    state_ohm = np.empty(times_s.shape)
    state_ohm[0] = device.initial_ohm if resistance_ohm is None else resistance_ohm
    device.current(state_ohm[0], volts_v)  # refuses a voltage by its place in the waveform
    between_v = (volts_v[:-1] + volts_v[1:]) / 2
    for k, (volt, second) in enumerate(zip(between_v, interval_s, strict=True)):
        state_ohm[k + 1] = device.step(state_ohm[k], volt, second)
    current_a = device.current(state_ohm, volts_v)
    return DrivenLoop(time_s=times_s, voltage_v=volts_v, current_a=current_a, resistance_ohm=state_ohm)
