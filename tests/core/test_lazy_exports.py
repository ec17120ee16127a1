"""Exports on first use: the stub alone says what a package offers, and it says so truly."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("crosscal", "crosscal.runtime", "crosscal.simulated_bench", "crosscal.training")


def stub_of(package: str) -> list[ast.ImportFrom]:
    path = Path(str(importlib.import_module(package).__file__)).with_suffix(".pyi")
    return [
        each for each in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(each, ast.ImportFrom)
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_offers_what_its_stub_names_from_the_module_that_defines_it(package: str):
    room = importlib.import_module(package)
    names = [alias.name for statement in stub_of(package) for alias in statement.names]
    assert names
    assert room.__all__ == sorted(names)
    assert dir(room) == sorted(names)
    for statement in stub_of(package):
        for alias in statement.names:
            # Only a name that is imported "as itself" is exported, by the rule of stubs.
            assert alias.asname == alias.name
            defined = getattr(importlib.import_module(str(statement.module)), alias.name)
            assert getattr(room, alias.name) is defined


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_no_stub_has_is_an_attribute_error(package: str):
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'magic'"):
        importlib.import_module(package).magic  # noqa: B018  reading it is the point


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_imports_none_of_what_it_exports(package: str):
    code = f"import sys, {package}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    defining = {statement.module for statement in stub_of(package)}
    assert not defining & set(done.stdout.split())
    assert "numpy" not in done.stdout.split()
