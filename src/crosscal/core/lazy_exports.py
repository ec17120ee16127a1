"""Exports of a package that are imported on first use; the names stand once, in its stub `__init__.pyi`.

Type checkers and editors read the stub as they read any other. A script pays for the names it uses:
planning a recalibration does not wait for onnxruntime, collecting does not wait for torch.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def lazy_exports(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make `__getattr__`, `__dir__` and `__all__` of a package from the imports in its stub.

    Args:
        package: the package's `__name__`.
        file: the package's `__file__`; the stub lies beside it.

    Returns:
        The values of `__getattr__`, `__dir__` and `__all__`, in this order.
    """
    module_of = _stub_imports(Path(file).with_suffix(".pyi"))
    names = sorted(module_of)

    def import_on_first_use(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(module_of[name]), name)
        # Found without this function from now on.
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return list(names)

    return import_on_first_use, list_names, names


def _stub_imports(stub: Path) -> dict[str, str]:
    """Read a stub: exported name → module that defines it."""
    statements = ast.parse(stub.read_text(encoding="utf-8")).body
    return {
        alias.name: statement.module
        for statement in statements
        if isinstance(statement, ast.ImportFrom) and statement.module is not None
        for alias in statement.names
    }
