"""The fitted circuit and the relaxation network that stands for it in the graph must be one circuit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crosscal.core.errors import TrainingError
from crosscal.training.calibrators.whitebox.circuit_fit import CircuitFit
from crosscal.training.calibrators.whitebox.circuit_model import CellModel, CircuitModel, WireModel
from crosscal.training.calibrators.whitebox.reads import Reads
from crosscal.training.calibrators.whitebox.unknowns import (
    form_of,
    network_of,
    network_with_enough_rounds,
    relaxed_currents,
)

ROWS, COLUMNS, MATRICES = 9, 13, 3


def fit_with(row_ohm: float = 4.0, kink: tuple[float, ...] = (0.1, 0.05)) -> CircuitFit:
    rng = np.random.default_rng(1)
    wires = WireModel(row_ohm=row_ohm, column_ohm=7.0, source_ohm=80.0, sense_ohm=25.0)
    law = CellModel(
        coefficients=np.array([[0.9, 0.02, 0.6], [0.1, 0.0, 0.05]]),
        kink=np.array(kink),
        scale_v=0.5,
        low_v=-0.6,
        high_v=0.6,
        middle_s=58e-6,
        half_s=42e-6,
    )
    return CircuitFit(
        circuit=CircuitModel(wires=wires, law=law),
        gain=1 + 0.01 * rng.standard_normal(COLUMNS),
        offset_a=1e-6 * rng.standard_normal(COLUMNS),
        residual_a=1e-9,
        standard_error=np.zeros(12),
        settled=True,
    )


@pytest.fixture
def reads() -> Reads:
    rng = np.random.default_rng(2)
    matrix = np.repeat(np.arange(MATRICES), 8)
    return Reads(
        conductance_s=rng.uniform(16.6e-6, 100e-6, (MATRICES, ROWS, COLUMNS)),
        matrix=matrix,
        voltage_v=rng.uniform(-0.2, 0.5, (matrix.size, ROWS)),
        current_a=np.zeros((matrix.size, COLUMNS)),
    )


@pytest.mark.parametrize("kink", [(), (0.2,), (0.1, 0.05)])
def test_network_reaches_the_solution_of_the_circuit_model(reads, kink):
    fit = fit_with(kink=kink)
    exact_a = fit.circuit.solve(reads.conductance_s, reads.matrix, reads.voltage_v)
    relaxed_a = relaxed_currents(network_of(fit, form_of(fit, ROWS, COLUMNS, rounds=20)), reads)
    np.testing.assert_allclose(relaxed_a, exact_a, rtol=0, atol=3e-6 * np.abs(exact_a).max())


def test_rounds_are_as_many_as_the_residual_asks_for(reads):
    precise = fit_with(row_ohm=60.0)
    largest_a = np.abs(precise.circuit.solve(reads.conductance_s, reads.matrix, reads.voltage_v)).max()
    coarse = replace(precise, residual_a=1e-2 * largest_a)
    few, many = (network_with_enough_rounds(fit, reads).form.rounds for fit in (coarse, precise))
    assert few < many


def test_wires_beyond_any_relaxation_are_refused(reads):
    with pytest.raises(TrainingError, match="structured"):
        network_with_enough_rounds(fit_with(row_ohm=1e6), reads)
