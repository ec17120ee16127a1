"""Netlists: ngspice solves the same arrays, with circuit and device models of its own."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netlist_cases import CASES, FOLDER, WIRES

from crosscal.core.errors import InputError, RangeError, ShapeError, SolverError
from crosscal.simulated_bench import Ohmic, Sinh, SmoothLaw, check_netlist, netlist, run_netlist
from crosscal.simulated_bench.netlists.elements import DIGITS_KEPT, cell_expression, number_in_expression
from crosscal.simulated_bench.netlists.run import ngspice_is_installed, read_currents

# Where ngspice is installed it solves the netlists afresh too; where it is not, what it answered is kept.
ANSWERS = ["kept", *(["fresh"] if ngspice_is_installed() else [])]
TWO_BY_THREE_S, TWO_V = np.full((2, 3), 5e-5), np.array([0.1, 0.2])


@pytest.mark.parametrize("name", CASES)
def test_the_netlist_is_the_one_that_was_solved(name: str) -> None:
    assert CASES[name].text() == (FOLDER / f"{name}.cir").read_text()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_ngspice(name: str, answer: str) -> None:
    """1e-11 of the largest current for resistors, 1e-10 otherwise, 1e-5 in time, 1e-4 with inductance."""
    case = CASES[name]
    if answer == "fresh":
        scale, theirs_a = case.thinned(*run_netlist(case.text(), timeout_s=120))
    else:
        scale, theirs_a = read_currents(FOLDER / f"{name}.txt")
    assert len(scale) >= 2
    assert np.abs(case.ours_a(scale) - theirs_a).max() <= case.tolerance * np.abs(theirs_a).max()


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_a_number_in_an_expression_keeps_its_value_though_ngspice_cuts_its_digits(value: float) -> None:
    text = number_in_expression(value)
    terms = (
        text.strip("()").replace("e-", "e~").replace("e+", "e").replace("-", " -").replace("+", " ").split()
    )
    terms = [term.replace("~", "-") for term in terms]
    assert all(
        len(term.partition("e")[0].strip("-").replace(".", "").strip("0")) <= DIGITS_KEPT for term in terms
    )
    assert float(sum(Fraction(term) for term in terms)) == value


def test_a_law_is_written_with_the_cells_own_numbers() -> None:
    written = cell_expression("g*v*(1+0.123456789012*v)/vt2", 5e-5, "w_1_2", "b_1_2")
    assert written == "5e-05*v(w_1_2,b_1_2)*(1.0+(1.2345678901e-01+1.9999973899e-12)*v(w_1_2,b_1_2))/vt2"


class _Cubic:
    """A user's own device, in one class."""

    def evaluate(self, conductance_s, voltage_v, current_a, slope_s) -> None:
        current_a[:] = conductance_s * voltage_v * (1 + voltage_v**2)
        slope_s[:] = conductance_s * (1 + 3 * voltage_v**2)


class _CubicForSpice(_Cubic):
    def spice_expression(self) -> str:
        return "g*v*(1+v*v)"


def test_a_device_of_ones_own_says_its_law() -> None:
    text = netlist(TWO_BY_THREE_S, TWO_V, wires=WIRES, device=_CubicForSpice())
    assert "B_cell_2_3 w_2_3 b_2_3 I=5e-05*v(w_2_3,b_2_3)*(1.0+v(w_2_3,b_2_3)*v(w_2_3,b_2_3))" in text
    law = SmoothLaw(
        current=lambda g, v: g * v * (1 + v * v), slope=lambda g, v: g * (1 + 3 * v * v), spice="g*v*(1+v*v)"
    )
    assert netlist(TWO_BY_THREE_S, TWO_V, wires=WIRES, device=law) == text


def test_several_vectors_change_only_the_sources_that_differ() -> None:
    text = netlist(TWO_BY_THREE_S, [[0.1, 0.2], [0.1, 0.3]], wires=WIRES, device=Ohmic())
    assert text.count("\nop\n") == 2
    assert [line for line in text.splitlines() if line.startswith("alter")] == ["alter V_in_2 dc = 0.3"]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"device": _Cubic()}, InputError, "spice_expression"),
        (
            {"device": SmoothLaw(current=lambda g, v: g * v, slope=lambda g, v: g + 0 * v)},
            InputError,
            "spice=",
        ),
        ({"output": "my currents.txt"}, InputError, "my currents.txt"),
        ({"output": ""}, InputError, "output = ''"),
        ({"capacitance_f": -1.0}, RangeError, "capacitance_f = -1"),
        ({"inductance_h": np.nan}, RangeError, "inductance_h = nan"),
        ({"voltage_v": np.ones(3)}, ShapeError, r"voltage_v of shape \(3,\) for 2 rows"),
        ({"voltage_v": np.ones((2, 2)), "time_s": [0.0, 1.0, 2.0]}, ShapeError, "3 times for 2 drives"),
        ({"time_s": [0.0]}, ShapeError, "two or more"),
        ({"voltage_v": np.ones((2, 2)), "time_s": [1.0, 1.0]}, RangeError, r"time_s\[1\] = 1 s after 1 s"),
        ({"conductance_s": -TWO_BY_THREE_S}, RangeError, r"conductance_s\[0, 0\]"),
    ],
)
def test_what_cannot_be_written_is_named(changes, error, words) -> None:
    arguments = {"conductance_s": TWO_BY_THREE_S, "voltage_v": TWO_V, "wires": WIRES, "device": Sinh()}
    with pytest.raises(error, match=words):
        netlist(**(arguments | changes))


def test_a_title_with_line_ends_stays_a_comment() -> None:
    text = netlist(TWO_BY_THREE_S, TWO_V, wires=WIRES, device=Ohmic(), title="two\nlines", remarks=["a\nb"])
    assert text.startswith("* two lines\n* a b\n")


def test_without_ngspice_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not ngspice_is_installed()
    with pytest.raises(InputError, match="install it"):
        check_netlist(TWO_BY_THREE_S, TWO_V, wires=WIRES, device=Ohmic())


@pytest.mark.parametrize(
    ("script", "words"),
    [("echo singular matrix; exit 1", "code 1.*singular matrix"), ("echo lost", "no currents.*lost")],
)
def test_what_ngspice_says_when_it_fails_is_passed_on(
    script: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in = tmp_path / "ngspice"
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SolverError, match=words):
        run_netlist(netlist(TWO_BY_THREE_S, TWO_V, wires=WIRES, device=Ohmic()))


def test_only_a_netlist_of_ours_is_run() -> None:
    with pytest.raises(InputError, match="without wrdata"):
        run_netlist("* nothing\n.end\n")
