"""Condensation: the surrogate against the circuit it stands for, and what it says of uncertain inputs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from crosscal.core.readout import row_groups
from crosscal.runtime import InverseTensors
from crosscal.training import Measurements
from crosscal.training.calibrators.structured import surrogate_design
from crosscal.training.calibrators.structured.calibrator import Structured
from crosscal.training.calibrators.structured.circuit import Circuit, CircuitForm
from crosscal.training.calibrators.structured.derivatives import predicted
from crosscal.training.calibrators.structured.input_expansion import input_expansion
from crosscal.training.calibrators.structured.surrogate_design import draw_design

NOISE = 1e-4


@cache
def surrogate(rows: int, columns: int) -> tuple[Structured, InverseTensors, np.ndarray]:
    """A calibrator whose circuit was set, not learned: 6 Ω wires, bent cells; one of its matrices."""
    rng = np.random.default_rng(8)
    form = CircuitForm(rows=rows, columns=columns, largest_v=0.5, middle_s=58e-6, half_s=42e-6, rounds=14)
    free = {name: torch.zeros(shape) for name, shape in form.free_shapes().items()}
    free["wires"] = torch.log(torch.tensor([6.0, 6.0, 50.0, 10.0]) / torch.tensor([1.0, 1.0, 20.0, 5.0]))
    free["law"][0, :3] = torch.tensor([0.2, 0.5, 0.2])
    matrix = rng.uniform(16e-6, 100e-6, (rows, columns))
    data = Measurements(
        conductance_s=matrix[None],
        voltage_v=rng.uniform(0.1, 0.5, (1, 200, rows)),
        current_a=np.zeros((1, 200, columns)),
        usable=np.ones((1, 200), dtype=bool),
    )
    circuit = Circuit.of(form, free)
    expansion, input_bounds = input_expansion(circuit, data)
    design = draw_design(circuit, data, expansion, input_bounds, rng)
    calibrator = Structured((rows, columns))
    calibrator.set_circuit(circuit)
    calibrator.set_read_model(
        design, noise=np.full(columns, NOISE**2), input_bounds=input_bounds, expansion=expansion
    )
    return calibrator, InverseTensors.from_mapping(calibrator.surrogate_tensors(matrix)), matrix


def circuit_currents(calibrator: Structured, matrix: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
    many = torch.from_numpy(matrix).expand(len(voltage_v), -1, -1)
    return predicted(calibrator.circuit.double(), many, torch.from_numpy(voltage_v)).numpy()


def volts(tensors: InverseTensors, z: np.ndarray) -> np.ndarray:
    return np.polynomial.polynomial.polyval(z, tensors.expansion)


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_surrogate_predicts_what_the_circuit_does_as_exactly_as_it_says(shape: tuple[int, int]) -> None:
    calibrator, tensors, matrix = surrogate(*shape)
    z = np.random.default_rng(1).uniform(tensors.input_bounds[0], tensors.input_bounds[1], (300, shape[0]))
    wrong = tensors.predicted(z) - circuit_currents(calibrator, matrix, volts(tensors, z))
    misfit = np.sqrt(np.mean(tensors.variance - NOISE**2))
    assert misfit < 1e-4
    assert np.sqrt(np.mean(wrong**2)) == pytest.approx(misfit, rel=0.5)


def test_surrogate_holds_for_inputs_that_rise_together() -> None:
    calibrator, tensors, matrix = surrogate(6, 9)
    z = np.linspace(tensors.input_bounds[0], tensors.input_bounds[1], 21)[:, None] * np.ones(6)
    wrong = tensors.predicted(z) - circuit_currents(calibrator, matrix, volts(tensors, z))
    assert np.abs(wrong).max() < 1e-3


def test_surrogate_holds_where_few_rows_are_driven() -> None:
    calibrator, tensors, matrix = surrogate(6, 9)
    z = np.full((13, 6), tensors.input_bounds[0])
    z[1:7] += 0.5 * np.ptp(tensors.input_bounds[:2]) * np.eye(6)
    z[7:] += np.ptp(tensors.input_bounds[:2]) * np.eye(6)
    wrong = tensors.predicted(z) - circuit_currents(calibrator, matrix, volts(tensors, z))
    assert np.abs(wrong).max() < 2e-4


def test_uncertain_inputs_are_expected_to_read_as_they_do_on_average() -> None:
    _, tensors, _ = surrogate(9, 6)
    known = np.linalg.solve(tensors.linear.T @ tensors.linear + np.diag(tensors.variance), tensors.linear.T)
    covariance = np.eye(9) - tensors.linear @ known
    np.testing.assert_allclose(tensors.input_variance, np.diag(covariance), atol=1e-9)
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(9))
    z = np.random.default_rng(2).standard_normal((200000, 9)) @ root.T
    second_order = tensors.predicted(z) + tensors.predicted(-z)
    lifted = 0.5 * second_order.mean(axis=0) - tensors.constant
    # Fourth powers of a column's load, which `prediction_bias` leaves out, are small here.
    np.testing.assert_allclose(
        tensors.prediction_bias, lifted, atol=0.05 * np.abs(tensors.prediction_bias).max()
    )


def test_every_second_sparse_vector_of_a_tall_array_drives_the_rows_of_a_pass():
    drawn_v = np.random.default_rng(2).uniform(0.1, 0.5, (36, 12))
    kept_v = surrogate_design._sparse(drawn_v, 0.0, (2, 3, 4), np.random.default_rng(3))
    groups = {tuple(group) for passes in (2, 3, 4) for group in row_groups(12, passes)}
    assert {tuple(np.flatnonzero(v)) for v in kept_v[::2]} == groups
    as_before_v = surrogate_design._sparse(drawn_v, 0.0, (), np.random.default_rng(3))
    np.testing.assert_array_equal(kept_v[1::2], as_before_v[1::2])
