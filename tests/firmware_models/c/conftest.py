"""The engine in C below the tests of this folder."""

from __future__ import annotations

import os

import c_engine
import engine_rig
import pytest
from c_host.library import Built, find_compiler


@pytest.fixture(autouse=True)
def c_engine_in_the_rig(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `EngineRig` make boards of the C engine; skip where no compiler is."""
    if find_compiler() is None:
        pytest.skip("no C compiler on this machine: install gcc or clang")
    monkeypatch.setattr(engine_rig, "Instrument", c_engine.Instrument)


@pytest.fixture(scope="session", autouse=True)
def _folder_of_compiled_engines(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let processes that share the tests share compiled engines too; pytest removes the folder in time."""
    base = tmp_path_factory.getbasetemp()
    Built.folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
