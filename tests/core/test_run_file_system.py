"""run.h5 on file systems that refuse: no room, limits, no locks; one clear error, and nothing left behind."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import RunFileError
from crosscal.core.run.layout import MatrixRecord, RunPlan
from crosscal.core.run.writer import RunWriter
from crosscal.core.run_file import read_run

# 2.8 MB.
PLAN = RunPlan(
    matrices=100, vectors=100, rows=12, columns=16, inputs="random", seed=1, identity="x", has_truth=True
)
SMALL = dataclasses.replace(PLAN, matrices=2, vectors=3)

CREATE = """
import sys
from pathlib import Path
from crosscal.core.errors import RunFileError
from crosscal.core.run.layout import RunPlan
from crosscal.core.run.writer import RunWriter
plan = RunPlan(matrices=100, vectors=100, rows=12, columns=16, inputs="random", seed=1, identity="x",
               has_truth=True)
try:
    RunWriter.create(Path(sys.argv[1]), plan, {})
except RunFileError as error:
    sys.exit(str(error))
"""


def record() -> MatrixRecord:
    return MatrixRecord(
        target_s=np.ones((12, 16)),
        voltage_v=np.ones((3, 12)),
        current_a=np.ones((3, 16)),
        status=np.zeros((3, 16), dtype=np.uint8),
        range_a=1e-3,
        temperature_c=25.0,
        time_s=1.7e9,
        cells_failed=0,
        program_rms_error=0.01,
        true_conductance_s=np.ones((12, 16)),
    )


def read_elsewhere(path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Read a run in another process."""
    code = "import sys; from crosscal.core.run_file import read_run; read_run(sys.argv[1])"
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system takes the rights of root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_run_larger_than_the_disk_is_refused_before_a_byte_is_written(small_disk: Path):
    path = small_disk / "run.h5"
    with pytest.raises(RunFileError, match=r"100 matrices with 100 vectors each, 2.78 MB; allowed: 205 kB"):
        RunWriter.create(path, PLAN, {})
    assert list(small_disk.iterdir()) == []
    # Nothing is in the way of a run that fits.
    RunWriter.create(path, SMALL, {}).close()


@pytest.mark.parametrize("count", [10**6, 10**9, 2**62])
def test_a_typo_in_the_number_of_vectors_fills_no_disk(tmp_path: Path, count: int):
    plan = dataclasses.replace(PLAN, matrices=10**6, vectors=count)
    with pytest.raises(RunFileError, match="the free space of"):
        RunWriter.create(tmp_path / "run.h5", plan, {})
    assert list(tmp_path.iterdir()) == []


def test_a_limit_on_the_size_of_files_is_one_clear_error_and_leaves_nothing(tmp_path: Path):
    pytest.importorskip("resource")
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (102400, 102400)){CREATE}"
    ended = subprocess.run(
        [sys.executable, "-c", limited, str(tmp_path / "run.h5")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "File too large; raise the limit on the size of a file" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not shutil.which("cc"), reason="without locks by a library that is compiled here")
def test_a_file_system_without_locks_is_named_with_its_variable_and_leaves_nothing(tmp_path: Path):
    source, library = tmp_path / "no_locks.c", tmp_path / "no_locks.so"
    source.write_text(
        "#include <errno.h>\nint flock(int f, int o) { (void)f, (void)o; errno = ENOLCK; return -1; }"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    folder = tmp_path / "runs"
    folder.mkdir()
    keys = {**os.environ, "LD_PRELOAD": str(library)}

    def create(**more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", CREATE, str(folder / "run.h5")]
        return subprocess.run(command, env=keys | more, capture_output=True, text=True, check=False)

    refused = create()
    assert refused.returncode == 1
    assert "no file locking: set HDF5_USE_FILE_LOCKING=FALSE" in refused.stderr
    assert list(folder.iterdir()) == []
    # The advice helps, and nothing is in its way.
    assert create(HDF5_USE_FILE_LOCKING="FALSE").returncode == 0
    read = read_elsewhere(folder / "run.h5", keys)
    assert "HDF5_USE_FILE_LOCKING" in read.stderr.splitlines()[-1]


def test_a_file_that_another_program_writes_is_refused_as_such(tmp_path: Path):
    path = tmp_path / "run.h5"
    with RunWriter.create(path, SMALL, {}) as writer:
        writer.write(0, record())
        read = read_elsewhere(path, dict(os.environ))
        assert "another program has the file open: wait for its end" in read.stderr.splitlines()[-1]
    assert len(read_run(path).target_s) == 1


def test_a_folder_that_does_not_exist_is_named_with_a_remedy(tmp_path: Path):
    with pytest.raises(RunFileError, match="No such file or directory; choose a folder that exists"):
        RunWriter.create(tmp_path / "nowhere" / "run.h5", SMALL, {})


def test_a_start_that_failed_leaves_no_run_in_the_way_of_the_next(tmp_path: Path):
    path = tmp_path / "run.h5"
    with pytest.raises(KeyboardInterrupt), RunWriter.create(path, SMALL, {}):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    writer = RunWriter.create(path, SMALL, {})
    with pytest.raises(KeyboardInterrupt), writer:
        _write_one_and_stop(writer)
    assert len(read_run(path).target_s) == 1, "a finished matrix was lost"


def _write_one_and_stop(writer: RunWriter) -> None:
    writer.write(1, record())
    raise KeyboardInterrupt


def test_an_empty_run_left_by_a_kill_is_replaced_and_one_with_a_matrix_is_not(tmp_path: Path):
    path = tmp_path / "run.h5"
    RunWriter.create(path, PLAN, {}).close()
    with RunWriter.create(path, SMALL, {}) as writer:
        writer.write(0, record())
    with pytest.raises(RunFileError, match="exists already; resume it"):
        RunWriter.create(path, SMALL, {})
    assert len(read_run(path).target_s) == 1
