"""The engine in C below the tests of this folder."""

from __future__ import annotations

import c_engine
import engine_rig
import pytest
from c_host.library import find_compiler


@pytest.fixture(autouse=True)
def c_engine_in_the_rig(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `EngineRig` make boards of the C engine; skip where no compiler is."""
    if find_compiler() is None:
        pytest.skip("no C compiler on this machine: install gcc or clang")
    monkeypatch.setattr(engine_rig, "Instrument", c_engine.Instrument)
