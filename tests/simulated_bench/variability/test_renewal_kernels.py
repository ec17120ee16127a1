"""Poisson processes that are functions of time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crosscal.simulated_bench.variability.renewal_kernels import (
    last_event,
    mixed,
    next_event,
    next_events,
    refresh,
)

pytestmark = pytest.mark.kernel

SEED = np.uint64(0xC0FFEE_0123456789)
MASK = 2**64 - 1
STREAMS = 2000


@pytest.fixture(autouse=True)
def _words_wrap():
    """Uncompiled, numpy warns of the overflow that hashing lives by."""
    with np.errstate(over="ignore"):
        yield


def twin_mixed(word: int) -> int:
    word = (word + 0x9E3779B97F4A7C15) & MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def twin_uniform(key: int, draw: int) -> float:
    return ((twin_mixed(key ^ draw) >> 11) + 0.5) / 2**53


def twin_events(seed: int, stream: int, slot: int) -> list[tuple[float, int]]:
    """Events of a slot, as times in slots and numbers."""
    key = twin_mixed(twin_mixed(twin_mixed(seed) ^ stream) ^ (slot & MASK))
    left, count, chance = twin_uniform(key, 1 << 20), 0, math.exp(-1)
    while left > chance:
        left, count = left - chance, count + 1
        chance /= count
    return [(slot + twin_uniform(key, k), k) for k in range(count)]


def test_the_hash_is_splitmix64():
    # First outputs of the reference implementation from state 0, which steps by that constant.
    assert int(mixed(np.uint64(0))) == 0xE220A8397B1DCDAF
    assert int(mixed(np.uint64(0x9E3779B97F4A7C15))) == 0x6E789E6AA1B965F4


@pytest.mark.parametrize("phase", [0.3, 7.25, 1000.5])
def test_events_are_those_of_a_plain_list(phase):
    for stream in range(20):
        slots = range(math.floor(phase) - 40, math.floor(phase) + 40)
        events = sorted(e for slot in slots for e in twin_events(int(SEED), stream, slot))
        before = [time for time, _ in events if time <= phase]
        after = [time for time, _ in events if time > phase]
        assert last_event(SEED, stream, phase)[2] == before[-1]
        assert next_event(SEED, stream, phase) == after[0]


def test_events_come_at_random_at_the_stated_rate():
    gaps = np.empty(STREAMS)
    next_events(SEED, 12.7, 3.0, np.arange(STREAMS), gaps)
    gaps -= 12.7
    # Exponential with a mean of 3: mean and deviation are uncertain by 1/sqrt(count) and 1.4 times that.
    assert gaps.min() > 0
    assert gaps.mean() == pytest.approx(3.0, rel=4 / math.sqrt(STREAMS))
    assert gaps.std() == pytest.approx(3.0, rel=6 / math.sqrt(STREAMS))


def values(times_s: list[float], *, normal: bool = True, interval_s: float = 2.0) -> np.ndarray:
    until_s, value = np.full(STREAMS, -np.inf), np.empty(STREAMS)
    taken = []
    for time_s in times_s:
        refresh(SEED, time_s, 5, np.full(STREAMS, interval_s), normal, until_s, value)
        taken.append(value.copy())
    return np.array(taken)


def test_values_are_functions_of_time_however_it_passed():
    direct = values([9.0])[-1]
    assert (values([0.1, 0.2, 3.0, 8.99, 9.0])[-1] == direct).all()
    assert (values(list(np.linspace(0.0, 9.0, 50)))[-1] == direct).all()


def test_values_are_remembered_less_and_less():
    kept = values([10.0, 10.5, 12.0, 20.0])
    spread = 4 / math.sqrt(STREAMS)
    assert kept[0].mean() == pytest.approx(0.0, abs=spread)
    assert kept[0].std() == pytest.approx(1.0, abs=spread)
    for later, passed_s in zip(kept[1:], (0.5, 2.0, 10.0), strict=True):
        correlation = np.corrcoef(kept[0], later)[0, 1]
        assert correlation == pytest.approx(math.exp(-passed_s / 2.0), abs=spread)


def test_uniform_values_fill_the_interval():
    flat = np.sort(values([4.0], normal=False)[0])
    # Kolmogorov: the largest distance stays below 1.95/sqrt(count) but for one case in a thousand.
    assert np.abs(flat - (np.arange(STREAMS) + 0.5) / STREAMS).max() < 1.95 / math.sqrt(STREAMS)


def test_times_beyond_what_a_number_resolves_still_give_a_value():
    assert np.isfinite(values([1e12, 2e12], interval_s=1e-9)).all()
