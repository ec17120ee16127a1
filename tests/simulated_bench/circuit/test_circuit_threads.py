"""The solvers may be called from several threads, and from a process that was forked."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crosscal.simulated_bench import Ohmic, Sinh, Wires, sensitivity, solve_currents
from crosscal.simulated_bench.circuit.workers import run_in_pieces, worker_count

WIRES = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)


def case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(10, 60, 2)
    return rng.uniform(16.6e-6, 100e-6, (rows, columns)), rng.uniform(0.1, 0.5, (40, rows))


def solve(seed: int) -> np.ndarray:
    conductance_s, drive_v = case(seed)
    return solve_currents(conductance_s, drive_v, wires=WIRES, device=Sinh() if seed % 2 else Ohmic())


def test_callers_in_several_threads_get_their_own_results() -> None:
    alone = [solve(seed) for seed in range(12)]
    with ThreadPoolExecutor(6) as callers:
        together = list(callers.map(solve, range(12)))
    for expected_a, got_a in zip(alone, together, strict=True):
        assert np.array_equal(got_a, expected_a)


def test_several_callers_share_no_more_threads_than_there_are_processors() -> None:
    with ThreadPoolExecutor(6) as callers:
        list(callers.map(solve, range(12)))
        ours = [t for t in threading.enumerate() if t.name.startswith("crosscal-circuit")]
    assert 1 <= len(ours) <= worker_count()


def _solve_in_child(seed: int, answers) -> None:
    answers.put(solve(seed))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_starts_workers_of_its_own(method: str) -> None:
    """A forked child inherits a pool whose threads do not exist there."""
    expected_a = solve(3)
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    child = context.Process(target=_solve_in_child, args=(3, answers))
    child.start()
    got_a = answers.get(timeout=120)
    child.join(timeout=60)
    assert child.exitcode == 0
    assert np.array_equal(got_a, expected_a)


def test_sensitivities_of_a_batch_do_not_depend_on_the_batch() -> None:
    conductance_s, drive_v = case(4)
    together_s = sensitivity(conductance_s, drive_v[:3], wires=WIRES, device=Sinh())
    alone_s = sensitivity(conductance_s, drive_v[1], wires=WIRES, device=Sinh())
    assert np.array_equal(alone_s, together_s[1])


@pytest.mark.parametrize(("count", "size"), [(0, 3), (1, 3), (7, 3), (9, 3), (100, 1)])
def test_every_item_is_worked_on_exactly_once(count: int, size: int) -> None:
    done = np.zeros(count, dtype=int)

    def begin():
        def work(piece: slice) -> None:
            done[piece] += 1

        return work

    run_in_pieces(count, size, begin)
    assert (done == 1).all()


def test_the_first_error_ends_the_work() -> None:
    begun = []

    def begin():
        def work(piece: slice) -> None:
            begun.append(piece.start)
            raise ValueError("broken")

        return work

    with pytest.raises(ValueError, match="broken"):
        run_in_pieces(1000, 1, begin)
    assert len(begun) <= worker_count()
