"""Boards of a suite, read from a table of their differences from a reference board."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from crosscal.core.errors import InputError, SettingsError, wanted
from crosscal.core.settings import decode, load_toml

Tables = dict[str, dict[str, Any]]
Count = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""Boards' names are also folders'."""

# The report sorts boards by these; a table may leave them to the reference, but not out.
NEEDED = {
    "array": ("rows", "columns"),
    "wires": ("row_ohm", "column_ohm"),
    "device": ("law",),
    "noise": ("read_relative", "full_scale_a"),
    "programming": ("residual_error",),
    "front_end": ("profile",),
}
KINDS = {"device": "law", "front_end": "profile"}
"""A table of another kind starts afresh: constants of another law mean nothing in it."""


class SuiteSize(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is measured on each board: matrices, and vectors of each."""

    training_matrices: Annotated[int, Meta(ge=2)]
    training_vectors: Count
    test_matrices: Count
    test_vectors: Annotated[int, Meta(ge=4)]


class SuiteBoard(Struct, frozen=True, kw_only=True):
    """One board: its name, and whole settings as tables of a bench.toml."""

    name: Name
    bench: Tables

    def to_toml(self) -> str:
        """Write the bench.toml."""
        lines = [f"# Board {self.name} of a suite."]
        for table, keys in self.bench.items():
            lines += ["", f"[{table}]", *(f"{key} = {_value(value)}" for key, value in keys.items())]
        return "\n".join(lines) + "\n"


class SuiteTable(Struct, frozen=True, kw_only=True):
    """A whole suite: two sizes, and the boards in order."""

    full: SuiteSize
    quick: SuiteSize
    boards: tuple[SuiteBoard, ...]

    def selected(self, patterns: Iterable[str]) -> tuple[SuiteBoard, ...]:
        """Pick the boards with names that match one of several patterns, such as `64x64*`.

        Raises:
            InputError: a pattern that no board's name matches.
        """
        chosen = set()
        for pattern in patterns:
            names = {board.name for board in self.boards if fnmatchcase(board.name, pattern)}
            if not names:
                known = ", ".join(board.name for board in self.boards)
                raise InputError(
                    wanted(
                        got=f"boards {pattern!r}",
                        allowed=f"names or patterns of these: {known}",
                        remedy="correct --boards",
                    )
                )
            chosen |= names
        return tuple(board for board in self.boards if board.name in chosen)


class _Boards(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    full: SuiteSize
    quick: SuiteSize
    reference: Tables
    board: Annotated[list[dict[str, Any]], Meta(min_length=1)]


def load_suite(path: Path | None = None) -> SuiteTable:
    """Read a suite: the one that comes with the product, or a file of the same form.

    Raises:
        SettingsError: no such file, an unknown key, a name twice or one that is no folder's, or a board that
            lacks a key that the report needs.
    """
    if path is None:
        with as_file(files("crosscal") / "shipped" / "suite.toml") as shipped:
            return load_suite(shipped)
    document = decode(load_toml(path), _Boards, origin=str(path))
    boards = tuple(_board(entry, document.reference, origin=str(path)) for entry in document.board)
    names = [board.name for board in boards]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"{path}: board: {name!r} twice; give every board a name of its own")
    return SuiteTable(full=document.full, quick=document.quick, boards=boards)


def _board(entry: dict[str, Any], reference: Tables, *, origin: str) -> SuiteBoard:
    own = dict(entry)
    name = own.pop("name", None)
    origin = f"{origin}: board {name!r}"
    board = decode({"name": name, "bench": own}, SuiteBoard, origin=origin)
    bench = {
        table: _merged(table, reference.get(table, {}), board.bench.get(table, {}))
        for table in dict.fromkeys((*reference, *board.bench))
    }
    for table, keys in NEEDED.items():
        for key in keys:
            if key not in bench.get(table, {}):
                raise SettingsError(f"{origin}: lacks {table}.{key}; give it here or in [reference]")
    return SuiteBoard(name=board.name, bench=bench)


def _merged(table: str, below: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    kind = KINDS.get(table)
    changes_kind = kind in own and own[kind] != below.get(kind)
    return dict(own) if changes_kind else below | own


def _value(value: Any) -> str:
    """Write one value in TOML: as JSON, but for inline tables."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)
