"""Broken and shorted wires."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crosscal.core.errors import InputError, RangeError, SolverError
from crosscal.simulated_bench import (
    BridgedLines,
    GroundedLine,
    Ohmic,
    OneTransistor,
    OpenLine,
    Sinh,
    SmoothLaw,
    Wires,
    linear_gaussian_reference,
    sensitivity,
    solve_currents,
    solve_dc,
    solve_transient,
    transfer_matrix,
)

OHMS = {"row_ohm": 2.0, "column_ohm": 3.0, "source_ohm": 50.0, "sense_ohm": 10.0}
RNG = np.random.default_rng(11)
CONDUCTANCE_S = RNG.uniform(16.6e-6, 100e-6, (4, 7))
DRIVE_V = RNG.uniform(0.1, 0.5, (3, 4))
SOME = (
    OpenLine(line="row", number=1, cell=3),
    GroundedLine(line="column", number=2, cell=1, ohm=30.0),
    BridgedLines(line="column", number=4, cell=2, ohm=5.0),
)


def nodal_twin(conductance_s, drive_v, faults):
    """Currents and node voltages of an ohmic array by nodal analysis; None where the matrix is singular."""
    rows, columns = conductance_s.shape
    cells = rows * columns
    word, bit = np.arange(cells).reshape(rows, columns), cells + np.arange(cells).reshape(rows, columns)
    admittance_s, fed_a = np.zeros((2 * cells, 2 * cells)), np.zeros(2 * cells)

    def join(first, second, ohm):
        admittance_s[first, first] += 1 / ohm
        if second is not None:
            admittance_s[second, second] += 1 / ohm
            admittance_s[first, second] -= 1 / ohm
            admittance_s[second, first] -= 1 / ohm

    broken = {(one.line, one.number, one.cell) for one in faults if isinstance(one, OpenLine)}
    for i, j in np.ndindex(rows, columns):
        if conductance_s[i, j] > 0:
            join(word[i, j], bit[i, j], 1 / conductance_s[i, j])
        if ("row", i, j) not in broken:
            join(word[i, j], word[i, j - 1] if j else None, OHMS["row_ohm"] + (not j) * OHMS["source_ohm"])
            fed_a[word[i, j]] += (not j) * drive_v[i] / (OHMS["row_ohm"] + OHMS["source_ohm"])
        if ("column", j, i) not in broken:
            last = i == rows - 1
            join(bit[i, j], None if last else bit[i + 1, j], OHMS["column_ohm"] + last * OHMS["sense_ohm"])
    for one in faults:
        if not isinstance(one, OpenLine):
            nodes = word[:, one.cell] if one.line == "row" else bit[one.cell]
            join(nodes[one.number], nodes[one.number + 1] if isinstance(one, BridgedLines) else None, one.ohm)
    if np.linalg.cond(admittance_s) > 1e14:
        return None
    voltage_v = np.linalg.solve(admittance_s, fed_a)
    held = np.array([("column", j, rows - 1) not in broken for j in range(columns)])
    current_a = held * voltage_v[bit[-1]] / (OHMS["column_ohm"] + OHMS["sense_ohm"])
    return current_a, voltage_v[word], voltage_v[bit]


@st.composite
def broken_arrays(draw):
    rows, columns = draw(st.tuples(st.integers(1, 5), st.integers(1, 6)))
    faults = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from((OpenLine, GroundedLine, BridgedLines)))
        line = draw(st.sampled_from(("row", "column")))
        lines, cells = (rows, columns) if line == "row" else (columns, rows)
        lines -= kind is BridgedLines
        if lines == 0:
            continue
        place = {"number": draw(st.integers(0, lines - 1)), "cell": draw(st.integers(0, cells - 1))}
        if kind is not OpenLine:
            place["ohm"] = draw(st.sampled_from((0.1, 5.0, 1e3)))
        fault = kind(line=line, **place)
        if fault not in faults:
            faults.append(fault)
    assume(faults)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    conductance_s = rng.uniform(16.6e-6, 100e-6, (rows, columns))
    conductance_s[rng.random((rows, columns)) < draw(st.sampled_from((0.0, 0.5)))] = 0.0
    return conductance_s, rng.uniform(-0.5, 0.5, rows), faults


@settings(deadline=None, max_examples=150)
@given(broken_arrays())
def test_any_faults_agree_with_nodal_analysis_and_floating_nodes_with_its_singular_matrix(case) -> None:
    conductance_s, drive_v, faults = case
    wires, twin = Wires(**OHMS, faults=faults), nodal_twin(*case)
    if twin is None:
        with pytest.raises(InputError, match=r"a floating node: the (row|column) wire at cell \["):
            solve_dc(conductance_s, drive_v, wires=wires, device=Ohmic())
        return
    current_a, word_v, bit_v = twin
    ours = solve_dc(conductance_s, drive_v, wires=wires, device=Ohmic())
    # nodal analysis itself loses digits: the conductances of wires and cells differ by 1e5
    np.testing.assert_allclose(ours.current_a, current_a, rtol=0, atol=1e-10 * 100e-6)
    np.testing.assert_allclose(ours.word_v, word_v, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.bit_v, bit_v, rtol=0, atol=1e-9)
    transfer_s = transfer_matrix(conductance_s, wires=wires)
    np.testing.assert_allclose(transfer_s @ drive_v, ours.current_a, rtol=0, atol=1e-11 * 100e-6)


def test_what_is_cut_off_behind_open_cells_floats_and_is_named() -> None:
    conductance_s = CONDUCTANCE_S.copy()
    conductance_s[2, 5:] = 0.0
    wires = Wires(**OHMS, faults=[OpenLine(line="row", number=2, cell=5)])
    words = r"a floating node: the row wire at cell \[2, 5\], cut off from driver and amplifier"
    for solve in (solve_dc, solve_currents):
        with pytest.raises(InputError, match=words):
            solve(conductance_s, DRIVE_V, wires=wires, device=Sinh())
    with pytest.raises(InputError, match=words):
        transfer_matrix(conductance_s, wires=wires)
    held = Wires(**OHMS, faults=[*wires.faults, GroundedLine(line="row", number=2, cell=6)])
    current_a = solve_currents(conductance_s, DRIVE_V, wires=held, device=Sinh())
    conductance_s[2, 4:] = 0.0
    assert current_a[:, 5:] == pytest.approx(
        solve_currents(conductance_s, DRIVE_V, wires=Wires(**OHMS), device=Sinh())[:, 5:], rel=2e-3
    )


def test_a_column_cut_at_its_amplifier_reads_nothing_and_conserves_current() -> None:
    wires = Wires(**OHMS, faults=[OpenLine(line="column", number=3, cell=3)])
    solution = solve_dc(CONDUCTANCE_S, DRIVE_V, wires=wires, device=Sinh())
    assert np.abs(solution.current_a[:, 3]).max() < 1e-13 * solution.current_a.max()
    assert np.ptp(solution.bit_v[:, :, 3], axis=1).max() < 1e-2
    assert solution.bit_v[:, :, 3].min() > 0.05, "it floats between the rows"


def test_a_row_cut_at_its_driver_no_longer_follows_it() -> None:
    wires = Wires(**OHMS, faults=[OpenLine(line="row", number=1, cell=0)])
    other_v = DRIVE_V.copy()
    other_v[:, 1] = -0.4
    one, other = (solve_currents(CONDUCTANCE_S, v, wires=wires, device=Sinh()) for v in (DRIVE_V, other_v))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_perfect_wires_may_be_faulty_too() -> None:
    """Without any resistance, what is cut off floats where its currents cancel: the mean weighted by G."""
    wires = Wires(faults=[OpenLine(line="row", number=1, cell=3)])
    solution = solve_dc(CONDUCTANCE_S, DRIVE_V[0], wires=wires, device=Ohmic())
    assert solution.word_v[1, 3:] == pytest.approx(0.0, abs=1e-16)
    expected_a = DRIVE_V[0] @ np.where((np.arange(4)[:, None] == 1) & (np.arange(7) >= 3), 0, CONDUCTANCE_S)
    np.testing.assert_allclose(solution.current_a, expected_a, rtol=1e-13)


def test_a_bridge_of_many_ohms_is_no_bridge() -> None:
    wires = Wires(**OHMS, faults=[BridgedLines(line="column", number=4, cell=2, ohm=1e15)])
    sound_a = solve_currents(CONDUCTANCE_S, DRIVE_V, wires=Wires(**OHMS), device=Sinh())
    np.testing.assert_allclose(
        solve_currents(CONDUCTANCE_S, DRIVE_V, wires=wires, device=Sinh()), sound_a, rtol=1e-12
    )


def test_sensitivities_of_a_faulty_array_are_derivatives() -> None:
    wires = Wires(**OHMS, faults=SOME)
    jacobian_s = sensitivity(CONDUCTANCE_S, DRIVE_V[0], wires=wires, device=Sinh())
    step_v = 1e-5
    for i in range(4):
        step = step_v * (np.arange(4) == i)
        above_a, below_a = (
            solve_currents(CONDUCTANCE_S, DRIVE_V[0] + sign * step, wires=wires, device=Sinh())
            for sign in (1, -1)
        )
        # a central difference over 1e-5 V: rounding of 1e-13 of 1e-4 A, and third derivatives
        np.testing.assert_allclose(jacobian_s[:, i], (above_a - below_a) / (2 * step_v), rtol=0, atol=1e-12)
    cut = Wires(**OHMS, faults=[OpenLine(line="row", number=1, cell=0)])
    sound, faulty = (
        linear_gaussian_reference(CONDUCTANCE_S, DRIVE_V, wires=one, device=Sinh(), noise_a=1e-7).nmse
        for one in (Wires(**OHMS), cut)
    )
    assert faulty > 100 * sound, "nothing can be known of an input that is cut off"


def test_a_vector_is_solved_to_the_same_bit_in_any_batch() -> None:
    wires = Wires(**OHMS, faults=SOME)
    together = solve_dc(CONDUCTANCE_S, DRIVE_V, wires=wires, device=OneTransistor())
    for b in range(3):
        alone_a = solve_currents(CONDUCTANCE_S, DRIVE_V[b], wires=wires, device=OneTransistor())
        assert (alone_a == together.current_a[b]).all()


@pytest.mark.parametrize(
    "fault",
    [
        OpenLine(line="row", number=4, cell=0),
        OpenLine(line="column", number=0, cell=4),
        GroundedLine(line="column", number=7, cell=0),
        BridgedLines(line="row", number=3, cell=0),
    ],
)
def test_a_fault_outside_the_array_is_refused(fault) -> None:
    with pytest.raises(RangeError, match=rf"{type(fault).__name__}.*inside 4 rows × 7 columns"):
        solve_dc(CONDUCTANCE_S, DRIVE_V, wires=Wires(faults=[fault]), device=Ohmic())


@pytest.mark.parametrize("ohm", [0.0, -1.0, math.nan, math.inf])
def test_a_short_needs_a_resistance(ohm: float) -> None:
    with pytest.raises(RangeError, match=r"GroundedLine\.ohm"):
        GroundedLine(line="row", number=0, cell=0, ohm=ohm)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"line": "wire", "number": 0, "cell": 0}, "OpenLine.line = 'wire'"),
        ({"line": "row", "number": -1, "cell": 0}, "OpenLine.number = -1"),
        ({"line": "row", "number": 0, "cell": 0.5}, r"OpenLine\.cell = 0\.5"),
    ],
)
def test_a_place_that_is_none_is_refused(keys, words: str) -> None:
    with pytest.raises(InputError, match=words):
        OpenLine(**keys)


def test_wires_take_faults_once_and_nothing_else() -> None:
    for faults, words in (
        (("row 3",), r"faults\[0\] = 'row 3'"),
        ((*SOME, SOME[0]), "twice"),
        (SOME[0], "list"),
    ):
        with pytest.raises(InputError, match=words):
            Wires(faults=faults)
    assert Wires(faults=list(SOME)) == Wires(faults=SOME)
    assert len({Wires(faults=SOME), Wires()}) == 2


def test_transients_refuse_faulty_wires() -> None:
    with pytest.raises(InputError, match=r"OpenLine.* under a transient"):
        solve_transient(
            CONDUCTANCE_S,
            lambda _: DRIVE_V[0],
            np.array([0.0, 1e-9]),
            wires=Wires(**OHMS, faults=SOME),
            device=Ohmic(),
            capacitance_f=1e-15,
        )


def test_a_falling_law_is_refused_where_wires_are_faulty() -> None:
    falls = SmoothLaw(
        current=lambda g, v: g * v * (1 - v) * (1 - v), slope=lambda g, v: g * (1 - v) * (1 - 3 * v)
    )
    with pytest.raises(SolverError, match=r"falls as the voltage rises from SmoothLaw.*cell \["):
        solve_dc(CONDUCTANCE_S, 1.4 * DRIVE_V, wires=Wires(faults=SOME), device=falls)


def test_a_drive_beyond_the_device_names_the_cell() -> None:
    with pytest.raises(RangeError, match=r"no finite current or slope from Sinh.*cell \["):
        solve_dc(CONDUCTANCE_S, np.full(4, 1e4), wires=Wires(faults=SOME), device=Sinh())
    weak = OneTransistor(cell=Ohmic(), gate_v=0.8, gain_a_per_v2=1e-4)
    with pytest.raises(RangeError, match=r"access transistor of cell \["):
        solve_dc(CONDUCTANCE_S, DRIVE_V, wires=Wires(faults=SOME), device=weak)
