"""Cells far from their targets: the surrogate is computed anew for them, as they load their rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_surrogate import exact_calibrator, exact_tensors, measured, scored

from crosscal.runtime import CellLaw, ProgrammedCalibrator
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.recalibration.linearisation import Linearisation
from crosscal.runtime.recalibration.posterior import CELLS, GAIN
from crosscal.runtime.recalibration.vectors import informative_vectors

ROWS, COLUMNS, NOISE = 10, 14, 1e-3
DRIVER_OHM = 200.0


def seen_s(cells_s: np.ndarray) -> np.ndarray:
    """Conductances as seen from before the rows' drivers [S]: the drivers' loss is that of the whole row."""
    return cells_s / (1.0 + DRIVER_OHM * cells_s.sum(axis=1, keepdims=True))


def surrogate_at(cells_s: np.ndarray):
    return exact_tensors(seen_s(cells_s), NOISE)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(71)


@pytest.fixture
def target_s(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))


@pytest.fixture
def real_s(target_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return target_s * np.clip(1.0 + 0.3 * rng.standard_normal(target_s.shape), 0.1, 1.45)


def calibrator(target_s: np.ndarray, surrogates) -> ProgrammedCalibrator:
    tensors = replace(surrogate_at(target_s), conductance=target_s)
    trim = AffineCorrection(gain=np.ones(COLUMNS), offset_a=np.zeros(COLUMNS))
    programmed = exact_calibrator(target_s, NOISE)
    return replace(programmed, correction=InverseCorrection(tensors, trim, surrogates))


def test_known_vectors_tell_cells_that_load_their_rows(rng, target_s, real_s):
    known_v = informative_vectors(40, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    known_a = measured(seen_s(real_s), known_v, NOISE, rng)
    errors, ratios = {}, {}
    for name, surrogates in {"anew": surrogate_at, "scaled": None}.items():
        learned = calibrator(target_s, surrogates).recalibrated(known_v, known_a)
        errors[name], ratios[name] = scored(learned, seen_s(real_s), NOISE, rng)
        if surrogates is not None:
            total = (learned.posterior.mean[:, CELLS:] + learned.posterior.mean[:, GAIN, None]).T
            # 40 readings of noise 1e-3 tell each of 10 cells to some 1 %.
            assert np.sqrt(np.mean((target_s * (1.0 + total) / real_s - 1.0) ** 2)) < 0.03
    assert errors["anew"] < 1.1 * errors["scaled"]
    assert 0.8 < ratios["anew"] < 1.25


def test_cells_that_were_read_back_are_read_as_they_are(rng, target_s, real_s):
    read_back_s = real_s * (1.0 + 1e-3 * rng.standard_normal(real_s.shape))
    errors = {}
    for name, surrogates in {"anew": surrogate_at, "scaled": None}.items():
        programmed = replace(calibrator(target_s, surrogates), cell_law=law(target_s))
        informed = programmed.with_read_back(read_back_s, 1e-3 * target_s)
        errors[name], ratio = scored(informed, seen_s(real_s), NOISE, rng)
        if surrogates is not None:
            assert 0.8 < ratio < 1.25
    assert errors["anew"] < 0.5 * errors["scaled"]


def law(target_s: np.ndarray) -> CellLaw:
    return CellLaw(
        knots_s=np.array([target_s.min(), target_s.max()]),
        programming=np.full(2, 0.01),
        offset=1e-6,
        gain=1e-6,
        noise=NOISE,
        read_back=None,
    )


def test_cells_near_their_targets_are_scaled(rng, target_s):
    asked = []

    def surrogates(cells_s: np.ndarray):
        asked.append(cells_s)
        return surrogate_at(cells_s)

    mean = np.zeros((COLUMNS, ROWS + CELLS))
    mean[:, CELLS:] = 0.005 * rng.standard_normal((COLUMNS, ROWS))
    original = surrogate_at(target_s)
    assert Linearisation.about(original, mean, surrogates).tensors is original
    # Gains that differ from column to column are amplifiers'; no cell has moved.
    mean[:, GAIN] = 0.2 * np.where(np.arange(COLUMNS) % 2, 1.0, -1.0)
    assert Linearisation.about(original, mean, surrogates).tensors is original
    assert not asked
    mean[:, GAIN] = 0.2
    assert Linearisation.about(original, mean, surrogates).applied.mean() == pytest.approx(0.2, abs=0.002)
    assert len(asked) == 1


def test_a_surrogate_and_its_linearisation_agree(rng, target_s):
    mean = np.zeros((COLUMNS, ROWS + CELLS))
    mean[:, CELLS:] = rng.uniform(-0.4, 0.4, (COLUMNS, ROWS))
    about = Linearisation.about(replace(surrogate_at(target_s), conductance=target_s), mean, surrogate_at)
    assert not about.beyond(mean)[:, CELLS:].any()
    z = rng.standard_normal((5, ROWS))
    change = np.zeros_like(mean)
    change[:, CELLS:] = 1e-4 * rng.standard_normal((COLUMNS, ROWS))
    linear = np.einsum("mku,mu->km", about.sensitivity(z), change)
    moved = about.with_unknowns(mean + change).predicted(z) - about.tensors.predicted(z)
    np.testing.assert_allclose(linear, moved, rtol=1e-6, atol=1e-12)
