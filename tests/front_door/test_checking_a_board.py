"""`check_board` on simulated boards with planted faults: benchmarks/check_faults.py in small."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FAULTS = {
    "healthy": [],
    "rows reversed": ["order of rows and columns"],
    "columns permuted": ["order of rows and columns"],
    "sign": ["sign"],
    "µA": ["unit", "readings"],
    "one dead row": ["dead rows"],
    "one dead column": ["dead columns"],
    "slow settling": ["settling"],
    "outputs left on": ["rest"],
}


@pytest.fixture(scope="module")
def study() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        spec = importlib.util.spec_from_file_location("check_faults", BENCHMARKS / "check_faults.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_simulated_board_is_found_in_every_way_in(
    study: ModuleType, fault: str, tmp_path: Path
) -> None:
    for number in (0, 3):  # over TCP with the matrix that is there; as a class of Python with --program
        row = study.study(fault, number, tmp_path)
        reported = set(row["reported"])
        assert reported & set(FAULTS[fault]) or fault == "healthy", row
        assert fault != "healthy" or not reported, row
