"""Numbers without a reason: module-level constants of the product with nothing said beside them.

Usage: python3 .ci/check_constants.py

A constant has a docstring below it, or a comment behind it or above it; a comment above neighbouring lines is
of all of them.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("drivers", "firmware_models", "runtime", "simulated_bench", "src", "training")
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")


def blocks(body: list[ast.stmt]) -> Iterator[tuple[list[ast.Assign | ast.AnnAssign], bool]]:
    """Assignments on neighbouring lines, and whether a docstring ends them."""
    block: list[ast.Assign | ast.AnnAssign] = []
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            if block and block[-1].end_lineno != statement.lineno - 1:
                yield block, False
                block = []
            block.append(statement)
        elif block:
            yield block, isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            block = []
    if block:
        yield block, False


def names(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    """Names of constants that a number stands in the value of."""
    if statement.value is None or not _has_number(statement.value):
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    found = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return [name for name in found if CONSTANT.fullmatch(name)]


def _has_number(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("types.", "ir.")):
        return False  # types of compiled code, whose numbers are dimensions
    return any(_has_number(child) for child in ast.iter_child_nodes(node))


def bare(path: Path) -> Iterator[str]:
    """Constants of a file without a reason."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for block, has_docstring in blocks(ast.parse(text).body):
        if block[0].lineno > 1 and lines[block[0].lineno - 2].lstrip().startswith("#"):
            continue
        for statement in block[:-1] if has_docstring else block:
            if not any("# " in line for line in lines[statement.lineno - 1 : statement.end_lineno]):
                yield from (f"{path}:{statement.lineno}: {name}" for name in names(statement))


def main() -> None:
    """Print the constants without a reason; exit with 1 where there are some."""
    root = Path(__file__).resolve().parent.parent
    paths = [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))]
    paths = [path for path in paths if not any(part.is_symlink() for part in path.parents)]
    found = [line for path in paths for line in bare(path)]
    print("\n".join([*found, f"{len(found)} constants without a reason beside them, in {len(paths)} files"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
