"""run.h5: what is recorded comes back; a kill loses nothing that was finished; foreign files are refused."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest

from crosscal.core.errors import RunFileError
from crosscal.core.run.layout import MatrixRecord, RepeatedReadings, RunPlan
from crosscal.core.run.writer import RunWriter
from crosscal.core.run_file import read_run

PLAN = RunPlan(
    matrices=4,
    vectors=5,
    rows=3,
    columns=2,
    inputs="random",
    seed=7,
    identity="crosscal,sim,1,0",
    has_truth=True,
    has_ages=True,
    has_read_backs=True,
)


def record(k: int) -> MatrixRecord:
    rng = np.random.default_rng(k)
    return MatrixRecord(
        target_s=rng.random((3, 2)),
        voltage_v=rng.random((5, 3)),
        current_a=rng.random((5, 2)),
        status=rng.integers(0, 8, (5, 2)).astype(np.uint8),
        range_a=1e-3,
        temperature_c=25.0,
        time_s=1.7e9 + k,
        cells_failed=k,
        program_rms_error=0.01,
        true_conductance_s=rng.random((3, 2)),
        written_s=rng.random((3, 2)),
        cell_age_s=rng.random((3, 2)),
        read_back_s=rng.random((3, 2)),
    )


def test_a_recorded_matrix_comes_back_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, PLAN, {"SENS:AVER:COUN": 1}) as writer:
        writer.write(2, record(2))
        assert writer.finished.tolist() == [False, False, True, False]
    run = read_run(path)
    assert run.plan == PLAN
    assert run.settings == {"SENS:AVER:COUN": 1}
    for name in set(MatrixRecord.__slots__) - {"repeats"}:
        np.testing.assert_array_equal(getattr(run, name)[0], getattr(record(2), name), err_msg=name)


def test_datasets_carry_their_units(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "run.h5", PLAN, {}).close()
    with h5py.File(tmp_path / "run.h5") as file:
        assert {name: file[name].attrs["unit"] for name in ("target_s", "voltage_v", "current_a")} == {
            "target_s": "S",
            "voltage_v": "V",
            "current_a": "A",
        }


def _write_for_ever(path: Path, started: multiprocessing.synchronize.Event) -> None:
    writer = RunWriter.create(path, PLAN, {})
    writer.write(0, record(0))
    started.set()
    while True:
        writer.write(1, record(1))


def test_a_killed_writer_leaves_its_finished_matrices_and_can_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_write_for_ever, args=(path, started))
    process.start()
    assert started.wait(60)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    np.testing.assert_array_equal(read_run(path).current_a[0], record(0).current_a)
    with RunWriter.resume(path, PLAN) as writer:
        assert writer.finished[0]
        for k in (1, 2, 3):
            writer.write(k, record(k))
    run = read_run(path)
    np.testing.assert_array_equal(run.cells_failed, [0, 1, 2, 3])


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_bytes(b"precious")
    with pytest.raises(RunFileError, match="exists already"):
        RunWriter.create(path, PLAN, {})
    assert path.read_bytes() == b"precious"


def test_resuming_with_another_plan_names_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    RunWriter.create(path, PLAN, {}).close()
    with pytest.raises(RunFileError, match="seed: the file has 7, asked for 8"):
        RunWriter.resume(path, dataclasses.replace(PLAN, seed=8))


def test_a_run_begun_without_read_backs_goes_on_without_them(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    RunWriter.create(path, dataclasses.replace(PLAN, has_read_backs=False), {}).close()
    with RunWriter.resume(path, PLAN) as writer:
        writer.write(0, record(0))
    run = read_run(path)
    assert not run.plan.has_read_backs
    assert run.read_back_s is None
    np.testing.assert_array_equal(run.current_a[0], record(0).current_a)


def test_a_run_begun_with_read_backs_is_not_resumed_without_them(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    RunWriter.create(path, PLAN, {}).close()
    with pytest.raises(RunFileError, match="has_read_backs: the file has True, asked for False"):
        RunWriter.resume(path, dataclasses.replace(PLAN, has_read_backs=False))


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_a_file_cut_short_is_refused_in_one_clear_error(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, PLAN, {}) as writer:
        writer.write(0, record(0))
    whole = path.read_bytes()
    path.write_bytes(whole[:kept])
    with pytest.raises(RunFileError, match=r"run\.h5"):
        read_run(path)


def test_foreign_empty_and_missing_files_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["x"] = 1
    with pytest.raises(RunFileError, match="not a crosscal run"):
        read_run(foreign)
    with pytest.raises(RunFileError, match="does not exist"):
        read_run(tmp_path / "nothing.h5")
    RunWriter.create(tmp_path / "empty.h5", PLAN, {}).close()
    with pytest.raises(RunFileError, match="no finished matrix"):
        read_run(tmp_path / "empty.h5")


def test_a_file_from_a_newer_crosscal_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    RunWriter.create(path, PLAN, {}).close()
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(RunFileError, match="99"):
        read_run(path)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("matrices", "many"),
        ("rows", 4),
        ("format_version", "x"),
        ("format_version", None),
        ("identity", None),
    ],
)
def test_a_damaged_header_is_refused_in_one_clear_error(
    tmp_path: Path, attribute: str, value: object
) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, PLAN, {}) as writer:
        writer.write(0, record(0))
    with h5py.File(path, "r+") as file:
        if value is None:
            del file.attrs[attribute]
        else:
            file.attrs[attribute] = value
    before = path.read_bytes()
    with pytest.raises(RunFileError, match=r"run\.h5 is damaged"):
        read_run(path)
    with pytest.raises(RunFileError, match=r"run\.h5 is damaged"):
        RunWriter.resume(path, PLAN)
    assert path.read_bytes() == before


def test_a_dataset_of_another_shape_than_the_header_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, PLAN, {}) as writer:
        writer.write(0, record(0))
    with h5py.File(path, "r+") as file:
        del file["current_a"]
        file["current_a"] = np.zeros((2, 5, 2))
    with pytest.raises(RunFileError, match=r"run\.h5 is damaged \(.*current_a.*\(2, 5, 2\).*\(4, 5, 2\)"):
        read_run(path)


def test_repeats_of_one_vector_come_back_with_the_first_matrix(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(1), tmp_path / "run.h5"
    repeats = RepeatedReadings(
        voltage_v=rng.random(3),
        current_a=rng.random((6, 2)),
        status=np.zeros((6, 2), np.uint8),
        reading_s=1e-3,
        spacing_s=1.2e-3,
    )
    with RunWriter.create(path, dataclasses.replace(PLAN, repeats=6), {}) as writer:
        writer.write(1, record(1))
        assert read_run(path).repeats is None
        writer.write(0, dataclasses.replace(record(0), repeats=repeats))
    again = tmp_path / "again.h5"
    read_run(path).save(again)
    for run in (read_run(path), read_run(again)):
        assert run.repeats is not None
        for name in RepeatedReadings.__slots__:
            np.testing.assert_array_equal(getattr(run.repeats, name), getattr(repeats, name))
