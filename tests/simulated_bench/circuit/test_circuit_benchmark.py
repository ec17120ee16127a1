"""benchmarks/circuit.py with what the README installs: a peer that is not there is a row."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from crosscal.simulated_bench import Wires, transfer_matrix

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location("circuit_benchmark", BENCHMARKS / "circuit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(out: str) -> dict[str, str]:
    lines = [line for line in out.splitlines() if line.startswith("  ")]
    return {line[2:48].strip(): line[48:].strip() for line in lines}


def test_a_peer_that_is_not_installed_is_a_row_that_says_how_to_get_it(
    benchmark_module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "badcrossbar", None)
    benchmark_module.ohmic(np.random.default_rng(1), 6, 4, rounds=1)
    printed = rows(capsys.readouterr().out)
    assert printed["badcrossbar"].startswith("not here: pip install 'crosscal[benchmark]'")
    assert "libcairo2-dev" in printed["badcrossbar"]
    assert " ms " in printed["sparse LU, factorised once"]


def test_a_peer_whose_library_does_not_load_is_such_a_row_too(
    benchmark_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "badcrossbar":
                raise OSError("libcairo.so.2: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "badcrossbar", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert isinstance(benchmark_module.badcrossbar(np.ones((2, 2)), np.ones((1, 2))), str)


def test_a_peer_that_is_there_is_timed_and_compared(
    benchmark_module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compute(drive_v: np.ndarray, ohm: np.ndarray, segment_ohm: float, **_: object) -> SimpleNamespace:
        wires = Wires(row_ohm=segment_ohm, column_ohm=segment_ohm)
        output_a = drive_v.T @ transfer_matrix(1 / ohm, wires=wires).T
        return SimpleNamespace(currents=SimpleNamespace(output=output_a))

    monkeypatch.setitem(sys.modules, "badcrossbar", SimpleNamespace(compute=compute))
    benchmark_module.ohmic(np.random.default_rng(1), 6, 4, rounds=1)
    assert " ms " in rows(capsys.readouterr().out)["badcrossbar"]
