"""A bench.toml that changes: the next board is a fresh one, or an error, never the old one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvisa

import crosscal
from crosscal.core.errors import BoardConnectionError, SettingsError

RESOURCE = "TCPIP0::localhost::inst0::INSTR"
CHANGED = "changed since its board was switched on.*close every board"


def write(path: Path, rows: int) -> None:
    path.write_text(f'profile = "lab-16x12"\narray = {{rows = {rows}, columns = 3}}\n')


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "b.toml"
    write(path, 4)
    yield path
    write(path, 4)
    pyvisa.ResourceManager(f"{path}@crosscal").close()


def rows(path: Path | str) -> int:
    with crosscal.open_board(RESOURCE, backend=f"{path}@crosscal") as board:
        return board.shape[0]


def test_a_changed_file_gives_a_fresh_board(path: Path) -> None:
    assert rows(path) == 4
    write(path, 5)
    assert rows(path) == 5


def test_an_unchanged_file_gives_the_board_as_it_was_left(path: Path) -> None:
    target_s = np.full((4, 3), 42e-6)
    with crosscal.open_board(RESOURCE, backend=f"{path}@crosscal") as board:
        board.program(target_s)
    path.write_text(path.read_text() + "# a remark\n")
    with crosscal.open_board(RESOURCE, backend=f"{path}@crosscal") as board:
        np.testing.assert_allclose(board.target_s, target_s)


def test_while_the_old_board_is_open_it_is_an_error_that_says_so(path: Path) -> None:
    with crosscal.open_board(RESOURCE, backend=f"{path}@crosscal") as board:
        write(path, 5)
        with pytest.raises(BoardConnectionError, match=CHANGED):
            rows(path)
        assert board.query("*IDN?")  # it goes on as it is
    assert rows(path) == 5


@pytest.mark.parametrize("text", ["garbage = [", "no_such_key = 1\n", 'profile = "no-such-profile"\n'])
def test_a_file_that_is_garbage_by_now_is_an_error_until_it_is_repaired(path: Path, text: str) -> None:
    assert rows(path) == 4
    path.write_text(text)
    with pytest.raises(SettingsError):
        rows(path)
    with pytest.raises(SettingsError):
        rows(path)
    write(path, 6)
    assert rows(path) == 6


def test_a_file_that_is_gone_is_an_error(path: Path) -> None:
    assert rows(path) == 4
    path.unlink()
    with pytest.raises(SettingsError, match=r"b\.toml"):
        rows(path)


def test_a_base_that_changes_counts_as_well(path: Path) -> None:
    above = path.with_name("above.toml")
    above.write_text('profile = "b.toml"\nseed = 7\n')
    assert rows(above) == 4
    write(path, 5)
    assert rows(above) == 5


def test_plain_pyvisa_finds_the_fresh_board_and_its_new_names(path: Path) -> None:
    manager = pyvisa.ResourceManager(f"{path}@crosscal")
    assert "GPIB0::9::INSTR" in manager.list_resources()
    path.write_text(path.read_text() + '[visa]\nresources = ["GPIB0::11::INSTR"]\n')
    assert manager.list_resources() == ("GPIB0::11::INSTR",)
    with manager.open_resource("GPIB0::11::INSTR") as board:
        assert board.query("*IDN?").startswith("crosscal,")


def test_a_relative_name_is_looked_for_in_the_present_folder_first(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(path.parent)
    assert rows("b.toml") == 4
    monkeypatch.chdir(other)
    assert rows("b.toml") == 4  # where it was found before
    write(other / "b.toml", 7)
    assert rows("b.toml") == 7
