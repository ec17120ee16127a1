"""Errors of calibrators and of recalibration over the values of a constant.

A calibrator is trained on two boards, 8×12 and 8×6, with 2 Ω wires, bent cells, channel errors of 1 % and
read noise of 1e-4 of the largest current, and reads four matrices never trained on. Printed for each board:
error over that of the raw reading, and the errors' deviation over the stated one. Constants of recalibration:
error after 20 known vectors over that before, of matrices with 1 % programming error, 0.5 % gain and 0.2 %
offset drift. Constants of the reading window: deviation of its law over the largest current. Of the residual
test: predictable shares on a board that fits and on one that does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from sensitivity.table import Measure, Varied

from crosscal.runtime import Inverse, InverseTensors, informative_vectors
from crosscal.runtime.recalibration import cell_recalibration
from crosscal.simulated_bench import Sinh, Wires, solve_currents
from crosscal.training import Measurements, TrainingPlan, calibrate, train
from crosscal.training.calibrators.whitebox.circuit_fit import CircuitFit
from crosscal.training.calibrators.whitebox.model_selection import reads_of, select_circuit
from crosscal.training.calibrators.whitebox.reads import Reads
from crosscal.training.calibrators.whitebox.residual_test import residual_test
from crosscal.training.fitting.reading_window import fit_reading_window

WIRES = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
CELLS = Sinh(a_pos=0.225, b_pos=4.12, a_neg=0.2801, b_neg=4.10)
SHAPES = ((8, 12), (8, 6))
LOW_V, HIGH_V = 0.0, 0.5
MATRICES, VECTORS, FRESH = 30, 40, 4

STRUCTURED = "training.calibrators.structured"
TRAINER = "training.fitting.trainer"
WINDOW = "training.fitting.reading_window"
WHITEBOX = "training.calibrators.whitebox"
CONCATSQUASH = "training.calibrators.concatsquash"
RECALIBRATION = "runtime.recalibration"
UNCERTAINTY = "runtime.inverse.uncertainty"

Experiment = Callable[[tuple[int, int]], tuple[float, float]]

CONSTANTS: dict[str, tuple[Any, ...]] = {
    f"{STRUCTURED}.circuit._WIRES_FIRST_OHM": (
        (0.2, 0.2, 4.0, 1.0),
        (1.0, 1.0, 20.0, 5.0),
        (5.0, 5.0, 100.0, 25.0),
    ),
    f"{STRUCTURED}.circuit_fit._DAMPING_FIRST": (1e-4, 1e-2, 1.0),
    f"{STRUCTURED}.circuit_fit._DAMPING_LEAST": (1e-15, 1e-12, 1e-6),
    f"{STRUCTURED}.circuit_fit._FEW": (24, 48, 96),
    f"{STRUCTURED}.circuit_fit._BATCH": (48, 96, 192),
    f"{STRUCTURED}.circuit_fit._SHARED_STEPS": (10, 25, 50),
    f"{STRUCTURED}.circuit_fit._FULL_STEPS": (1, 3, 6),
    f"{STRUCTURED}.circuit_fit._SETTLED": (0.03, 0.1, 0.3),
    f"{STRUCTURED}.circuit_fit._SAME_POINT": (0.5, 0.8, 0.95),
    f"{STRUCTURED}.circuit_fit._REWEIGHTINGS": (3, 12, 24),
    f"{STRUCTURED}.circuit_fit._PRECISION_LIMITS": ((1e-2, 1e8), (0.1, 1e6), (1.0, 1e4)),
    f"{STRUCTURED}.deviations._NOISE_VECTORS": (160, 640, 1280),
    f"{STRUCTURED}.deviations._TRUST_VECTORS": (20, 40, 200),
    f"{STRUCTURED}.deviations._TRUST_MATRICES": (2, 6, 24),
    f"{STRUCTURED}.deviations._LEAST_NOISE": (1e-8, 1e-6, 1e-5),
    f"{STRUCTURED}.input_expansion._SMOOTH_ORDERS": (7, 9, 11, 13),
    f"{STRUCTURED}.input_expansion._POINTS_PER_ORDER": (2, 3, 6),
    f"{STRUCTURED}.input_expansion._PENALTY": (100.0, 400.0, 1600.0),
    f"{STRUCTURED}.input_expansion._MARGIN": (0.05, 0.15, 0.3),
    f"{STRUCTURED}.least_squares._RIDGE": (1e-9, 1e-7, 1e-5),
    f"{STRUCTURED}.least_squares._COMMON_WEIGHT": (1.0, 2.0, 4.0),
    f"{STRUCTURED}.least_squares._PRECONDITIONER_RIDGE": (1e-3, 1e-2, 1e-1),
    f"{STRUCTURED}.reader._DAMPING": (
        (0.0,) * 8,
        (1.0, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2),
        (2.0, 1.0, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2),
        (4.0, 2.0, 1.0, 0.5, 0.2, 0.2, 0.2, 0.2),
        (2.0, 1.0, 0.5, 0.2),
    ),
    f"{STRUCTURED}.reader._STEP_TOLERANCE": ((0.1, 0.1), (0.3, 0.3), (1.0, 1.0)),
    f"{STRUCTURED}.relaxation._POWER_ITERATIONS": (2, 4, 8),
    f"{STRUCTURED}.relaxation._FIRST_SLOPE_AT": (0.0, 0.25, 0.5),
    f"{STRUCTURED}.relaxation._FIRST_SAFETY": (1.1, 1.5, 3.0),
    f"{STRUCTURED}.relaxation._SAFETY": (1.0, 1.1, 1.5),
    f"{STRUCTURED}.rounds._RESIDUE": (2e-6, 2e-5, 2e-4),
    f"{STRUCTURED}.rounds._ROUNDS": ((7, 10, 14, 20, 28, 40), (10, 20, 40), (40,)),
    f"{STRUCTURED}.gradient_rounds._SETTLED_VECTORS": (1, 4, 16),
    f"{STRUCTURED}.gradient_rounds._MATRICES": (1, 2, 8),
    f"{STRUCTURED}.surrogate_design._COMMON_SHARE": (0.12, 0.22, 0.37),
    f"{WHITEBOX}.circuit_fit._ITERATIONS": (10, 20, 40),
    f"{WHITEBOX}.circuit_fit._DAMPING_START": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
    f"{WHITEBOX}.circuit_fit._DAMPING_UP": (2.0, 4.0, 8.0, 16.0),
    f"{WHITEBOX}.circuit_fit._DAMPING_DOWN": (0.05, 0.15, 0.3, 0.5),
    f"{WHITEBOX}.circuit_fit._DAMPING_LEAST": (1e-15, 1e-12, 1e-9),
    f"{WHITEBOX}.circuit_model.TANGENT_TOLERANCE": (1e-8, 1e-6, 1e-4, 1e-2),
    f"{WHITEBOX}.fit_state.GAIN_SPREAD": (0.01, 0.03, 0.1),
    f"{WHITEBOX}.fit_state.OFFSET_SPREAD": (0.01, 0.1, 1.0),
    f"{WHITEBOX}.model_selection._BETTER_BY_STANDARD_ERRORS": (0.0, 0.5, 1.0, 2.0),
    f"{WHITEBOX}.model_selection._SETTLED_WHILE_GROWING": (1e-5, 1e-4, 1e-3, 1e-2),
    f"{WHITEBOX}.unknowns._SHARE_OF_RESIDUAL": (0.03, 0.1, 0.3),
    f"{WHITEBOX}.unknowns._CHECKED": (8, 16, 32, 64),
    f"{WHITEBOX}.unknowns._LEAST_WIRE_OHM": (1e-6, 1e-4, 1e-2),
    f"{CONCATSQUASH}.calibrator._INNER": (32, 64, 128),
    f"{CONCATSQUASH}.calibrator._WHITENING_FLOOR": (1e-4, 1e-3, 1e-2),
    f"{CONCATSQUASH}.calibrator._SIGMOID_GAIN": (1.0, 2.4, 4.8, 9.6),
    f"{CONCATSQUASH}.layer._GATE_AT_START": (0.0, 1.0, 2.0, 4.0),
    f"{CONCATSQUASH}.matrix_features.COLUMN_WEIGHTS": (2, 3, 4, 6),
    f"{CONCATSQUASH}.matrix_features.ROW_WEIGHTS": (1, 2, 3, 5),
    f"{CONCATSQUASH}.mean_current._POSITION_WEIGHTS": (1, 2, 3, 5),
    f"{CONCATSQUASH}.mean_current._PENALTIES": (
        10.0 ** np.arange(-2, 7),
        10.0 ** np.arange(-2, 7, 2),
        10.0 ** np.arange(0, 4),
    ),
    f"{CONCATSQUASH}.calibrator.LATENT": (16, 32, 64, 128),
    f"{TRAINER}._LAST_STEP_SHARE": (0.0, 0.01, 0.1, 1.0),
    f"{WINDOW}._DEGREE": (1, 2, 3, 5),
    f"{WINDOW}._GRID": (11, 51, 201, 801),
    f"{WINDOW}._MATRICES": (5, 20, 80),
    f"{WINDOW}._ROUNDS": (1, 2, 4, 8),
    f"{WHITEBOX}.residual_test._RIDGE": (1e-8, 1e-6, 1e-4),
    f"{WHITEBOX}.residual_test._CONDUCTANCE_DEGREES": (2, 4, 6, 8),
    f"{RECALIBRATION}.conditioning._COLUMNS_FOR_EVIDENCE": (4, 8, 24),
    f"{RECALIBRATION}.conditioning._VECTORS_FOR_EVIDENCE": (8, 16, 64),
    f"{RECALIBRATION}.cell_model._NEWTON_STEPS": (3, 5, 10, 30),
    f"{RECALIBRATION}.level_choice._STEPS": ((0.5, 2.0), (0.25, 0.5, 0.8, 1.25, 2.0, 4.0)),
    f"{RECALIBRATION}.level_choice._LEAST_GAIN": (1e-3, 1e-2, 1e-1, 1.0),
    f"{RECALIBRATION}.level_choice._ROUNDS": (3, 6, 12, 24),
    f"{RECALIBRATION}.level_choice._STARTS_OF_CHANGES": ((1.0,), (0.25, 1.0, 4.0), (0.25, 1.0, 4.0, 16.0)),
    f"{RECALIBRATION}.vectors._SHARE_OF_SWING": ((0.2, 0.9), (0.4, 0.9), (0.6, 0.9), (0.9, 0.9)),
    f"{UNCERTAINTY}.ROUNDS": (2, 4, 8, 16),
    f"{UNCERTAINTY}.STEPS": (4, 8, 16, 32),
    f"{UNCERTAINTY}.STEP_OF_DEVIATION": (0.25, 0.5, 1.0),
    f"{UNCERTAINTY}.STEP_LIMITS": ((0.075, 0.15), (0.15, 0.3), (0.3, 0.6)),
    f"{UNCERTAINTY}.UNLIKELY": (8.0, 15.0, 30.0),
}
"""Module and name below `crosscal`, and the values that are tried; the present one is among them."""


def varied() -> list[Varied]:
    """Constants with their experiments."""
    return [
        Varied(name, values, _on_both_boards(_experiment(name)), prepared)
        for name, values in CONSTANTS.items()
    ]


@cache
def prepared() -> None:
    """Measure the boards and train the calibrators whose use is varied."""
    for shape in SHAPES:
        tensors(shape)


def _on_both_boards(experiment: Experiment) -> Measure:
    return lambda: "   ".join("{:8.5f} {:6.3f}".format(*experiment(shape)) for shape in SHAPES)


def _experiment(name: str) -> Experiment:
    """Choose the experiment that a constant shows in."""
    if name.startswith(RECALIBRATION):
        return of_recalibration
    if name.startswith(UNCERTAINTY):
        return of_uncertainty
    if name.startswith(WINDOW):
        return of_window
    if name.startswith(f"{WHITEBOX}.residual_test"):
        return of_residuals
    kind = "concatsquash" if name.startswith(TRAINER) else name.split(".")[2]
    return lambda shape: of_training(kind, shape)


@cache
def board(shape: tuple[int, int]) -> tuple[Measurements, Measurements]:
    """Measure a board: matrices to learn from, and fresh ones."""
    rng = np.random.default_rng(shape)
    gain, offset = 1 + 0.01 * rng.standard_normal(shape[1]), 0.003 * rng.standard_normal(shape[1])
    return _measured(shape, MATRICES, VECTORS, gain, offset, rng), _measured(
        shape, FRESH, 100, gain, offset, rng
    )


def _measured(
    shape: tuple[int, int],
    matrices: int,
    vectors: int,
    gain: np.ndarray,
    offset: np.ndarray,
    rng: np.random.Generator,
) -> Measurements:
    conductance_s = rng.uniform(16.6e-6, 100e-6, (matrices, *shape))
    voltage_v = rng.uniform(LOW_V, HIGH_V, (matrices, vectors, shape[0]))
    current_a = np.stack(
        [
            _readings(matrix_s, inputs_v, gain, offset, rng)
            for matrix_s, inputs_v in zip(conductance_s, voltage_v, strict=True)
        ]
    )
    return Measurements(
        conductance_s=conductance_s,
        voltage_v=voltage_v,
        current_a=current_a,
        usable=np.ones((matrices, vectors), dtype=bool),
    )


def _readings(
    matrix_s: np.ndarray,
    voltage_v: np.ndarray,
    gain: np.ndarray,
    offset: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    true_a = solve_currents(matrix_s, voltage_v, wires=WIRES, device=CELLS)
    full_scale_a = 1.2e-3 / 64 * len(matrix_s)
    return gain * true_a + full_scale_a * (offset + 1e-4 * rng.standard_normal(true_a.shape))


def trained(kind: str, shape: tuple[int, int]) -> Any:
    """Train a calibrator of this kind."""
    plan = TrainingPlan(calibrator=kind, seed=1, max_epochs=40 if kind == "concatsquash" else None)
    return train(plan, board(shape)[0]).calibrator


@cache
def tensors(shape: tuple[int, int]) -> tuple[InverseTensors, ...]:
    """Fold the fresh matrices with a `structured` that is trained once."""
    calibrator = trained("structured", shape)
    fresh = board(shape)[1]
    return tuple(InverseTensors.from_mapping(calibrator.surrogate_tensors(g)) for g in fresh.conductance_s)


def of_training(kind: str, shape: tuple[int, int]) -> tuple[float, float]:
    """Train, read the fresh matrices; relative error, and deviation over the stated one."""
    calibrator, fresh = trained(kind, shape), board(shape)[1]
    if kind == "concatsquash":
        wrong_a = calibrate(calibrator, fresh.conductance_s, fresh.current_a) - fresh.ideal_a
        return _relative(wrong_a, fresh), np.nan
    return _of_reading(
        [InverseTensors.from_mapping(calibrator.surrogate_tensors(g)) for g in fresh.conductance_s], fresh
    )


def of_uncertainty(shape: tuple[int, int]) -> tuple[float, float]:
    """Read the fresh matrices with a calibrator that is trained once."""
    return _of_reading(list(tensors(shape)), board(shape)[1])


def _of_reading(folded: list[InverseTensors], fresh: Measurements) -> tuple[float, float]:
    readings = [Inverse(t).read(i, deviation=True) for t, i in zip(folded, fresh.current_a, strict=True)]
    wrong_a = np.stack([reading.calibrated_a for reading in readings]) - fresh.ideal_a
    return _relative(wrong_a, fresh), float(np.std(wrong_a / np.stack([r.deviation_a for r in readings])))


def of_window(shape: tuple[int, int]) -> tuple[float, float]:
    """Fit the window of readings; deviation over the largest current, and spread of the gains."""
    learned = board(shape)[0]
    window = fit_reading_window(learned)
    assert window is not None
    return window.deviation_a / float(np.abs(learned.current_a).max()), float(np.std(window.gain))


def of_residuals(shape: tuple[int, int]) -> tuple[float, float]:
    """Test the residuals of the board's circuit, and of one whose cells add what no circuit explains.

    Returns:
        Predictable shares of the residuals' variance.
    """
    right, wrong = (residual_test(*fitted(shape, extra_a)) for extra_a in (0.0, 8e-6))
    return right.misfit_share, wrong.misfit_share


@cache
def fitted(shape: tuple[int, int], extra_a: float) -> tuple[CircuitFit, Reads]:
    """Fit a circuit to a board whose cells add this current, times the fourth power of conductance."""
    data = board(shape)[0]
    scaled = (data.conductance_s - 58e-6) / 42e-6
    extra = extra_a * np.einsum("knm,kvn->kvm", scaled**4, data.voltage_v**2)
    reads = reads_of(replace(data, current_a=data.current_a + extra), np.random.default_rng(6))
    return select_circuit(reads), reads


def _relative(wrong_a: np.ndarray, fresh: Measurements) -> float:
    return float(np.sqrt(np.mean(wrong_a**2) / np.mean((fresh.current_a - fresh.ideal_a) ** 2)))


def of_recalibration(shape: tuple[int, int]) -> tuple[float, float]:
    """Recalibrate the fresh matrices after drift; error after over error before."""
    rng, fresh, before, after, ratios = np.random.default_rng(5), board(shape)[1], [], [], []
    for folded, target_s, voltage_v in zip(tensors(shape), fresh.conductance_s, fresh.voltage_v, strict=True):
        true_s = target_s * (1 + 0.01 * rng.standard_normal(shape))
        gain, offset = (scale * rng.standard_normal(shape[1]) for scale in (0.005, 0.002))
        known_v = informative_vectors(20, shape[0], low_v=LOW_V, high_v=HIGH_V, rng=rng)
        known_a = _readings(true_s, known_v, 1 + gain, offset, rng)
        usable = np.ones(known_a.shape, dtype=bool)
        done = cell_recalibration.recalibrate(folded, known_v, known_a, usable=usable, posterior=None)
        read_a = _readings(true_s, voltage_v, 1 + gain, offset, rng)
        ideal_a = voltage_v @ target_s
        before.append(Inverse(folded).read(read_a).calibrated_a - ideal_a)
        reading = Inverse(done.tensors).read(read_a, deviation=True)
        after.append(reading.calibrated_a - ideal_a)
        ratios.append(after[-1] / reading.deviation_a)
    return float(np.sqrt(np.mean(np.square(after)) / np.mean(np.square(before)))), float(np.std(ratios))
