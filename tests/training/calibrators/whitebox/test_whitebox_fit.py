"""The white box on boards it must recover, and on boards that it must admit not to understand."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import TrainingError
from crosscal.simulated_bench import Ohmic, Sinh, Wires, solve_dc
from crosscal.training.calibrators.whitebox.circuit_fit import CircuitFit
from crosscal.training.calibrators.whitebox.fit_state import NormalEquations
from crosscal.training.calibrators.whitebox.model_selection import reads_of, select_circuit
from crosscal.training.calibrators.whitebox.reads import Reads
from crosscal.training.calibrators.whitebox.residual_test import residual_test
from crosscal.training.measurements import Measurements

ROWS, COLUMNS, MATRICES, VECTORS = 11, 14, 24, 12
TRUE_WIRES = Wires(row_ohm=4.0, column_ohm=7.0, source_ohm=80.0, sense_ohm=25.0)
SINH = Sinh(a_pos=0.225, b_pos=4.12, a_neg=0.2801, b_neg=4.10)


def measured(
    device,
    noise: float,
    rng: np.random.Generator,
    *,
    programming=0.0,
    amplifier=None,
    limits_s=(16.6e-6, 100e-6),
) -> Measurements:
    target_s = rng.uniform(*limits_s, (MATRICES, ROWS, COLUMNS))
    real_s = target_s * (1 + programming * rng.standard_normal(target_s.shape))
    voltage_v = rng.uniform(0.1, 0.5, (MATRICES, VECTORS, ROWS))
    current_a = np.stack(
        [
            solve_dc(g, v, wires=TRUE_WIRES, device=device).current_a
            for g, v in zip(real_s, voltage_v, strict=True)
        ]
    )
    if amplifier is not None:
        current_a = amplifier(current_a, real_s, voltage_v)
    full_scale_a = np.abs(current_a).max()
    gain = 1 + 0.004 * rng.standard_normal(COLUMNS)
    offset_a = 0.003 * full_scale_a * rng.standard_normal(COLUMNS)
    return Measurements(
        conductance_s=target_s,
        voltage_v=voltage_v,
        current_a=current_a * gain + offset_a + noise * full_scale_a * rng.standard_normal(current_a.shape),
        usable=np.ones((MATRICES, VECTORS), dtype=bool),
    )


@pytest.fixture(scope="module")
def sinh_board() -> tuple[CircuitFit, Reads]:
    rng = np.random.default_rng(11)
    reads = reads_of(measured(SINH, 1e-5, rng), rng)
    return select_circuit(reads), reads


def test_recovers_the_resistances_of_a_sinh_board(sinh_board):
    fit, _ = sinh_board
    wires = fit.circuit.wires
    assert wires.row_ohm == pytest.approx(4.0, rel=0.03)
    assert wires.column_ohm == pytest.approx(7.0, rel=0.03)
    assert wires.source_ohm == pytest.approx(80.0, rel=0.03)
    assert wires.sense_ohm == pytest.approx(25.0, rel=0.05)


def test_recovers_the_cell_law_of_a_sinh_board(sinh_board):
    fit, _ = sinh_board
    volts = np.linspace(0.05, 0.45, 9)
    believed = fit.circuit.law.per_siemens(volts, 50e-6)
    np.testing.assert_allclose(believed, 0.225 * np.sinh(4.12 * volts), rtol=0.01)


def test_leaves_no_more_than_the_noise_on_a_sinh_board(sinh_board):
    fit, reads = sinh_board
    assert fit.residual_a < 1.1e-5 * np.abs(reads.current_a).max()
    assert residual_test(fit, reads).fits


def test_standard_errors_cover_the_truth(sinh_board):
    fit, _ = sinh_board
    # Gains average to 1 within 0.1 %: resistances are known no better than that common factor.
    truth = np.array([4.0, 7.0, 80.0, 25.0])
    allowed = 4 * fit.standard_error[:4] + 0.005 * truth
    assert (np.abs(fit.circuit.wires.as_array() - truth) < allowed).all()
    assert (fit.standard_error[:4] < 0.2 * truth).all()


def test_wires_that_hardly_matter_have_standard_errors_that_say_so():
    rng = np.random.default_rng(14)
    fit = select_circuit(reads_of(measured(Ohmic(), 1e-3, rng, limits_s=(1e-6, 5e-6)), rng))
    off = np.abs(fit.circuit.wires.as_array() - [4.0, 7.0, 80.0, 25.0])
    assert (off < 4 * fit.standard_error[:4]).all()
    assert (fit.standard_error[:2] > 1.0).all()


def test_programming_errors_are_not_taken_for_a_wrong_law():
    rng = np.random.default_rng(12)
    reads = reads_of(measured(SINH, 1e-4, rng, programming=0.02), rng)
    fit = select_circuit(reads)
    assert residual_test(fit, reads).fits
    assert fit.circuit.wires.source_ohm == pytest.approx(80.0, rel=0.3)


def test_an_ohmic_board_gets_an_ohmic_law():
    rng = np.random.default_rng(13)
    fit = select_circuit(reads_of(measured(Ohmic(), 1e-4, rng), rng))
    volts = np.linspace(0.1, 0.5, 5)
    np.testing.assert_allclose(fit.circuit.law.per_siemens(volts, 50e-6), volts, rtol=5e-3)


def test_a_board_whose_cells_know_of_each_other_is_admitted_not_to_fit():
    rng = np.random.default_rng(14)

    def crowded(current_a, real_s, voltage_v):
        scaled = (real_s - 58e-6) / 42e-6
        return current_a + np.einsum("knm,kvn->kvm", 8e-6 * scaled**4, voltage_v**2)

    reads = reads_of(measured(SINH, 1e-4, rng, amplifier=crowded), rng)
    verdict = residual_test(select_circuit(reads), reads)
    assert not verdict.fits
    assert "structured" in str(verdict)


def test_unknowns_that_are_held_leave_the_others_at_their_own_minimum():
    """A resistance that stops at 0 Ω: the best step of all that stop there, not the free one cut off."""
    rng = np.random.default_rng(61)
    root, slope = rng.standard_normal((9, 6)), rng.standard_normal(6)
    matrix = root.T @ root
    system = NormalEquations(
        matrix=matrix, slope=slope, scatter=np.zeros((6, 6)), residual=np.zeros((1, 1)), cost=0.0
    )
    np.testing.assert_allclose(matrix @ system.step(0.0), slope, atol=1e-10)
    step = system.step(0.0, np.array([1, 3]), np.array([0.5, -0.2]))
    np.testing.assert_allclose(step[[1, 3]], [0.5, -0.2])
    np.testing.assert_allclose((matrix @ step - slope)[[0, 2, 4, 5]], 0.0, atol=1e-10)


def test_vectors_are_drawn_evenly_and_saturated_ones_left_out():
    rng = np.random.default_rng(15)
    data = measured(Ohmic(), 1e-3, rng)
    data.usable[:, 0] = False
    reads = reads_of(data, rng, cells=ROWS * COLUMNS * 100)
    counts = np.bincount(reads.matrix, minlength=MATRICES)
    assert len(reads.matrix) == 100
    assert counts.max() - counts.min() <= 1
    spoiled = data.current_a[:, 0].reshape(-1, COLUMNS)
    assert not (reads.current_a[:, None] == spoiled[None]).all(axis=2).any()


def test_too_few_vectors_are_refused():
    rng = np.random.default_rng(16)
    data = measured(Ohmic(), 1e-3, rng)
    data.usable[:] = False
    data.usable[0, :3] = True
    with pytest.raises(TrainingError, match="4 or more"):
        reads_of(data, rng)


def test_inputs_that_drive_nothing_are_refused():
    rng = np.random.default_rng(17)
    data = measured(Ohmic(), 1e-3, rng)
    data.voltage_v[:] = 0.0
    with pytest.raises(TrainingError, match="0 V"):
        select_circuit(reads_of(data, rng))
