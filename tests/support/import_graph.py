"""Graph of imports between the files of the package, with the places where each import stands."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import crosscal

LOADING, IN_A_FUNCTION, FOR_TYPES = "loading", "in a function", "for types"

PACKAGE = "__init__"


@cache
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


def circles(kinds: set[str]) -> list[list[str]]:
    """Groups of files that import each other, directly or through others, by imports of these kinds."""
    graph = {name: {other for kind, other in imports(name) if kind in kinds} - {name} for name in modules()}
    reached = {name: _reached(graph, name) for name in graph}
    groups = {frozenset({name, *(o for o in reached[name] if name in reached[o])}) for name in graph}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found, waiting = set(), [start]
    while waiting:
        for other in graph[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


@cache
def imports(name: str) -> frozenset[tuple[str, str]]:
    """Kind and module of every import of ours in a file; what a package exports lazily by its own file."""
    tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
    return frozenset(
        (kind, module)
        for kind, statement in _statements(tree, LOADING)
        for module in _imported(statement)
        if module in modules()
    )


def _statements(node: ast.AST, kind: str) -> Iterator[tuple[str, ast.stmt]]:
    for child in ast.iter_child_nodes(node):
        inside = kind
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = IN_A_FUNCTION
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            inside = FOR_TYPES
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield kind, child
        yield from _statements(child, inside)


def _imported(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom) and statement.module:
        for alias in statement.names:
            inner = f"{statement.module}.{alias.name}"
            yield (
                inner if inner in modules() else _exports(statement.module).get(alias.name, statement.module)
            )


@cache
def _exports(package: str) -> dict[str, str]:
    """Exported name → file that defines it, of a package with a stub."""
    stub = modules()[package].with_suffix(".pyi") if package in modules() else None
    if stub is None or not stub.exists():
        return {}
    return {
        alias.name: statement.module
        for statement in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }
