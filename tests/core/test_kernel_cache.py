"""Cache of compiled kernels: damaged files are compiled again; without a folder each process compiles."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.caching import IndexDataCacheFile

import crosscal.core.kernel_cache

MODULE = """
from numba import types
from crosscal.core.kernel_cache import njit

@njit([types.float64(types.float64)])
def twice(x):
    return 2.0 * x

@njit()
def thrice(x):
    return 3.0 * x
"""
INTERRUPTED = """
import sys
from numba.core.codegen import CPUCodeLibrary

def interrupted(*_):
    raise KeyboardInterrupt

CPUCodeLibrary._object_compiled_hook = interrupted
sys.unraisablehook = lambda _: None
"""
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import kernels
print(kernels.twice(2.0), kernels.thrice(2.0))
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {
        key: value for key, value in os.environ.items() if key not in ("NUMBA_DISABLE_JIT", "NUMBA_CACHE_DIR")
    }
    return subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=kept | environment,
    )


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the module's kernels once; numba knows them by this folder and the time of the file."""
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "kernels.py").write_text(MODULE)
    assert run(folder, NUMBA_CACHE_DIR=str(folder / "whole")).stdout == "4.0 6.0\n"
    return folder


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", ["cut off", "empty", "overwritten"])
def test_a_damaged_cache_file_is_compiled_again_with_a_line_that_says_so(
    compiled: Path, tmp_path: Path, ending: str, damage: str
):
    cache = tmp_path / "cache"
    shutil.copytree(compiled / "whole", cache)
    files = list(cache.rglob(f"*{ending}"))
    assert len(files) == 2
    for file in files:
        content = file.read_bytes()
        file.write_bytes(
            {"cut off": content[:-20], "empty": b"", "overwritten": b"\x00" * len(content)}[damage]
        )
    mended = run(compiled, NUMBA_CACHE_DIR=str(cache))
    assert (mended.returncode, mended.stdout) == (0, "4.0 6.0\n"), mended.stderr
    assert mended.stderr.count("compiling a kernel again") == 2
    assert "Traceback" not in mended.stderr
    afterwards = run(compiled, NUMBA_CACHE_DIR=str(cache))
    assert (afterwards.stdout, afterwards.stderr) == ("4.0 6.0\n", "")


def cache_file(folder: Path, *, source: str) -> IndexDataCacheFile:
    """Give the cache of a kernel, by numba's class as our module leaves it."""
    assert IndexDataCacheFile.save is crosscal.core.kernel_cache._save_named
    return IndexDataCacheFile(cache_path=str(folder), filename_base="kernel", source_stamp=source)


def test_code_of_an_older_source_is_not_run_while_another_process_writes_the_new(tmp_path: Path):
    cache_file(tmp_path, source="old").save("float64", "old code")
    writing, reading = (cache_file(tmp_path, source="new") for _ in range(2))
    # The other process has come as far as the index, which names the file that the old source left.
    writing._save_index({"float64": writing._data_name(1)})
    assert reading.load("float64") is None
    writing.save("float64", "new code")
    assert reading.load("float64") == "new code"


def test_code_of_one_type_is_not_run_for_another_when_two_processes_number_their_files_alike(tmp_path: Path):
    one, other = (cache_file(tmp_path, source="same") for _ in range(2))
    one.save("float64", "for float64")
    # The other process read an empty index, and has not written its own.
    other._save_data(other._data_name(1), ("same", "int64", "for int64"))
    assert one.load("float64") is None


def test_an_interrupt_that_llvm_dropped_while_it_compiled_is_an_interrupt(tmp_path: Path):
    """Python prints an exception of a callback and goes on, so that numba misses the code.

    In a process of its own: numba hands the callback to LLVM before it compiles its first kernel.
    """
    (tmp_path / "kernels.py").write_text(INTERRUPTED + MODULE)
    ended = run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path))
    assert "KeyboardInterrupt" in ended.stderr.splitlines()[-1]


def test_a_compilation_that_takes_a_while_is_told_once(compiled: Path, tmp_path: Path):
    told = (compiled / "kernels.py").read_text() + "\nfrom crosscal.core import compile_notice\n"
    told += "compile_notice.PATIENCE_S = 0.0\ncompile_notice.NOTICE.tell = print\n"
    (tmp_path / "kernels.py").write_text(told)
    first = run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert first.stdout.count("compiling kernels") == 1, first
    assert run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache")).stdout == "4.0 6.0\n"


def test_without_a_folder_to_write_in_kernels_run_and_one_line_names_the_variable(tmp_path: Path):
    # A path below a file can be written by nobody, not even by root.
    (tmp_path / "file").write_text("")
    nowhere = str(tmp_path / "file" / "cache")
    (tmp_path / "kernels.py").write_text(MODULE)
    (tmp_path / "__pycache__").write_text("")
    ended = run(tmp_path, NUMBA_CACHE_DIR="", HOME=nowhere, XDG_CACHE_HOME=nowhere)
    assert (ended.returncode, ended.stdout) == (0, "4.0 6.0\n"), ended.stderr
    assert ended.stderr.count("NUMBA_CACHE_DIR") == 1
