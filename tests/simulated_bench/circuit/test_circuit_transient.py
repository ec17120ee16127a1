"""The array in time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import InputError, RangeError, ShapeError, SolverError
from crosscal.simulated_bench import Ohmic, Sinh, Solution, Wires, solve_dc, solve_transient
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.transient import step_size_control
from crosscal.simulated_bench.circuit.transient.operating_point import operating_point
from crosscal.simulated_bench.circuit.transient.stepper import Stepper

FILES = sorted(Path(__file__).parents[2].glob("reference_circuits/tran_*.npz"))
RINGING = sorted(Path(__file__).parents[2].glob("reference_circuits/rlc_*.npz"))
WIRES = Wires(row_ohm=5.0, column_ohm=7.0, source_ohm=50.0, sense_ohm=10.0)
FARAD, HENRY = 1e-13, 1e-10


def draw(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(rows)
    return rng.uniform(16.6e-6, 100e-6, (rows, columns)), rng.uniform(0.1, 0.5, rows)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_agrees_with_ngspice_at_its_own_time_points(path: Path) -> None:
    """To 1e-5 of the largest current; every twentieth point, from the ramp to the end."""
    case = np.load(path)
    wires = Wires(
        row_ohm=float(case["r_row"]),
        column_ohm=float(case["r_col"]),
        source_ohm=float(case["r_source"]),
        sense_ohm=float(case["r_sense"]),
    )
    rise_s, final_v = float(case["t_rise"]), case["V"]
    solution = solve_transient(
        case["G"],
        lambda t: final_v * min(t / rise_s, 1.0),
        case["t_raw"][::20],
        wires=wires,
        device=Sinh() if case["nonlinear"] else Ohmic(),
        capacitance_f=float(case["c_node"]),
    )
    off_a = np.abs(solution.current_a - case["I_raw"][::20]).max()
    assert off_a <= 1e-5 * np.abs(case["I_raw"]).max()


@pytest.mark.parametrize("path", RINGING, ids=lambda path: path.stem)
def test_agrees_with_ngspice_where_inductors_ring(path: Path) -> None:
    """To 1e-4 of the largest current, at its own time points, from the ramp into the ringing."""
    case = np.load(path)
    wires = Wires(
        row_ohm=float(case["r_row"]),
        column_ohm=float(case["r_col"]),
        source_ohm=float(case["r_source"]),
        sense_ohm=float(case["r_sense"]),
    )
    rise_s, final_v, device = float(case["t_rise"]), case["V"], Sinh() if case["nonlinear"] else Ohmic()
    solution = solve_transient(
        case["G"],
        lambda t: final_v * min(t / rise_s, 1.0),
        case["t_raw"],
        wires=wires,
        device=device,
        capacitance_f=float(case["c_node"]),
        inductance_h=float(case["l_segment"]),
    )
    off_a = np.abs(solution.current_a - case["I_raw"]).max()
    assert off_a <= 1e-4 * np.abs(case["I_raw"]).max()
    at_rest_a = solve_dc(case["G"], final_v, wires=wires, device=device).current_a
    assert (case["I_raw"].max(axis=0) > 1.4 * at_rest_a).all(), "the case rings"


def test_the_transients_of_the_reference_set_are_there() -> None:
    assert len(FILES) == 2
    assert [path.stem for path in RINGING] == ["rlc_lin_3x5", "rlc_sinh_5x3"]


def linear_twin(conductance_s: np.ndarray, farad: float, henry: float) -> tuple[np.ndarray, ...]:
    """State equations `x' = A x + B v` and currents `C x` of a resistive array, written out branch by branch.

    States: row nodes, column nodes, row segments, column segments (rightwards, downwards).
    """
    rows, columns = conductance_s.shape
    cells = rows * columns
    index = np.arange(cells).reshape(rows, columns)
    a, b = np.zeros((4 * cells, 4 * cells)), np.zeros((4 * cells, rows))
    for i in range(rows):
        for j in range(columns):
            word, bit = index[i, j], cells + index[i, j]
            across, down = 2 * cells + index[i, j], 3 * cells + index[i, j]
            for node, other in ((word, bit), (bit, word)):
                a[node, node] -= conductance_s[i, j] / farad
                a[node, other] += conductance_s[i, j] / farad
            a[word, across] += 1 / farad
            a[across, word] -= 1 / henry
            a[across, across] -= WIRES.row_ohm / henry
            if j == 0:
                a[across, across] -= WIRES.source_ohm / henry
                b[across, i] = 1 / henry
            else:
                a[index[i, j - 1], across] -= 1 / farad
                a[across, index[i, j - 1]] += 1 / henry
            a[bit, down] -= 1 / farad
            a[down, bit] += 1 / henry
            a[down, down] -= WIRES.column_ohm / henry
            if i == rows - 1:
                a[down, down] -= WIRES.sense_ohm / henry
            else:
                a[cells + index[i + 1, j], down] += 1 / farad
                a[down, cells + index[i + 1, j]] -= 1 / henry
    c = np.zeros((columns, 4 * cells))
    c[np.arange(columns), 3 * cells + index[-1]] = 1.0
    return a, b, c


@pytest.mark.parametrize("henry", [HENRY, HENRY / 1000], ids=["ringing", "damped"])
def test_a_resistive_array_answers_a_sine_as_its_state_equations_do(henry: float) -> None:
    """Solved exactly by eigenvectors: rest, then a sine from t = 0. Within ten step tolerances."""
    conductance_s, peak_v = draw(2, 3)
    per_s = 2 * math.pi * 1e10
    a, b, c = linear_twin(conductance_s, FARAD, henry)
    rates, modes = np.linalg.eig(a)
    forced = np.linalg.solve(modes, b @ peak_v)
    time_s = np.linspace(0, 3e-10, 31)
    # x' = λ x + f sin(ωt) from rest
    growth = np.exp(rates[:, None] * time_s) * per_s - per_s * np.cos(per_s * time_s)
    answer = (growth - rates[:, None] * np.sin(per_s * time_s)) / (rates[:, None] ** 2 + per_s**2)
    expected_a = np.real(c @ modes @ (forced[:, None] * answer)).T

    solution = solve_transient(
        conductance_s,
        lambda t: peak_v * math.sin(per_s * t),
        time_s,
        wires=WIRES,
        device=Ohmic(),
        capacitance_f=FARAD,
        inductance_h=henry,
    )
    scale_a = np.abs(expected_a).max()
    np.testing.assert_allclose(solution.current_a, expected_a, rtol=0, atol=1e-5 * scale_a)


def test_one_cell_charges_exponentially_after_a_jump() -> None:
    """Column held by its amplifier: C w' = (V - w)/R - G w. The jump lies inside an interval."""
    g, ohm, jump_s = 1e-4, 1000.0, 0.35e-9
    time_s = np.linspace(0, 2e-9, 21)
    solution = solve_transient(
        np.array([[g]]),
        lambda t: np.array([0.4 if t > jump_s else 0.0]),
        time_s,
        wires=Wires(source_ohm=ohm),
        device=Ohmic(),
        capacitance_f=1e-12,
    )
    total_s = 1 / ohm + g
    since_s = np.maximum(time_s - jump_s, 0)
    expected_v = 0.4 / ohm / total_s * (1 - np.exp(-since_s * total_s / 1e-12))
    np.testing.assert_allclose(solution.word_v[:, 0, 0], expected_v, rtol=0, atol=4e-6)
    np.testing.assert_allclose(solution.current_a[:, 0], g * expected_v, rtol=0, atol=4e-10)


def test_one_cell_with_inductance_alone_rises_exponentially() -> None:
    """2 L i' = V - (R + 1/G) i: no node holds charge."""
    g, ohm = 1e-3, 500.0
    time_s = np.linspace(0, 3e-12, 16)
    solution = solve_transient(
        np.array([[g]]),
        lambda t: np.array([0.4 if t > 0 else 0.0]),
        time_s,
        wires=Wires(row_ohm=ohm),
        device=Ohmic(),
        inductance_h=1e-9,
    )
    expected_a = 0.4 / (ohm + 1 / g) * (1 - np.exp(-time_s * (ohm + 1 / g) / 2e-9))
    np.testing.assert_allclose(solution.current_a[:, 0], expected_a, rtol=0, atol=1e-5 * 0.4 / 1500)


@pytest.mark.parametrize("device", [Ohmic(), Sinh()], ids=["ohmic", "sinh"])
def test_the_method_is_of_fourth_order(device) -> None:
    """Halving a fixed step leaves a sixteenth of the error; measured against steps eight times shorter.

    The drive is smooth and begins at rest; sinh cells bend at 0 V, which the drive only touches there.
    """
    conductance_s, peak_v = draw(4, 6)
    circuit = Circuit.of(conductance_s, WIRES, device)
    end_s = 1e-10

    def drive(t: float) -> np.ndarray:
        return peak_v * math.sin(2 * math.pi * t / end_s) ** 2

    def final_a(count: int) -> np.ndarray:
        stepper = Stepper(circuit, drive, FARAD, HENRY, 1e-13)
        nothing = np.zeros((4, 6))
        quiet = Solution(current_a=np.zeros(6), word_v=nothing, bit_v=nothing)
        instant = operating_point(circuit, 0.0, np.zeros(4), nothing, quiet, inductive=True)
        for _ in range(count):
            step = stepper.step(instant, end_s / count)
            assert step is not None
            instant = step.end
        return instant.current_a

    exact_a = final_a(640)
    errors = [np.abs(final_a(count) - exact_a).max() for count in (20, 40, 80)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert ((orders > 3.8) & (orders < 4.5)).all(), orders


@pytest.mark.parametrize("henry", [0.0, HENRY])
def test_a_tighter_tolerance_gives_a_smaller_error(henry: float) -> None:
    conductance_s, peak_v = draw(3, 5)
    time_s = np.linspace(0, 2e-10, 5)

    def solve(tolerance: float) -> np.ndarray:
        return solve_transient(
            conductance_s,
            lambda t: peak_v * math.sin(1e10 * t),
            time_s,
            wires=WIRES,
            device=Sinh(),
            capacitance_f=FARAD,
            inductance_h=henry,
            tolerance=tolerance,
        ).current_a

    exact_a = solve(1e-9)
    errors = [np.abs(solve(tolerance) - exact_a).max() / np.abs(exact_a).max() for tolerance in (1e-4, 1e-6)]
    assert errors[0] < 1e-2
    assert errors[1] < 1e-4
    assert errors[1] < errors[0] / 5


def test_a_transient_begins_at_rest_and_ends_in_the_direct_current_solution() -> None:
    conductance_s, peak_v = draw(6, 4)
    options = {"wires": WIRES, "device": Sinh()}
    solution = solve_transient(
        conductance_s,
        lambda t: peak_v * (1.0 if t > 1e-12 else 0.5),
        [0.0, 1e-12, 1e-6],
        capacitance_f=FARAD,
        inductance_h=HENRY,
        **options,
    )
    first, last = (solve_dc(conductance_s, part * peak_v, **options) for part in (0.5, 1.0))
    for k, expected in ((0, first), (1, first), (2, last)):
        np.testing.assert_allclose(solution.current_a[k], expected.current_a, rtol=1e-6)
        np.testing.assert_allclose(solution.word_v[k], expected.word_v, rtol=1e-6)
        np.testing.assert_allclose(solution.bit_v[k], expected.bit_v, rtol=1e-6)


def test_without_capacitors_and_inductors_every_instant_is_at_rest() -> None:
    conductance_s, peak_v = draw(3, 5)
    time_s = np.linspace(0, 1, 7)
    solution = solve_transient(
        conductance_s, lambda t: peak_v * math.cos(9 * t), time_s, wires=WIRES, device=Sinh()
    )
    drives_v = np.outer(np.cos(9 * time_s), peak_v)
    expected = solve_dc(conductance_s, drives_v, wires=WIRES, device=Sinh())
    assert np.array_equal(solution.current_a, expected.current_a)


def test_what_is_reported_does_not_depend_on_when_else_is_reported() -> None:
    conductance_s, peak_v = draw(5, 3)
    fine_s = np.linspace(0, 2e-10, 81)
    fine_a, coarse_a = (
        solve_transient(
            conductance_s,
            lambda t: peak_v * math.sin(3e10 * t),
            time_s,
            wires=WIRES,
            device=Sinh(),
            capacitance_f=FARAD,
        ).current_a
        for time_s in (fine_s, fine_s[::16])
    )
    np.testing.assert_allclose(fine_a[::16], coarse_a, rtol=0, atol=1e-5 * np.abs(fine_a).max())


def test_a_jump_in_a_long_quiet_record_is_not_smeared() -> None:
    """A millisecond beside time constants of picoseconds: nothing before the jump, everything right after."""
    conductance_s, peak_v = draw(4, 6)
    time_s = np.linspace(0, 1e-3, 11)
    solution = solve_transient(
        conductance_s,
        lambda t: peak_v * (t > 5.03e-4),
        time_s,
        wires=WIRES,
        device=Sinh(),
        capacitance_f=1e-15,
    )
    final = solve_dc(conductance_s, peak_v, wires=WIRES, device=Sinh())
    assert not solution.current_a[:6].any()
    np.testing.assert_allclose(solution.current_a[6:], np.tile(final.current_a, (5, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"time_s": [[0.0, 1.0]]}, ShapeError, "time_s of shape"),
        ({"time_s": []}, ShapeError, "no times"),
        ({"time_s": [0.0, 2.0, 1.0]}, RangeError, r"time_s\[2\] = 1 s after 2 s"),
        ({"time_s": [0.0, 0.0]}, RangeError, r"time_s\[1\]"),
        ({"time_s": [0.0, math.nan]}, RangeError, r"time_s\[1\] = nan"),
        ({"capacitance_f": -1e-15}, RangeError, "capacitance_f = -1e-15"),
        ({"capacitance_f": math.inf}, RangeError, "capacitance_f = inf"),
        ({"inductance_h": math.nan}, RangeError, "inductance_h = nan"),
        ({"inductance_h": np.ones(3)}, RangeError, "inductance_h"),
        ({"tolerance": 0.0}, RangeError, "tolerance = 0.0"),
        ({"tolerance": 1e-15}, RangeError, "tolerance = 1e-15"),
        ({"tolerance": math.nan}, RangeError, "tolerance = nan"),
        ({"tolerance": "tight"}, RangeError, "tolerance = 'tight'"),
        ({"capacitance_f": "little"}, RangeError, "capacitance_f = 'little'"),
        ({"drive": np.zeros(3)}, InputError, r"drive = a ndarray of shape \(3,\)"),
        ({"drive": lambda _: np.full(3, 1e300)}, RangeError, r"too large to compute with.*cell \[0, 0\]"),
        ({"drive": lambda _: np.zeros(5)}, ShapeError, r"drive\(0.0\) of shape \(5,\)"),
        ({"drive": lambda _: 0.3}, ShapeError, r"drive\(0.0\) of shape \(\)"),
        (
            {"drive": lambda t: np.array([0.1, math.nan if t else 0.1, 0.1])},
            RangeError,
            r"drive\(1e-12\)\[1\]",
        ),
        ({"wires": Wires(sense_ohm=[1.0])}, ShapeError, r"Wires\.sense_ohm"),
        ({"device": Sinh}, InputError, "device"),
        ({"conductance_s": -np.ones((3, 4))}, RangeError, r"conductance_s\[0, 0\]"),
    ],
)
def test_what_cannot_be_used_is_named(changes, error, words) -> None:
    arguments = {
        "conductance_s": np.full((3, 4), 5e-5),
        "drive": lambda t: np.full(3, t),
        "time_s": [0.0, 1e-12],
        "wires": WIRES,
        "device": Ohmic(),
        "capacitance_f": FARAD,
    }
    with pytest.raises(error, match=words):
        solve_transient(**(arguments | changes))


def test_a_waveform_that_turns_bad_between_the_reports_is_named_by_its_time() -> None:
    with pytest.raises(RangeError, match=r"drive\([4-8]\.\d*e-13\)\[0\] = nan"):
        solve_transient(
            np.full((1, 2), 5e-5),
            lambda t: np.array([math.nan if 4e-13 < t < 9e-13 else 0.1]),
            [0.0, 1e-12],
            wires=WIRES,
            device=Ohmic(),
            capacitance_f=FARAD,
        )


def test_a_tolerance_that_no_step_can_meet_is_an_error_that_names_time_and_place(monkeypatch) -> None:
    """A drive that is another number at every instant; fewer steps than usual will tell."""
    monkeypatch.setattr(step_size_control, "STEPS_MOST", 400)
    with pytest.raises(
        SolverError,
        match=r"above the tolerance 1e-07 near t .*, largest in the row node of cell \[1, 1\], .* 400 steps",
    ):
        solve_transient(
            np.full((3, 2), 5e-5),
            lambda t: np.array([0.0, math.sin(1e30 * t), 0.0]),
            [0.0, 1e-9],
            wires=Wires(source_ohm=50.0),
            device=Ohmic(),
            capacitance_f=FARAD,
        )
