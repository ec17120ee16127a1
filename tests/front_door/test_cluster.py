"""Sharing work over a Dask cluster: the same results to the bit, and nothing lost with a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_process import crosscal_process
from distributed import Client, LocalCluster

from crosscal.commands.jobs import cluster as cluster_module
from crosscal.commands.jobs import simulated_collection
from crosscal.commands.jobs.cluster import cluster, map_unordered
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.core.errors import ClusterError, InputError, ScpiError
from crosscal.core.run_file import read_run
from crosscal.training import CollectionPlan, measure_matrix

RESOURCE = "TCPIP0::localhost::inst0::INSTR"
BENCH = """
profile = "lab-12x16"
[array]
rows = 5
columns = 3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A scheduler and its workers, each a process of its own."""

    address: str
    workers: tuple[subprocess.Popen, ...]


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    common = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    # Warnings of the cluster's own processes are its own. This module's own tasks are found beside it.
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONWARNINGS": "default", "PYTHONPATH": path}
    with ExitStack() as stack:

        def start(program: str, *options: str) -> subprocess.Popen:
            command = [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", *options]
            process = stack.enter_context(subprocess.Popen(command, env=environment, **common))
            stack.callback(process.kill)
            return process

        start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        options = ("--scheduler-file", str(file), "--nthreads", "1", "--no-nanny")
        workers = tuple(start("dask_worker", *options) for _ in range(2))
        with Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            address = str(client.scheduler_info()["address"])
        yield Started(address=address, workers=workers)


def identified_square(number: int) -> tuple[int, int]:
    # Long enough for each worker to get some.
    threading.Event().wait(0.05)
    return number**2, os.getpid()


def refused(number: int) -> int:
    raise ScpiError(-222, f"Data out of range;{number}")


def test_a_run_measured_by_a_cluster_equals_a_local_one_to_the_bit(dask: Started, tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(BENCH)
    runs = []
    for name, more in (("local.h5", ()), ("shared.h5", ("--scheduler", dask.address))):
        path = tmp_path / name
        options = ("--backend", f"{bench}@crosscal", "--matrices", "6", "--vectors", "4", "-o", str(path))
        result = crosscal_process("collect", RESOURCE, *options, *more)
        assert result.returncode == 0, result.stderr
        runs.append(read_run(path))
    local, shared = runs
    for field in ("target_s", "voltage_v", "current_a", "status", "range_a", "true_conductance_s"):
        np.testing.assert_array_equal(getattr(shared, field), getattr(local, field))
    # Writing a cell is random: that the runs are equal is no accident of a board that is not.
    assert local.true_conductance_s is not None
    assert (local.true_conductance_s != local.target_s).all()


SUITE = """
[full]
training_matrices = 6
training_vectors = 12
test_matrices = 2
test_vectors = 64
[quick]
training_matrices = 6
training_vectors = 12
test_matrices = 2
test_vectors = 64
[reference]
array = { rows = 3, columns = 5 }
wires = { row_ohm = 2.0, column_ohm = 3.0 }
device = { law = "hopping" }
noise = { read_relative = 1e-3, full_scale_a = 1e-4 }
programming = { residual_error = 0.0 }
front_end = { profile = "ideal" }
[[board]]
name = "wide"
[[board]]
name = "tall"
array = { rows = 6, columns = 4 }
[[board]]
name = "impossible"
front_end = { profile = "no-such" }
"""


def test_a_suite_shared_by_a_cluster_equals_a_local_one_to_the_bit(dask: Started, tmp_path: Path) -> None:
    table = tmp_path / "boards.toml"
    table.write_text(SUITE)
    given = ("evaluate", "--suite", "--table", str(table), "--calibrators", "affine")
    for name, more in (("local", ()), ("shared", ("--scheduler", dask.address))):
        (tmp_path / name).mkdir()
        result = crosscal_process(*given, *more, cwd=tmp_path / name)
        assert result.returncode == 0, result.stderr
    local, shared = tmp_path / "local" / "suite", tmp_path / "shared" / "suite"
    names = {str(path.relative_to(local)) for path in local.rglob("*")}
    assert names == {str(path.relative_to(shared)) for path in shared.rglob("*")}
    assert {"wide/affine-recalibrated.json", "tall/affine.onnx", "impossible/measuring.failed"} <= names
    for name in names:
        if name.endswith((".json", ".csv", ".md", ".onnx", ".npy")):
            assert (shared / name).read_bytes() == (local / name).read_bytes(), name


def test_a_worker_that_dies_loses_nothing(dask: Started) -> None:
    with cluster(dask.address) as client:
        results = map_unordered(client, identified_square, range(60))
        first = next(results)
        victim = next(worker for worker in dask.workers if worker.pid == first[1])
        victim.send_signal(signal.SIGKILL)
        rest = list(results)
    assert sorted(square for square, _ in [first, *rest]) == [number**2 for number in range(60)]
    assert {process for _, process in rest} != {victim.pid}


def test_a_run_that_was_cut_off_equals_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(BENCH)
    plan = CollectionPlan(matrices=4, vectors=3, seed=5)
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    collect_simulated(bench, whole, plan, resume=False)
    with monkeypatch.context() as patch:

        def until_the_third(port: Any, plan: CollectionPlan, index: int) -> Any:
            if index == 2:
                raise KeyboardInterrupt
            return measure_matrix(port, plan, index)

        patch.setattr(simulated_collection, "measure_matrix", until_the_third)
        with pytest.raises(KeyboardInterrupt):
            collect_simulated(bench, cut, plan, resume=False)
    collect_simulated(bench, cut, plan, resume=True)
    np.testing.assert_array_equal(read_run(cut).current_a, read_run(whole).current_a)


def test_an_error_of_the_task_arrives_whole(dask: Started) -> None:
    with cluster(dask.address) as client, pytest.raises(ScpiError) as caught:
        list(map_unordered(client, refused, [7]))
    assert (caught.value.code, caught.value.text) == (-222, "Data out of range;7")


def test_workers_without_the_code_are_named(
    dask: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def task(number):\n    return number\n")
    monkeypatch.syspath_prepend(tmp_path)
    task = import_module("only_here").task
    with cluster(dask.address) as client, pytest.raises(ClusterError, match="this version of crosscal"):
        list(map_unordered(client, task, [7]))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_S", 0.2)
    with (
        pytest.raises(ClusterError, match=r"tcp://127\.0\.0\.1:9 .*dask scheduler"),
        cluster("tcp://127.0.0.1:9"),
    ):
        pass


def test_a_scheduler_without_a_worker_is_told_of_at_once_and_leaves_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster_module, "WORKERS_S", 0.3)
    bench, path = tmp_path / "bench.toml", tmp_path / "run.h5"
    bench.write_text(BENCH)
    alone = {"n_workers": 0, "processes": False, "protocol": "tcp://", "dashboard_address": ":0"}
    plan = CollectionPlan(matrices=2, vectors=3, seed=5)
    with LocalCluster(**alone, host="127.0.0.1") as started:
        address = started.scheduler_address
        with pytest.raises(
            ClusterError, match=rf"{address} without a worker for 0\.3 s.*leave --scheduler out"
        ):
            collect_simulated(bench, path, plan, resume=False, scheduler=address)
    said = " ".join(capsys.readouterr().err.split())
    assert f"the scheduler at {address} has no worker yet; waiting for one" in said
    assert f"dask worker {address}" in said
    assert not path.exists()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="tcp://host:8786"), cluster("carrier-pigeon://loft"):
        pass


def test_one_physical_board_is_not_shared(tmp_path: Path) -> None:
    result = crosscal_process(
        "collect", RESOURCE, "--backend", "@py", "--scheduler", "tcp://x:1", "-o", str(tmp_path / "run.h5")
    )
    assert result.returncode == 2
    assert "bench.toml@crosscal" in result.stderr
    assert not (tmp_path / "run.h5").exists()
