"""docs/architecture.md against the code: folders, their size, and circles of imports between files."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from support.import_graph import FOR_TYPES, IN_A_FUNCTION, LOADING, circles, modules

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MOST_MODULES = 22
CIRCLES = {
    "inside a function": {LOADING, IN_A_FUNCTION},
    "for types alone": {LOADING, FOR_TYPES},
}
"""The page's word for a kind of circle, and the imports that make it."""


def test_no_file_imports_itself_through_others_when_it_is_loaded() -> None:
    assert len(modules()) > 300, "the walk finds the rooms"
    assert circles({LOADING}) == []


@pytest.mark.parametrize(("kind", "kinds"), CIRCLES.items())
def test_circles_of_files_are_those_that_the_page_names(kind: str, kinds: set[str]) -> None:
    """Imports inside functions, and those for types, hide circles from the interpreter, not from a reader."""
    named = [
        set(re.findall(r"`([\w.]+)`", row)) for row in re.findall(rf"^\| {kind} \|(.*)\|.*\|$", PAGE, re.M)
    ]
    assert named
    found = circles(kinds)
    for circle in found:
        assert any(all(is_named(module, row) for module in circle) for row in named), " ↔ ".join(circle)
    for row in named:
        assert any(is_named(module, row) for circle in found for module in circle), f"no circle in {row}"


def is_named(module: str, row: set[str]) -> bool:
    """Whether a row holds the module, or a folder above it."""
    return any(f"{module}.".startswith(f"crosscal.{name}.") for name in row)


def test_no_folder_has_more_modules_than_a_reader_takes_in() -> None:
    sizes = Counter(path.parent for path in modules().values())
    assert {str(folder): size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_the_page_names_every_folder_of_every_room() -> None:
    named = set(re.findall(r"`([\w/]+)/`", PAGE))
    for room in ("drivers", "firmware_models", "runtime", "simulated_bench", "training"):
        for folder in (ROOT / room).iterdir():
            if (folder / "__init__.py").exists():
                assert folder.name in named, folder
