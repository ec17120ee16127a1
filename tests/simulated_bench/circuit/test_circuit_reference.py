"""Every reference circuit, solved once by ngspice, comes out the same here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosscal.simulated_bench import Ohmic, Sinh, Wires, solve_dc

FILES = sorted(Path(__file__).parents[2].glob("reference_circuits/*_rs*_rse*.npz"))
DIRECT = [path for path in FILES if not path.name.startswith("tran_")]


@pytest.mark.parametrize("path", DIRECT, ids=lambda path: path.stem)
def test_agrees_with_ngspice_at_every_output_and_node(path: Path) -> None:
    """What a correct double-precision solver reaches: 1e-11 of the largest current, 1e-10 with sinh cells."""
    case = np.load(path)
    constants = {name: float(case[name]) for name in ("a_pos", "b_pos", "a_neg", "b_neg")}
    device = Sinh(**constants) if case["nonlinear"] else Ohmic()
    tolerance = 1e-10 if case["nonlinear"] else 1e-11
    wires = Wires(
        row_ohm=float(case["r_row"]),
        column_ohm=float(case["r_col"]),
        source_ohm=float(case["r_source"]),
        sense_ohm=float(case["r_sense"]),
    )

    solution = solve_dc(case["G"], case["V"], wires=wires, device=device)

    largest_a = np.abs(case["I_out"]).max(axis=1, keepdims=True)
    assert np.abs((solution.current_a - case["I_out"]) / largest_a).max() <= tolerance
    largest_v = np.abs(case["V"]).max()
    assert np.abs(solution.word_v - case["V_word"]).max() <= tolerance * largest_v
    assert np.abs(solution.bit_v - case["V_bit"]).max() <= tolerance * largest_v


def test_the_reference_set_is_complete() -> None:
    assert len(DIRECT) == 26
