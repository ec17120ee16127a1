"""Dask cluster that shares the work of a long command.

The result of a task depends on its arguments alone, never on the worker or the order: so the results equal
a local run's to the bit. Dask gives the tasks of a worker that dies to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from crosscal.commands.terminal.progress import console
from crosscal.core.errors import ClusterError, InputError, wanted

if TYPE_CHECKING:
    from distributed import Client

A = TypeVar("A")
T = TypeVar("T")

CONNECT_S = 10.0
"""For the scheduler's answer: one across the world takes tenths of a second, a busy one some seconds."""

WORKERS_S = 600.0
"""For the first worker: a batch system may start it minutes after the scheduler."""


@contextmanager
def cluster(address: str) -> Iterator[Client]:
    """Connect to a scheduler; leaving it takes back the tasks that are not finished.

    Raises:
        ClusterError: nothing answers at the address, or no worker is there that has this crosscal.
        InputError: no address.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except ValueError as error:
        raise InputError(
            wanted(
                got=f"the scheduler {address!r}",
                allowed="an address such as tcp://host:8786",
                remedy="correct it",
            )
        ) from error
    except OSError as error:
        raise ClusterError(
            wanted(
                got=f"no answer from a Dask scheduler at {address} within {CONNECT_S:g} s",
                allowed="the address of one that runs, as tcp://host:8786",
                remedy="start it with dask scheduler and dask worker, or leave --scheduler out",
            )
        ) from error
    try:
        _require_workers(client, address)
        yield client
    finally:
        client.close()


def _require_workers(client: Client, address: str) -> None:
    """Wait for the first worker, and say so: a scheduler without any takes tasks and never answers."""
    if client.scheduler_info()["workers"]:
        return
    console.print(
        f"[yellow]the scheduler at {address} has no worker yet; waiting for one (start it with: dask worker "
        f"{address})",
        soft_wrap=True,
    )
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError as error:
        raise ClusterError(
            wanted(
                got=f"a scheduler at {address} without a worker for {WORKERS_S:g} s",
                allowed="one worker or more",
                remedy=f"start them with dask worker {address}, or leave --scheduler out",
            )
        ) from error


def map_unordered(client: Client, task: Callable[[A], T], arguments: Iterable[A]) -> Iterator[T]:
    """Run a task for each argument on the cluster, and yield the results as they come.

    An error that the task itself raised is raised here. Tasks of a worker that dies are given to another.

    Raises:
        ClusterError: the cluster gave a task up: too many workers died over it, or they lack crosscal.
    """
    from distributed import as_completed

    futures = [client.submit(task, each, pure=False) for each in arguments]
    try:
        for future in as_completed(futures, loop=client.loop):
            yield _result(future)
            future.release()
    finally:
        client.cancel([future for future in futures if not future.done()])


def _result(future: Any) -> Any:
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    try:
        return future.result()
    except (KilledWorker, CancelledError, ModuleNotFoundError) as error:
        raise _cluster_error(error) from error
    except RuntimeError as error:
        # Dask's own, where a worker or the scheduler cannot read a message.
        if "deserialization" not in str(error):
            raise
        raise _cluster_error(error) from error


def _cluster_error(error: Exception) -> ClusterError:
    return ClusterError(
        wanted(
            got=f"a task that the cluster gave up ({' '.join(str(error).split())})",
            allowed="workers with this version of crosscal and memory enough",
            remedy="mend the workers, and give the command again: finished parts are kept",
        )
    )
