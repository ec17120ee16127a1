"""A settings file is decoded strictly; what is wrong is named with its key and file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from crosscal.core.errors import SettingsError
from crosscal.core.settings import decode, load_toml


class Wires(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    row_ohm: Annotated[float, msgspec.Meta(ge=0)]


class Board(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    wires: Wires


def test_a_document_becomes_the_settings() -> None:
    assert decode({"wires": {"row_ohm": 2.5}}, Board, origin="bench.toml").wires.row_ohm == 2.5


@pytest.mark.parametrize(
    ("wires", "named"),
    [
        ({"row_ohms": 1.0}, "row_ohms"),
        ({"row_ohm": -1.0}, "row_ohm"),
        ({"row_ohm": "x"}, "row_ohm"),
        ({}, "row_ohm"),
    ],
)
def test_a_wrong_key_or_value_is_named(wires: dict, named: str) -> None:
    with pytest.raises(SettingsError, match=rf"bench\.toml: .*{named}"):
        decode({"wires": wires}, Board, origin="bench.toml")


def test_an_unknown_key_is_told_which_keys_there_are() -> None:
    with pytest.raises(
        SettingsError, match=r"got the unknown key wires\.row_ohms; allowed: wires\.row_ohm; correct"
    ):
        decode({"wires": {"row_ohm": 1.0, "row_ohms": 1.0}}, Board, origin="bench.toml")


@pytest.mark.parametrize(
    ("wires", "said"),
    [
        ({"row_ohm": -1.0}, r"wires\.row_ohm: got -1\.0; allowed: float >= 0\.0; correct"),
        ({"row_ohm": "2"}, r"wires\.row_ohm: got '2'; allowed: float; correct"),
        ({"row_ohm": float("nan")}, r"wires\.row_ohm: got nan; allowed: float >= 0\.0; correct"),
        (3, r"wires: got 3; allowed: a table; correct"),
    ],
)
def test_an_impossible_value_is_told_what_was_got_and_what_is_allowed(wires: object, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        decode({"wires": wires}, Board, origin="bench.toml")


class Ohmic(msgspec.Struct, forbid_unknown_fields=True, tag_field="law", tag="ohmic"):
    pass


class Sinh(msgspec.Struct, forbid_unknown_fields=True, tag_field="law", tag="sinh"):
    b_pos: float = 4.0


class Cell(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    device: Ohmic | Sinh


def test_the_kind_of_a_table_decides_which_keys_it_may_hold() -> None:
    decode({"device": {"law": "sinh", "b_pos": 3.0}}, Cell, origin="bench.toml")
    with pytest.raises(SettingsError, match=r"unknown key device\.b_pos; allowed: device\.law;"):
        decode({"device": {"law": "ohmic", "b_pos": 3.0}}, Cell, origin="bench.toml")


@pytest.mark.parametrize("law", ["cubic", 3, ["sinh"]])
def test_an_unknown_kind_is_told_which_there_are(law: object) -> None:
    with pytest.raises(SettingsError, match=r"device\.law: got .*; allowed: ohmic, sinh; correct"):
        decode({"device": {"law": law}}, Cell, origin="bench.toml")


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml"):
        load_toml(tmp_path / "nothing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[wires\n")
    with pytest.raises(SettingsError, match=r"broken\.toml: not valid TOML"):
        load_toml(broken)
