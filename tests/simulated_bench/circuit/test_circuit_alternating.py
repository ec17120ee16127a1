"""The array under small alternating drives."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import InputError, RangeError, ShapeError, SolverError
from crosscal.simulated_bench import Ohmic, Sinh, Wires, sensitivity, solve_ac, solve_dc, solve_transient

FILES = sorted(Path(__file__).parents[2].glob("reference_circuits/ac_*.npz"))
WIRES = Wires(row_ohm=5.0, column_ohm=7.0, source_ohm=50.0, sense_ohm=10.0)
FARAD, HENRY = 1e-13, 1e-10
FREQUENCY_HZ = np.array([0.0, 1e7, 1e9, 1e10, 1e11])


def draw(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(rows)
    return rng.uniform(16.6e-6, 100e-6, (rows, columns)), rng.uniform(0.1, 0.5, rows)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_agrees_with_ngspice_from_flat_to_far_beyond_resonance(path: Path) -> None:
    """To 1e-7 of the largest transfer at each frequency: ngspice's bias point is good to 1e-9."""
    case = np.load(path)
    wires = Wires(
        row_ohm=float(case["r_row"]),
        column_ohm=float(case["r_col"]),
        source_ohm=float(case["r_source"]),
        sense_ohm=float(case["r_sense"]),
    )
    response = solve_ac(
        case["G"],
        case["V"],
        case["f"],
        wires=wires,
        device=Sinh() if case["nonlinear"] else Ohmic(),
        capacitance_f=float(case["c_node"]),
        inductance_h=float(case["l_segment"]),
    )
    expected_s = case["transfer"]
    scale_s = np.abs(expected_s).max(axis=(1, 2))
    off = np.abs(response.transfer_s - expected_s).max(axis=(1, 2)) / scale_s
    assert off.max() <= 1e-7, off
    assert scale_s.max() > 3 * scale_s[0], "the case resonates"
    assert scale_s.min() < 0.1 * scale_s[0], "the case attenuates"


def test_both_responses_of_the_reference_set_are_there() -> None:
    assert [path.stem for path in FILES] == ["ac_lin_3x5", "ac_sinh_5x3"]


def test_one_cell_is_a_ladder_that_can_be_written_down() -> None:
    """Source and inductor, capacitor across, the cell, capacitor across, inductor and amplifier."""
    g = 2e-4
    s = 2j * math.pi * FREQUENCY_HZ
    column_ohm = 17.0 + s * HENRY
    after_s = s * FARAD + 1 / column_ohm
    cell_s = 1 / (1 / g + 1 / after_s)
    row_s = s * FARAD + cell_s
    into_a = 1 / (55.0 + s * HENRY + 1 / row_s)
    out_a = into_a * cell_s / row_s * (1 / column_ohm) / after_s
    response = solve_ac(
        np.array([[g]]),
        np.array([0.3]),
        FREQUENCY_HZ,
        wires=WIRES,
        device=Ohmic(),
        capacitance_f=FARAD,
        inductance_h=HENRY,
    )
    np.testing.assert_allclose(response.transfer_s[:, 0, 0], out_a, rtol=1e-12)


def nodal_twin(slope_s: np.ndarray, frequency_hz: float, farad: float, henry: float) -> np.ndarray:
    """Transfer (M, N) from the whole nodal matrix, written out branch by branch."""
    rows, columns = slope_s.shape
    s = 2j * math.pi * frequency_hz
    index = np.arange(rows * columns).reshape(rows, columns)
    y = np.eye(2 * index.size, dtype=complex) * s * farad
    into, out = np.zeros((2 * index.size, rows), dtype=complex), np.zeros((columns, 2 * index.size), complex)

    def join(one: int, other: int, branch_s: complex) -> None:
        y[[one, other], [one, other]] += branch_s
        y[[one, other], [other, one]] -= branch_s

    for i in range(rows):
        for j in range(columns):
            word, bit = index[i, j], index.size + index[i, j]
            join(word, bit, slope_s[i, j])
            if j == 0:
                driver_s = 1 / (WIRES.row_ohm + WIRES.source_ohm + s * henry)
                y[word, word] += driver_s
                into[word, i] = driver_s
            else:
                join(word, index[i, j - 1], 1 / (WIRES.row_ohm + s * henry))
            if i == rows - 1:
                sense_s = 1 / (WIRES.column_ohm + WIRES.sense_ohm + s * henry)
                y[bit, bit] += sense_s
                out[j, bit] = sense_s
            else:
                join(bit, index.size + index[i + 1, j], 1 / (WIRES.column_ohm + s * henry))
    return out @ np.linalg.solve(y, into)


@pytest.mark.parametrize(("rows", "columns"), [(1, 4), (4, 1), (3, 5), (6, 4)])
@pytest.mark.parametrize("henry", [0.0, HENRY])
def test_the_transfer_is_that_of_the_whole_nodal_matrix(rows: int, columns: int, henry: float) -> None:
    conductance_s, bias_v = draw(rows, columns)
    across_v = solve_dc(conductance_s, bias_v, wires=WIRES, device=Sinh()).cell_v
    slope_s = conductance_s * 0.225 * 4.12 * np.cosh(4.12 * across_v)  # every cell is driven forwards
    response = solve_ac(
        conductance_s,
        bias_v,
        FREQUENCY_HZ,
        wires=WIRES,
        device=Sinh(),
        capacitance_f=FARAD,
        inductance_h=henry,
    )
    for frequency_hz, transfer_s in zip(FREQUENCY_HZ, response.transfer_s, strict=True):
        expected_s = nodal_twin(slope_s, frequency_hz, FARAD, henry)
        np.testing.assert_allclose(transfer_s, expected_s, rtol=0, atol=1e-11 * np.abs(expected_s).max())


@pytest.mark.parametrize("wires", [WIRES, Wires(), Wires(source_ohm=[0.0, 9.0, 50.0], column_ohm=2.0)])
def test_at_0_hertz_it_is_the_sensitivity_whatever_is_zero_ohms(wires: Wires) -> None:
    conductance_s, bias_v = draw(3, 4)
    options = {"wires": wires, "device": Sinh()}
    response = solve_ac(conductance_s, bias_v, [0.0], capacitance_f=FARAD, inductance_h=HENRY, **options)
    expected_s = sensitivity(conductance_s, bias_v, **options)
    np.testing.assert_allclose(response.transfer_s[0], expected_s, rtol=1e-11)


def test_a_small_sine_in_time_swells_to_what_its_frequency_says() -> None:
    """After the transient has died; the sine is so small that the cells' bend stays below 1e-4 of it."""
    conductance_s, bias_v = draw(3, 5)
    frequency_hz, swing_v = 4e9, 1e-4 * np.array([1.0, -0.5, 0.25])
    options = {"wires": WIRES, "device": Sinh(), "capacitance_f": FARAD, "inductance_h": HENRY}
    time_s = np.linspace(0, 16 / frequency_hz, 16 * 12 + 1)
    solution = solve_transient(
        conductance_s,
        lambda t: bias_v + swing_v * math.sin(2 * math.pi * frequency_hz * t),
        time_s,
        tolerance=1e-9,
        **options,
    )
    last = slice(-12, None)
    turned = np.exp(-2j * math.pi * frequency_hz * time_s[last])
    measured_a = 2j * np.mean(turned[:, None] * solution.current_a[last], axis=0)
    expected_a = solve_ac(conductance_s, bias_v, [frequency_hz], **options).current_a(swing_v)[0]
    at_rest_a = sensitivity(conductance_s, bias_v, wires=WIRES, device=Sinh()) @ swing_v
    np.testing.assert_allclose(measured_a, expected_a, rtol=0, atol=1e-3 * np.abs(expected_a).max())
    assert np.abs(expected_a - at_rest_a).max() > 0.05 * np.abs(at_rest_a).max(), "the storage matters"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"frequency_hz": [[1.0]]}, ShapeError, "frequency_hz of shape"),
        ({"frequency_hz": [1.0, -2.0]}, RangeError, r"frequency_hz\[1\] = -2 Hz"),
        ({"frequency_hz": [math.nan]}, RangeError, r"frequency_hz\[0\] = nan"),
        ({"bias_v": np.zeros((2, 3))}, ShapeError, "bias_v of shape"),
        ({"bias_v": np.zeros(4)}, ShapeError, r"\(4,\) for 3 rows"),
        ({"capacitance_f": -1.0}, RangeError, "capacitance_f = -1.0"),
        ({"inductance_h": math.inf}, RangeError, "inductance_h = inf"),
        ({"device": Sinh}, InputError, "device"),
    ],
)
def test_what_cannot_be_used_is_named(changes, error, words) -> None:
    arguments = {
        "conductance_s": np.full((3, 4), 5e-5),
        "bias_v": np.full(3, 0.2),
        "frequency_hz": [1e6],
        "wires": WIRES,
        "device": Ohmic(),
    }
    with pytest.raises(error, match=words):
        solve_ac(**(arguments | changes))


def test_amplitudes_must_fit_the_rows() -> None:
    response = solve_ac(np.full((3, 4), 5e-5), np.zeros(3), [1e6], wires=WIRES, device=Ohmic())
    with pytest.raises(ShapeError, match=r"drive_v of shape \(4,\)"):
        response.current_a(np.zeros(4))


def test_a_resonance_without_loss_is_an_error_that_names_the_frequency() -> None:
    """An open cell on a row of nothing but an inductor and a capacitor: an exact zero of 1 − ω²LC."""
    options = {"wires": Wires(), "device": Ohmic(), "capacitance_f": 1.0, "inductance_h": 1.0}
    resonant_hz = 1 / (2 * math.pi)
    with pytest.raises(SolverError, match=r"no finite answer at 0\.159155 Hz"):
        solve_ac(np.zeros((1, 1)), np.zeros(1), [resonant_hz], **options)
