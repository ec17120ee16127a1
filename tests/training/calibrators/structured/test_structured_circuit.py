"""The circuit as a network: against a plain nodal solution, and its derivatives against differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.small_crossbar import SmallCrossbar, lopsided, ohmic

from crosscal.training.calibrators.structured.backend import TorchBackend
from crosscal.training.calibrators.structured.circuit import Circuit, CircuitForm
from crosscal.training.calibrators.structured.circuit_fit import COLUMNWISE, ROWWISE, SHARED, fit_circuit
from crosscal.training.calibrators.structured.derivatives import circuit_derivatives, predicted
from crosscal.training.calibrators.structured.measured_vectors import MeasuredVectors
from crosscal.training.calibrators.structured.relaxation import Relaxation

FORM = CircuitForm(rows=4, columns=7, largest_v=0.5, middle_s=58e-6, half_s=42e-6, rounds=24)
NAMES = (*SHARED, *ROWWISE, *COLUMNWISE)


def wired(truth: SmallCrossbar, form: CircuitForm = FORM) -> Circuit:
    """An ohmic crossbar's wires, in float64."""
    ohms = [truth.row_ohm, truth.column_ohm, truth.driver_ohm, truth.sense_ohm]
    return Circuit.blank(form, torch.float64).changed(
        {"wires": torch.log(torch.tensor(ohms, dtype=torch.float64) / torch.tensor([1.0, 1, 20, 5]))}
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def drawn(rng: np.random.Generator, count: int, form: CircuitForm = FORM) -> tuple[np.ndarray, np.ndarray]:
    conductance_s = rng.uniform(16e-6, 100e-6, (count, form.rows, form.columns))
    return conductance_s, rng.uniform(0.1, 0.5, (count, form.rows))


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (1, 3), (3, 1)])
def test_relaxes_to_the_nodal_solution(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    form, truth = replace(FORM, rows=shape[0], columns=shape[1]), SmallCrossbar()
    conductance_s, voltage_v = drawn(rng, 3, form)
    found = predicted(
        wired(truth, form), torch.from_numpy(conductance_s), torch.from_numpy(voltage_v)
    ).numpy()
    wanted_a = np.stack([truth.currents_a(g, v) for g, v in zip(conductance_s, voltage_v, strict=True)])
    np.testing.assert_allclose(found * form.unit_a, wanted_a, rtol=1e-9)


def test_more_rounds_leave_less_of_kirchhoffs_law_unfulfilled(rng: np.random.Generator) -> None:
    circuit = wired(SmallCrossbar())
    matrix = torch.from_numpy(drawn(rng, 1)[0][0])
    left = []
    for rounds in (3, 6, 12):
        relaxation = Relaxation(TorchBackend(), circuit.of_rounds(rounds), matrix)
        drive_v = torch.full((1, FORM.rows, 1), 0.5, dtype=torch.float64)
        cell_v = relaxation.cell_voltages(drive_v)
        left.append(float((drive_v - cell_v - relaxation.lost(relaxation.cell_currents(cell_v))).abs().max()))
    assert left[1] < 0.02 * left[0]
    assert left[2] < 0.02 * left[1]


def test_derivatives_are_those_of_the_relaxed_circuit(rng: np.random.Generator) -> None:
    generator = torch.Generator().manual_seed(0)
    circuit = wired(SmallCrossbar())
    circuit = circuit.changed(
        {
            name: value + 0.1 * torch.randn(value.shape, generator=generator, dtype=torch.float64)
            for name, value in circuit.free.items()
        }
    )
    conductance_s = torch.from_numpy(drawn(rng, 2)[0])
    voltage_v = torch.from_numpy(rng.uniform(-0.1, 0.5, (2, FORM.rows)))  # cells on both sides of the kink
    _, jacobian = circuit_derivatives(circuit, conductance_s, voltage_v, NAMES)
    column = 0
    for name in NAMES:
        value = circuit.free[name]
        for k in range(value.numel()):
            step = torch.zeros(value.numel(), dtype=torch.float64)
            step[k] = 1e-5
            ahead, behind = (
                predicted(
                    circuit.changed({name: value + sign * step.reshape(value.shape)}),
                    conductance_s,
                    voltage_v,
                )
                for sign in (1.0, -1.0)
            )
            np.testing.assert_allclose(
                jacobian[:, :, column], ((ahead - behind) / 2e-5).numpy(), atol=2e-7, err_msg=f"{name} {k}"
            )
            column += 1
    assert column == jacobian.shape[2]


@pytest.mark.parametrize("law", [ohmic, lopsided])
def test_learns_a_board_down_to_its_noise_from_measured_vectors_alone(rng: np.random.Generator, law) -> None:
    truth, form = SmallCrossbar(law=law), replace(FORM, rounds=10)
    gain, offset = 1 + 0.01 * rng.standard_normal(7), 0.003 * rng.standard_normal(7)
    noise = 3e-4

    def measured(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        conductance_s, voltage_v = drawn(rng, count)
        true_a = np.stack([truth.currents_a(g, v) for g, v in zip(conductance_s, voltage_v, strict=True)])
        return conductance_s, voltage_v, true_a / form.unit_a * gain + offset

    def draw(count: int) -> MeasuredVectors:
        conductance_s, voltage_v, current = measured(count)
        current = current + noise * rng.standard_normal(current.shape)
        parts = (torch.from_numpy(a).float() for a in (conductance_s, voltage_v, current))
        return MeasuredVectors(**dict(zip(("conductance_s", "voltage_v", "current"), parts, strict=True)))

    circuit, error = fit_circuit(Circuit.blank(form), draw, vectors=1440)
    assert error == pytest.approx(noise, rel=0.15)
    conductance_s, voltage_v, true = measured(40)
    found = predicted(circuit, torch.from_numpy(conductance_s).float(), torch.from_numpy(voltage_v).float())
    # Some seventy unknowns from 10,080 readings: a twelfth of the noise is what they cannot do without.
    assert np.sqrt(np.mean((found.numpy() - true) ** 2)) < 0.25 * noise
