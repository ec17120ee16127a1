"""Threads that the solvers share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

CELLS_AT_ONCE = 16384  # a dozen working arrays of that many doubles fill a second-level cache of 2 MiB


def worker_count() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pieces_of(count: int, cells: int) -> list[slice]:
    """Cut a batch of `count` arrays into pieces that stay in a processor's cache and keep all workers busy."""
    size = max(1, min(CELLS_AT_ONCE // cells, -(-count // worker_count())))
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def run_all(work: Callable[[slice], None], pieces: Iterable[slice]) -> None:
    """Run `work` on every piece and wait; the first exception is raised when all have ended.

    All callers, from whatever thread, share one pool as large as the machine, so that nothing is
    oversubscribed; the kernels release the interpreter's lock, so that the threads really run side by side.
    A single piece runs in the caller's own thread.
    """
    pieces = list(pieces)
    if len(pieces) == 1:
        work(pieces[0])
        return
    futures = [_pool().submit(work, piece) for piece in pieces]
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    if errors:
        raise errors[0]


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=worker_count(), thread_name_prefix="crosscal-circuit")


if hasattr(os, "register_at_fork"):
    # threads do not survive a fork: the child starts a pool of its own when it first needs one
    os.register_at_fork(after_in_child=_pool.cache_clear)
