"""`structured` from measured vectors to reads of fresh matrices of a board that it knows nothing of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from support.small_crossbar import SmallCrossbar, lopsided

from crosscal.core.errors import TrainingError
from crosscal.runtime import Calibrator, Inverse, InverseTensors
from crosscal.training import Measurements, TrainingPlan, export_calibrator, train
from crosscal.training.calibrators.structured.calibrator import Structured
from crosscal.training.calibrators.structured.surrogate_design import design_sizes

NOISE_A = 5e-8
VARIANCE_V2 = 0.4**2 / 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A trained calibrator, and fresh matrices of its board with the least error that any could have."""

    calibrator: Structured
    fresh: Measurements
    reference: float
    signal: float
    gain: np.ndarray
    offset_a: np.ndarray


def measured(
    rows: int, columns: int, matrices: int, vectors: int, rng: np.random.Generator, **channels: np.ndarray
):
    truth = SmallCrossbar(law=lopsided)
    conductance_s = rng.uniform(16e-6, 100e-6, (matrices, rows, columns))
    voltage_v = rng.uniform(0.1, 0.5, (matrices, vectors, rows))
    true_a = np.array(
        [[truth.currents_a(g, v) for v in inputs] for g, inputs in zip(conductance_s, voltage_v, strict=True)]
    )
    current_a = true_a * channels["gain"] + channels["offset_a"] + NOISE_A * rng.standard_normal(true_a.shape)
    return Measurements(
        conductance_s=conductance_s,
        voltage_v=voltage_v,
        current_a=current_a,
        usable=np.ones((matrices, vectors), dtype=bool),
    )


def reference_of(fresh: Measurements, gain: np.ndarray) -> float:
    """Mean squared error [A²] of the linear posterior with the true derivative, over a few inputs."""
    truth, found = SmallCrossbar(law=lopsided), []
    for matrix, inputs in zip(fresh.conductance_s, fresh.voltage_v, strict=True):
        for voltage_v in inputs[:3]:
            steps = 1e-4 * np.eye(voltage_v.size)
            slope = np.array(
                [
                    truth.currents_a(matrix, voltage_v + s) - truth.currents_a(matrix, voltage_v - s)
                    for s in steps
                ]
            ) * (gain / 2e-4)
            covariance = np.linalg.inv(slope @ slope.T / NOISE_A**2 + np.eye(voltage_v.size) / VARIANCE_V2)
            found.append(np.einsum("nm,nk,km->m", matrix, covariance, matrix).mean())
    return float(np.mean(found))


@cache
def specimen(rows: int, columns: int) -> Specimen:
    rng = np.random.default_rng([rows, columns])
    channels = {
        "gain": 1 + 0.003 * rng.standard_normal(columns),
        "offset_a": 3e-7 * rng.standard_normal(columns),
    }
    learned = measured(rows, columns, 40, 40, rng, **channels)
    fresh = measured(rows, columns, 6, 60, rng, **channels)
    trained = train(TrainingPlan(calibrator="structured", seed=1, options={"vectors": 960}), learned)
    signal = float((fresh.conductance_s**2).sum(axis=1).mean() * VARIANCE_V2)
    calibrator = trained.calibrator
    assert isinstance(calibrator, Structured)
    return Specimen(
        calibrator=calibrator,
        fresh=fresh,
        reference=reference_of(fresh, channels["gain"]),
        signal=signal,
        **channels,
    )


def inverse_of(calibrator: Structured, conductance_s: np.ndarray) -> Inverse:
    return Inverse(InverseTensors.from_mapping(calibrator.surrogate_tensors(conductance_s)))


def errors(case: Specimen) -> tuple[np.ndarray, np.ndarray]:
    """Errors [A] and stated deviations [A] on the fresh matrices, (K, V, M)."""
    wrong, stated = [], []
    for k, matrix in enumerate(case.fresh.conductance_s):
        reading = inverse_of(case.calibrator, matrix).read(case.fresh.current_a[k], deviation=True)
        wrong.append(reading.calibrated_a - case.fresh.ideal_a[k])
        stated.append(reading.deviation_a)
    return np.array(wrong), np.array(stated)


@pytest.mark.parametrize("shape", [(4, 7), (5, 5)])
def test_fresh_matrices_come_out_at_the_linear_gaussian_reference(shape: tuple[int, int]) -> None:
    case = specimen(*shape)
    wrong, _ = errors(case)
    raw = case.fresh.current_a - case.fresh.ideal_a
    # The reference knows a Gaussian prior only; that inputs are bounded may beat it.
    assert np.mean(wrong**2) < 1.5 * case.reference
    assert np.mean(wrong**2) < 1e-3 * np.mean(raw**2)


@pytest.mark.parametrize("shape", [(4, 7), (5, 5), (7, 4)])
def test_stated_deviations_are_honest(shape: tuple[int, int]) -> None:
    wrong, stated = errors(specimen(*shape))
    assert 0.8 < (wrong / stated).std() < 1.25


@pytest.mark.parametrize("kind", ["half low", "nine tenths low", "together"])
def test_deviations_hold_for_inputs_unlike_the_trained_ones(kind: str) -> None:
    # Seven inputs behind four readings: the prior fills in much, and wrongly for these.
    case, rng, off = specimen(7, 4), np.random.default_rng(8), []
    for matrix in case.fresh.conductance_s:
        voltage_v = rng.uniform(0.1, 0.5, (60, 7))
        if kind == "together":
            voltage_v = 0.5 * (voltage_v + voltage_v[:, :1])
        else:
            voltage_v[rng.random((60, 7)) < (0.5 if kind == "half low" else 0.9)] = 0.1
        truth = SmallCrossbar(law=lopsided)
        current_a = np.array([truth.currents_a(matrix, v) for v in voltage_v]) * case.gain + case.offset_a
        current_a += NOISE_A * rng.standard_normal(current_a.shape)
        reading = inverse_of(case.calibrator, matrix).read(current_a, deviation=True)
        off.append((reading.calibrated_a - voltage_v @ matrix) / reading.deviation_a)
    assert np.sqrt(np.mean(np.square(off))) < 1.5


def test_more_inputs_than_readings_are_never_worse_than_gain_and_offset_and_said_to_be_uncertain() -> None:
    case = specimen(7, 4)
    wrong, stated = errors(case)
    ideal_a = case.fresh.ideal_a
    affine = []
    for k in range(case.fresh.matrices):
        for m in range(4):
            slope, offset = np.polyfit(case.fresh.current_a[k, :, m], ideal_a[k, :, m], 1)
            affine.append(slope * case.fresh.current_a[k, :, m] + offset - ideal_a[k, :, m])
    assert np.mean(wrong**2) <= np.mean(np.square(affine))
    square, square_stated = errors(specimen(5, 5))
    del square
    assert np.mean(stated**2) > 10 * np.mean(square_stated**2)


def test_one_file_runs_alike_in_onnxruntime_and_in_the_kernel(tmp_path: Path) -> None:
    case = specimen(4, 7)
    learned = case.fresh
    plan = TrainingPlan(calibrator="structured", seed=3, options={"vectors": 192})
    path = tmp_path / "board.onnx"
    export_calibrator(train(plan, learned), path)
    session = onnxruntime.InferenceSession(path.read_bytes())
    loaded = Calibrator.load(path)
    assert loaded.folded
    matrix, current_a = learned.conductance_s[0], learned.current_a[0]
    answer_a = session.run(
        ["calibrated"], {"conductance": matrix.astype(np.float32), "current": current_a.astype(np.float32)}
    )[0]
    np.testing.assert_allclose(
        loaded.program(matrix)(current_a), answer_a, rtol=0, atol=2e-5 * answer_a.max()
    )


def test_state_is_all_there_is() -> None:
    case = specimen(4, 7)
    copy = Structured((4, 7))
    copy.load_state_dict(case.calibrator.state_dict())
    inputs = (torch.from_numpy(case.fresh.conductance_s[:1]), torch.from_numpy(case.fresh.current_a[:1]))
    assert torch.equal(copy(*inputs), case.calibrator(*inputs))


def test_refuses_inputs_that_do_not_vary() -> None:
    fresh = specimen(4, 7).fresh
    flat = Measurements(
        conductance_s=fresh.conductance_s,
        voltage_v=np.full_like(fresh.voltage_v, 0.3),
        current_a=fresh.current_a,
        usable=fresh.usable,
    )
    with pytest.raises(TrainingError, match="inputs that vary"):
        Structured((4, 7)).prepare(flat, np.random.default_rng(0))


def test_refuses_a_run_without_a_usable_vector() -> None:
    fresh = specimen(4, 7).fresh
    blind = Measurements(
        conductance_s=fresh.conductance_s,
        voltage_v=fresh.voltage_v,
        current_a=fresh.current_a,
        usable=np.zeros_like(fresh.usable),
    )
    with pytest.raises(TrainingError, match="no usable vector"):
        Structured((4, 7)).prepare(blind, np.random.default_rng(0))


def test_there_are_more_design_vectors_than_coefficients() -> None:
    for rows, columns in [(rows, columns) for rows in (1, 8, 64, 200) for columns in (2, 64)]:
        vectors, together = design_sizes(rows, columns)
        assert vectors - together > 2.5 * (3 + 6 * rows)
        assert vectors % 32 == 0
