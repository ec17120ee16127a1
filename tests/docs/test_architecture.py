"""docs/architecture.md against the code: folders, their size, and circles of imports between files."""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import crosscal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MOST_MODULES = 22
PACKAGE = "__init__"


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for home in crosscal.__path__:
        for folder, _, files in os.walk(home, followlinks=True):
            for file in files:
                if file.endswith(".py"):
                    path = Path(folder) / file
                    parts = ["crosscal", *path.relative_to(home).with_suffix("").parts]
                    found[".".join(parts).removesuffix(f".{PACKAGE}")] = path
    return found


def imported_on_loading(statements: list[ast.stmt]) -> Iterator[str]:
    """Names imported when a module is loaded; imports for types alone and inside functions are not."""
    for statement in statements:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            yield from (f"{statement.module}.{name.name}" for name in statement.names)
        elif isinstance(statement, ast.Import):
            yield from (name.name for name in statement.names)
        elif isinstance(statement, ast.Try) or (
            isinstance(statement, ast.If) and "TYPE_CHECKING" not in ast.unparse(statement.test)
        ):
            yield from imported_on_loading([*statement.body, *statement.orelse])


def test_no_file_imports_itself_through_others() -> None:
    known = modules()
    assert len(known) > 300, "the walk finds the rooms"
    graph = {}
    for name, path in known.items():
        imported = set(imported_on_loading(ast.parse(path.read_text(encoding="utf-8")).body))
        # `from package import module` needs the package only for its `__init__`, which comes first anyway.
        needed = {i for i in imported if i in known and not any(j.startswith(f"{i}.") for j in imported)}
        graph[name] = needed - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        raise AssertionError(" → ".join(circle.args[1])) from circle


def test_no_folder_has_more_modules_than_a_reader_takes_in() -> None:
    sizes = Counter(path.parent for path in modules().values())
    assert {str(folder): size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_the_page_names_every_folder_of_every_room() -> None:
    named = set(re.findall(r"`([\w/]+)/`", PAGE))
    for room in ("drivers", "firmware_models", "runtime", "simulated_bench", "training"):
        for folder in (ROOT / room).iterdir():
            if (folder / "__init__.py").exists():
                assert folder.name in named, folder
