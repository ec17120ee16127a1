"""1T1R arrays and faulty ones, solved once by ngspice, come out the same here."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from crosscal.simulated_bench import (
    BridgedLines,
    GroundedLine,
    Ohmic,
    OneTransistor,
    OpenLine,
    Sinh,
    Wires,
    solve_currents,
)

FOLDER = Path(__file__).parents[2] / "reference_circuits" / "netlists"
FILES = sorted(FOLDER.glob("*.json"))
FAULTS = {"open": OpenLine, "grounded": GroundedLine, "bridged": BridgedLines}
TOLERANCE = 1e-12  # of the largest current; ngspice converges quadratically and stops at 1e-11 of a step


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def solved(case: dict, *, without: str | None = None) -> np.ndarray:
    """Currents of a case [A], (B, M), by our solver; `without` leaves something out."""
    constants = dict(case["device"])
    law = Ohmic() if constants.pop("law") == "ohmic" else Sinh(**constants)
    if case["access"] and without != "access":
        law = OneTransistor(cell=law, **case["access"])
    faults = []
    for place in case["faults"] if without != "faults" else ():
        keys = {key: value for key, value in place.items() if key != "kind"}
        faults.append(FAULTS[place["kind"]](**keys))
    wires = Wires(**case["wires"], faults=faults)
    return solve_currents(case["conductance_s"], case["drive_v"], wires=wires, device=law)


def apart(first_a: np.ndarray, second_a: np.ndarray) -> float:
    """Largest difference, relative to the largest current of each vector."""
    largest_a = np.abs(second_a).max(axis=1, keepdims=True)
    return float((np.abs(first_a - second_a) / largest_a).max())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_agrees_with_ngspice(path: Path) -> None:
    case = read(path)
    assert apart(solved(case), np.array(case["current_a"])) <= TOLERANCE


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_transistors_and_the_faults_of_a_case_matter(path: Path) -> None:
    """An agreement that would hold without them would say nothing."""
    case = read(path)
    for part in ("access", "faults"):
        if case[part]:
            assert apart(solved(case, without=part), np.array(case["current_a"])) > 1e-3


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("write_netlists", FOLDER / "write_netlists.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_their_script_writes(writer) -> None:
    """Inputs and netlists to the letter; and, where ngspice is there, its answers."""
    cases = {case["name"]: case for case in writer.all_cases()}
    assert sorted(cases) == [path.stem for path in FILES]
    for path in FILES:
        kept = read(path)
        current_a = np.array(kept.pop("current_a"))
        assert kept == cases[path.stem]
        text = path.with_suffix(".cir").read_text(encoding="utf-8")
        assert text == writer.netlist(kept)
        if shutil.which("ngspice"):
            assert apart(np.array(writer.solve(text, current_a.shape[1])), current_a) <= TOLERANCE
