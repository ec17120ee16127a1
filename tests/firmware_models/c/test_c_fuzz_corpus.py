"""Inputs that fuzzing has found to reach code of their own run without a fault (`fuzz/fuzz.py`)."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from c_host.library import find_compiler

from crosscal.firmware_models.c_sources import FOLDER, WARNINGS, board_sources, engine_sources

FUZZ = Path(__file__).with_name("fuzz")
FLAGS = (*WARNINGS, "-g", "-DINPUT_BYTES=96U", f"-I{FOLDER}", f"-I{FUZZ}")
# Undefined behaviour ends the process; so does a wrong address, where the compiler can watch them.
UNDEFINED = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
CORPUS_BYTES_MOST = 150_000


def compiled(folder: Path, sources: list[Path], *flags: str) -> subprocess.CompletedProcess[str]:
    command = [str(find_compiler()), *FLAGS, *UNDEFINED, *flags, *map(str, sources)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], tuple[str, ...]]:
    """The engine, the board and the program that replays, compiled once, and the flags to link with."""
    if find_compiler() is None:
        pytest.skip("no C compiler on this machine: install gcc or clang")
    folder = tmp_path_factory.mktemp("objects")
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    watched = ("-fsanitize=address",)
    flags = () if compiled(folder, [folder / "empty.c"], *watched, "-o", "empty").returncode else watched
    shared = [*engine_sources(), *board_sources(), FUZZ / "fuzz_board.c", FUZZ / "replay_main.c"]
    done = compiled(folder, shared, *flags, "-c")
    assert done.returncode == 0, done.stderr
    return sorted(folder.glob("*.o")), flags


@pytest.mark.parametrize("target", ["links", "stream", "decimal"])
def test_inputs_of_the_corpus_run_without_a_fault(
    target: str, objects: tuple[list[Path], tuple[str, ...]], tmp_path: Path
) -> None:
    built, flags = objects
    done = compiled(tmp_path, [FUZZ / f"fuzz_{target}.c", *built], *flags, "-o", target, "-lm")
    assert done.returncode == 0, done.stderr
    lines = (FUZZ / "corpus" / f"{target}.txt").read_text(encoding="ascii").splitlines()
    assert len(lines) > 100
    files = [tmp_path / f"{index:05}" for index in range(len(lines))]
    for file, line in zip(files, lines, strict=True):
        file.write_bytes(base64.b64decode(line))
    done = subprocess.run(
        [str(tmp_path / target), *map(str, files)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_corpus_is_small() -> None:
    assert sum(file.stat().st_size for file in (FUZZ / "corpus").glob("*.txt")) <= CORPUS_BYTES_MOST
