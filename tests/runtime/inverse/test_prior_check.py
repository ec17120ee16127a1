"""Inputs that do not look like the trained ones: told apart, and stated with larger deviations."""

from __future__ import annotations

import numpy as np
import pytest
from test_inverse import read_as_measured, surrogate, volts
from test_uncertainty import untrimmed_of

from crosscal.core.errors import InputError, RangeError
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.programmed import ProgrammedCalibrator

NOISE, VECTORS = 1e-3, 400
SHAPES = [(9, 14), (24, 12)]
HIGH = np.sqrt(3.0)


def programmed(rows: int, columns: int, rng: np.random.Generator) -> ProgrammedCalibrator:
    tensors = surrogate(rows, columns, rng, noise=NOISE)
    return ProgrammedCalibrator(
        conductance_s=tensors.conductance,
        kind="whitebox",
        correction=InverseCorrection(tensors, untrimmed_of(columns)),
        limit_a=1.0,
        current_range_a=None,
    )


def inputs(kind: str, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Standardised inputs (VECTORS, rows): as trained on, or not."""
    z = rng.uniform(-HIGH, HIGH, (VECTORS, rows))
    if kind == "nine tenths low":
        z[rng.random(z.shape) < 0.9] = -HIGH
    if kind == "all alike":
        z[:] = z[:, :1]
    return z


def measured(calibrator: ProgrammedCalibrator, kind: str, rng: np.random.Generator):
    """Currents of such inputs, and what they should be [A]."""
    tensors = calibrator.correction.tensors
    z = inputs(kind, calibrator.shape[0], rng)
    noise = NOISE * rng.standard_normal((VECTORS, calibrator.shape[1]))
    return read_as_measured(tensors, z, noise), volts(tensors, z) @ tensors.conductance


@pytest.mark.parametrize("shape", SHAPES)
def test_independent_inputs_are_plausible(shape):
    rng = np.random.default_rng(1)
    calibrator = programmed(*shape, rng)
    current_a, _ = measured(calibrator, "as trained", rng)
    answers = calibrator.inputs_plausible(current_a)
    assert answers.shape == (VECTORS,)
    assert answers.dtype == bool
    assert answers.mean() > 0.98
    assert calibrator.inputs_plausible(current_a[0]) == answers[0]
    assert calibrator.inputs_plausible(current_a[0]).shape == ()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["nine tenths low", "all alike"])
def test_inputs_unlike_the_trained_ones_are_told(shape, kind):
    rng = np.random.default_rng(2)
    calibrator = programmed(*shape, rng)
    current_a, _ = measured(calibrator, kind, rng)
    assert calibrator.inputs_plausible(current_a).mean() < 0.7


def test_quantiles_bound_as_many_currents_as_they_say():
    rng = np.random.default_rng(4)
    calibrator = programmed(9, 14, rng)
    current_a, ideal_a = measured(calibrator, "as trained", rng)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    found = calibrator.quantiles(current_a, levels)
    assert found.shape == (5, VECTORS, 14)
    assert (np.diff(found, axis=0) > 0).all()
    np.testing.assert_allclose(found[2], calibrator(current_a), rtol=1e-12)
    assert ((ideal_a > found[0]) & (ideal_a < found[4])).mean() == pytest.approx(0.9, abs=0.05)
    assert calibrator.quantiles(current_a[0], 0.95).shape == (14,)
    np.testing.assert_allclose(calibrator.quantiles(current_a[0], 0.95), found[4][0], rtol=1e-9)


@pytest.mark.parametrize("levels", [0.0, [0.5, 1.0], [-0.1], [np.nan]])
def test_levels_that_are_no_probabilities_are_refused(levels):
    rng = np.random.default_rng(5)
    calibrator = programmed(9, 14, rng)
    current_a, _ = measured(calibrator, "as trained", rng)
    with pytest.raises(RangeError, match="between 0 and 1"):
        calibrator.quantiles(current_a, levels)


def test_a_kind_that_does_not_find_inputs_says_so():
    plain = ProgrammedCalibrator(
        conductance_s=np.full((3, 2), 5e-5),
        kind="affine",
        correction=AffineCorrection(gain=np.ones(2), offset_a=np.zeros(2)),
        limit_a=1.0,
        current_range_a=None,
    )
    with pytest.raises(InputError, match="structured, whitebox"):
        plain.inputs_plausible(np.zeros(2))
    with pytest.raises(InputError, match="structured, whitebox"):
        plain.quantiles(np.zeros(2), 0.5)


def test_a_current_that_is_no_reading_is_refused():
    rng = np.random.default_rng(6)
    calibrator = programmed(9, 14, rng)
    current_a, _ = measured(calibrator, "as trained", rng)
    current_a[1, 3] = np.inf
    with pytest.raises(RangeError, match="vector 2, column 4"):
        calibrator.inputs_plausible(current_a)
