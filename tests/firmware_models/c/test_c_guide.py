"""C code of the guide to a board of one's own compiles, strictly, and its tests exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from c_host.library import find_compiler
from reference_board import ALL_GROUPS

from crosscal.firmware_models.c_sources import FOLDER, WARNINGS
from crosscal.firmware_models.conformance import ANY_BOARD
from crosscal.firmware_models.conformance.transcript_format import titles


@pytest.fixture
def page(pytestconfig: pytest.Config) -> str:
    return (pytestconfig.rootpath / "docs" / "bring_up_your_board.md").read_text(encoding="utf-8")


def test_code_of_the_guide_compiles(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```c\n(.*?)```", page, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        (tmp_path / "main.c").write_text(block)
        command = [str(find_compiler()), *WARNINGS, f"-I{FOLDER}", "-fsyntax-only", str(tmp_path / "main.c")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_every_function_of_the_hal_is_in_the_guide_in_its_order(page: str) -> None:
    header = (FOLDER / "hal.h").read_text(encoding="utf-8")
    functions = re.findall(r"/\* (\d)\. .*\n\s+(?:const char|double|void) ?\*? ?\(\*(\w+)\)", header)
    assert [number for number, _ in functions] == list("123456789")
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", page, flags=re.MULTILINE)
    assert rows == functions


def test_tests_that_the_guide_names_exist(page: str) -> None:
    named = set(re.findall(r"--(?:test|skip) (\w+)", page))
    assert len(named) > len(ALL_GROUPS)
    assert named <= set(titles(ANY_BOARD))
