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


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml"):
        load_toml(tmp_path / "nothing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[wires\n")
    with pytest.raises(SettingsError, match=r"broken\.toml: not valid TOML"):
        load_toml(broken)
