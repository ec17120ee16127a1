"""The believed circuit against closed forms, ngspice's solutions, a nodal twin and finite differences."""

from __future__ import annotations

from math import factorial
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import RangeError, ShapeError, TrainingError
from crosscal.training.calibrators.whitebox.circuit_model import CellModel, CircuitModel, WireModel

REFERENCES = Path(__file__).parents[3] / "reference_circuits"
ORDERS = 17


def law_of(coefficients, kink=(), *, scale_v=1.0, low_v=-1.0, high_v=1.0) -> CellModel:
    return CellModel(
        coefficients=np.atleast_2d(np.asarray(coefficients, dtype=float)),
        kink=np.asarray(kink, dtype=float),
        scale_v=scale_v,
        low_v=low_v,
        high_v=high_v,
        middle_s=58e-6,
        half_s=42e-6,
    )


def wires_of(row=2.0, column=3.0, source=50.0, sense=10.0) -> WireModel:
    return WireModel(row_ohm=row, column_ohm=column, source_ohm=source, sense_ohm=sense)


def sinh_series(a: float, b: float) -> np.ndarray:
    return np.array([a * b**p / factorial(p) if p % 2 else 0.0 for p in range(1, ORDERS + 1)])


def conductances(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(16.6e-6, 100e-6, shape)


@pytest.mark.parametrize("path", sorted(REFERENCES.glob("lin_*.npz")), ids=lambda path: path.stem)
def test_agrees_with_ngspice_on_ohmic_cells(path):
    case = np.load(path)
    wires = wires_of(*(float(case[key]) for key in ("r_row", "r_col", "r_source", "r_sense")))
    circuit = CircuitModel(wires=wires, law=law_of([1.0]))
    current_a = circuit.solve(case["G"][None], np.zeros(len(case["V"]), dtype=int), case["V"], 1e-14)
    np.testing.assert_allclose(current_a, case["I_out"], rtol=0, atol=1e-11 * np.abs(case["I_out"]).max())


@pytest.mark.parametrize("path", sorted(REFERENCES.glob("sinh_*.npz")), ids=lambda path: path.stem)
def test_agrees_with_ngspice_on_sinh_cells_whose_slope_jumps_at_zero(path):
    case = np.load(path)
    wires = wires_of(*(float(case[key]) for key in ("r_row", "r_col", "r_source", "r_sense")))
    above = sinh_series(float(case["a_pos"]), float(case["b_pos"]))
    below = sinh_series(float(case["a_neg"]), float(case["b_neg"]))
    circuit = CircuitModel(wires=wires, law=law_of(above, below - above))
    current_a = circuit.solve(case["G"][None], np.zeros(len(case["V"]), dtype=int), case["V"], 1e-13)
    np.testing.assert_allclose(current_a, case["I_out"], rtol=0, atol=1e-10 * np.abs(case["I_out"]).max())


def test_single_cell_is_a_voltage_divider():
    circuit = CircuitModel(wires=wires_of(1.0, 2.0, 30.0, 7.0), law=law_of([1.0]))
    current_a = circuit.solve(np.full((1, 1, 1), 1e-3), np.zeros(1, dtype=int), np.array([[0.4]]))
    assert current_a[0, 0] == pytest.approx(0.4 / (1000 + 40), rel=1e-9)


def test_without_wires_cells_see_their_inputs():
    rng = np.random.default_rng(1)
    conductance_s, voltage_v = conductances(rng, 1, 5, 3), rng.uniform(-0.5, 0.5, (6, 5))
    law = law_of([[0.9, 0.1, 0.4], [0.05, 0.0, -0.1]], [0.2])
    circuit = CircuitModel(wires=wires_of(0.0, 0.0, 0.0, 0.0), law=law)
    current_a = circuit.solve(conductance_s, np.zeros(6, dtype=int), voltage_v)
    cells = [
        [law.per_siemens(voltage_v[:, n], conductance_s[0, n, m]) * conductance_s[0, n, m] for m in range(3)]
        for n in range(5)
    ]
    np.testing.assert_allclose(current_a, np.sum(cells, axis=0).T, rtol=1e-9)


def test_vectors_keep_their_matrix_whatever_their_order_and_number():
    rng = np.random.default_rng(2)
    conductance_s = conductances(rng, 3, 7, 4)
    matrix, voltage_v = rng.integers(0, 3, 19), rng.uniform(0.1, 0.5, (19, 7))
    circuit = CircuitModel(wires=wires_of(), law=law_of([0.9, 0.0, 0.5]))
    together = circuit.solve(conductance_s, matrix, voltage_v)
    alone = [
        circuit.solve(conductance_s[[k]], np.zeros(1, dtype=int), v[None])[0]
        for k, v in zip(matrix, voltage_v, strict=True)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-7)


def test_derivatives_are_those_of_finite_differences():
    rng = np.random.default_rng(3)
    conductance_s, voltage_v = conductances(rng, 2, 7, 5), rng.uniform(-0.5, 0.5, (5, 7))
    matrix = np.array([0, 1, 1, 0, 1])
    law = law_of([[0.9, 0.02, 0.5], [0.1, 0.0, 0.05]], [0.1, 0.05], scale_v=0.5, low_v=-0.4, high_v=0.45)
    circuit = CircuitModel(wires=wires_of(), law=law)
    _, tangent = circuit.differentiate(conductance_s, matrix, voltage_v)
    values = circuit.parameters
    for p in range(values.size):
        step = np.zeros(values.size)
        step[p] = 1e-4 * max(1.0, abs(values[p]))
        ahead = circuit.with_parameters(values + step).solve(conductance_s, matrix, voltage_v, 1e-14)
        behind = circuit.with_parameters(values - step).solve(conductance_s, matrix, voltage_v, 1e-14)
        expected = (ahead - behind) / (2 * step[p])
        np.testing.assert_allclose(tangent[:, :, p], expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_law_goes_on_as_a_straight_line_beyond_its_span():
    law = law_of([1.0, 0.0, 2.0], scale_v=0.5, low_v=-0.1, high_v=0.5)
    inside = law.per_siemens(np.array([0.5 - 1e-6, 0.5]), 58e-6)
    slope = (inside[1] - inside[0]) / 1e-6
    assert law.per_siemens(np.array([0.9]), 58e-6)[0] == pytest.approx(inside[1] + 0.4 * slope, rel=1e-5)


def test_law_that_falls_is_refused_with_the_reason():
    circuit = CircuitModel(wires=wires_of(), law=law_of([-1.0]))
    with pytest.raises(TrainingError, match="does not rise"):
        circuit.solve(np.full((1, 4, 3), 1e-2), np.zeros(2, dtype=int), np.full((2, 4), 0.5))


@pytest.mark.parametrize(
    ("shape", "matrix", "vectors"),
    [((4, 3), [0], (1, 4)), ((1, 4, 3), [0], (1, 3)), ((1, 4, 3), [0, 0], (1, 4))],
)
def test_arrays_that_do_not_go_together_are_refused(shape, matrix, vectors):
    circuit = CircuitModel(wires=wires_of(), law=law_of([1.0]))
    with pytest.raises(ShapeError, match="rows are inputs"):
        circuit.solve(np.full(shape, 1e-5), np.array(matrix), np.zeros(vectors))


def test_matrix_that_is_not_there_is_refused():
    circuit = CircuitModel(wires=wires_of(), law=law_of([1.0]))
    with pytest.raises(RangeError, match=r"0…1"):
        circuit.solve(np.full((2, 4, 3), 1e-5), np.array([2]), np.zeros((1, 4)))


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_impossible_resistances_are_refused(value):
    with pytest.raises(RangeError, match="0 or more"):
        wires_of(row=value)
