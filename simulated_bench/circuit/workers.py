"""Threads that the solvers share."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache

CELLS_AT_ONCE = 32768  # so many that calls cost little, so few that working arrays stay in the cache


def worker_count() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def piece_size(count: int, cells: int) -> int:
    """Choose the size of a piece: small enough for the cache, so that all workers get some of `count`."""
    return max(1, min(CELLS_AT_ONCE // cells, -(-count // worker_count())))


def run_in_pieces(count: int, size: int, begin: Callable[[], Callable[[slice], None]]) -> None:
    """Cut `count` items into pieces and have all workers take them in turn.

    All callers, from whatever thread, share one pool as large as the machine, so that nothing is
    oversubscribed; kernels release the interpreter's lock, so that threads really run side by side. A single
    piece runs in the caller's own thread.

    Args:
        count: number of items.
        size: largest number of items in a piece.
        begin: called once by each worker; gives the function that does a piece.

    Raises:
        Exception: the first that a worker raised; the pieces not yet begun are dropped.
    """
    pieces = deque(slice(first, min(first + size, count)) for first in range(0, count, size))
    if len(pieces) <= 1:
        _drain(pieces, begin)
        return
    try:
        futures = [_pool().submit(_drain, pieces, begin) for _ in range(min(len(pieces), worker_count()))]
        wait(futures)
    finally:
        pieces.clear()
    for future in futures:
        future.result()


def _drain(pieces: deque[slice], begin: Callable[[], Callable[[slice], None]]) -> None:
    work = begin()
    while pieces:
        try:
            piece = pieces.popleft()
        except IndexError:  # another worker was faster
            return
        try:
            work(piece)
        except BaseException:
            pieces.clear()
            raise


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=worker_count(), thread_name_prefix="crosscal-circuit")


if hasattr(os, "register_at_fork"):
    # threads do not survive a fork: the child starts a pool of its own when it first needs one
    os.register_at_fork(after_in_child=_pool.cache_clear)
