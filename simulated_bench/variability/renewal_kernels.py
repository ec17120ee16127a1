"""Poisson processes as functions of time: last and next event, without a history.

Time is cut into slots as long as the process's mean interval. How many events a slot holds, and where, comes
from a hash of seed, stream and slot; so any time can be asked, in any order, and the answer never depends on
the steps of time.
"""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit

SLOTS_MOST = 64
"""So many slots in a row are empty with a chance of e^-64."""

# SplitMix64's.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_COUNT = np.uint64(1 << 20)  # number of a draw that no event has
_S27, _S30, _S31, _S11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)
_LARGEST_SLOT = 9e18  # fits 64 bits with a sign, 9.22e18


@njit(nogil=True)
def mixed(word):
    """Scramble 64 bits (the finaliser of Steele, Lea and Flood's SplitMix64)."""
    word = (word + _GOLDEN) & np.uint64(0xFFFFFFFFFFFFFFFF)
    word = (word ^ (word >> _S30)) * _FIRST
    word = (word ^ (word >> _S27)) * _SECOND
    return word ^ (word >> _S31)


@njit(nogil=True)
def slot_key(seed, stream, slot):
    """Return the key that all draws of a slot derive from."""
    number = np.uint64(np.int64(min(max(slot, -_LARGEST_SLOT), _LARGEST_SLOT)))
    return mixed(mixed(mixed(seed) ^ np.uint64(stream)) ^ number)


@njit(nogil=True)
def uniform(key, draw):
    """Return a number in (0, 1), exclusive of both."""
    return (np.float64(mixed(key ^ np.uint64(draw)) >> _S11) + 0.5) * 2.0**-53


@njit(nogil=True)
def event_count(key):
    """Count the events in a slot: Poisson with a mean of 1, by inversion."""
    left = uniform(key, _COUNT)
    chance = math.exp(-1.0)
    count = 0
    while left > chance and count < 30:
        left -= chance
        count += 1
        chance /= count
    return count


@njit(nogil=True)
def last_event(seed, stream, phase):
    """Find the last event up to a time, in slots; gives its slot's key, its number there, and its time."""
    slot = math.floor(phase)
    for _ in range(SLOTS_MOST):
        key = slot_key(seed, stream, slot)
        best, number = -np.inf, -1
        for k in range(event_count(key)):
            time = slot + uniform(key, k)
            if best < time <= phase:
                best, number = time, k
        if number >= 0:
            return key, number, best
        slot -= 1.0
    return slot_key(seed, stream, slot), 0, slot


@njit(nogil=True)
def next_event(seed, stream, phase):
    """Find the time in slots of the first event after a time in slots."""
    slot = math.floor(phase)
    for _ in range(SLOTS_MOST):
        key = slot_key(seed, stream, slot)
        best = np.inf
        for k in range(event_count(key)):
            time = slot + uniform(key, k)
            if phase < time < best:
                best = time
        if best < np.inf:
            return best
        slot += 1.0
    return slot


@njit(nogil=True)
def refresh(seed, time_s, first_stream, interval_s, normal, until_s, value):
    """Bring the values of many streams up to a time; a stream takes a new one at each of its events.

    Args:
        seed: 64 bits.
        time_s: not before that of the last call, unless `until_s` was set to -inf.
        first_stream: number of the first stream.
        interval_s: mean time between events of each stream [s], (S,).
        normal: standard normal values if true, else uniform in (0, 1).
        until_s: when each value ends [s], (S,); changed in place.
        value: (S,); changed in place.
    """
    for s in range(len(value)):
        if time_s < until_s[s]:
            continue
        stream, phase = first_stream + s, time_s / interval_s[s]
        key, number, _ = last_event(seed, stream, phase)
        one = uniform(key, 100 + 2 * number)
        if normal:
            two = uniform(key, 101 + 2 * number)
            value[s] = math.sqrt(-2.0 * math.log(one)) * math.cos(2.0 * math.pi * two)
        else:
            value[s] = one
        until_s[s] = next_event(seed, stream, phase) * interval_s[s]


@njit(nogil=True)
def next_events(seed, time_s, interval_s, streams, out_s):
    """Find the time of the first event after `time_s` of each stream [s], (S,)."""
    for s in range(len(streams)):
        out_s[s] = next_event(seed, streams[s], time_s / interval_s) * interval_s


EVENTS_MOST = 30.0
"""Mean events of a trap in a window, above which the part it is charged for is drawn as a normal number."""


def averaged_variance(events: np.ndarray) -> np.ndarray:
    """Return the variance of a telegraph signal's mean over a window, relative to that at one instant.

    Args:
        events: window over mean interval; any shape. The signal forgets its state at each event.
    """
    x = np.maximum(events, 1e-4)
    return 2.0 * (x - 1.0 + np.exp(-x)) / x**2


def lagged_variance(events: np.ndarray, lag: np.ndarray) -> np.ndarray:
    """Return the covariance of a telegraph signal's means over two windows, relative to its variance.

    Args:
        events: window over mean interval; any shape.
        lag: from the start of one window to that of the other, over mean interval; `events` or more.
    """
    x = np.maximum(events, 1e-4)
    return np.exp(np.minimum(x - lag, 0.0)) * (-np.expm1(-x) / x) ** 2


@njit(nogil=True)
def time_charged(seed, start_s, end_s, interval_s, share, until_s, value, out):
    """Find the part of a window for which each trap is charged, (S,).

    Args:
        seed: 64 bits.
        start_s, end_s: the window [s]; its start is not before the end of the last one.
        interval_s: mean time between events of each trap [s], (S,).
        share: part of all time that a trap is charged.
        until_s: when each value ends [s], (S,); -inf at first; changed in place.
        value: uniform number of each trap, charged below `share`, (S,); changed in place.
        out: results in [0, 1], (S,).
    """
    for s in range(len(value)):
        start, end = start_s / interval_s[s], end_s / interval_s[s]
        if end_s < until_s[s]:
            out[s] = 1.0 if value[s] < share else 0.0
            continue
        if end - start > EVENTS_MOST:
            out[s] = _mean_of_many_events(seed, s, start, end, share)
        else:
            out[s] = _mean_of_few_events(seed, s, start, end, share)
        key, number, _ = last_event(seed, s, end)
        value[s] = uniform(key, 100 + 2 * number)
        until_s[s] = next_event(seed, s, end) * interval_s[s]


@njit(nogil=True)
def _mean_of_few_events(seed, stream, start, end, share):
    """Add up the stretches between events of a window in slots."""
    charged, time = 0.0, start
    while True:
        key, number, _ = last_event(seed, stream, time)
        later = min(next_event(seed, stream, time), end)
        if uniform(key, 100 + 2 * number) < share:
            charged += later - time
        if later >= end:
            break
        time = later
    if end > start:
        return charged / (end - start)
    return 1.0 if uniform(key, 100 + 2 * number) < share else 0.0


@njit(nogil=True)
def _mean_of_many_events(seed, stream, start, end, share):
    """Draw the mean over a window of many slots: normal, with the variance of a telegraph signal."""
    key = mixed(slot_key(seed, stream, math.floor(end)) ^ np.uint64(1 << 30))
    normal = math.sqrt(-2.0 * math.log(uniform(key, 0))) * math.cos(2.0 * math.pi * uniform(key, 1))
    x = end - start
    deviation = math.sqrt(share * (1.0 - share) * 2.0 * (x - 1.0) / x**2)
    return min(max(share + deviation * normal, 0.0), 1.0)
