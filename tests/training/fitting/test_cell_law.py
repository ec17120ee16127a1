"""Law of a board's cells, learned from a run: what was put in comes out, and exact boards have none."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, exact_tensors

from crosscal.core.errors import RangeError, ShapeError
from crosscal.runtime import CellLaw
from crosscal.training.fitting.cell_law import fit_cell_law
from crosscal.training.measurements import Measurements

MATRICES, VECTORS, ROWS, COLUMNS, NOISE = 12, 60, 9, 11, 3e-4
SCATTER, READ_ERROR = 0.04, 0.005


def tensors_of(conductance_s: np.ndarray) -> dict[str, np.ndarray]:
    tensors = exact_tensors(conductance_s, 10 * NOISE)
    return {field.name: getattr(tensors, field.name) for field in fields(tensors)}


def a_run(
    *,
    scatter: float,
    read_back: bool,
    seed: int = 5,
    amplifier: np.ndarray | None = None,
    drive_noise_v: float = 0.0,
    gain_per_c: np.ndarray | None = None,
    cell_per_c: float = 0.0,
) -> Measurements:
    rng = np.random.default_rng(seed)
    target_s = rng.uniform(16.6e-6, 100e-6, (MATRICES, ROWS, COLUMNS))
    real_s = target_s * (1.0 + scatter * rng.standard_normal(target_s.shape))
    temperature_c = np.linspace(20.0, 30.0, MATRICES)
    per_c = cell_per_c * (target_s / 58e-6 - 1.0) + (0.0 if gain_per_c is None else gain_per_c)
    real_s *= 1.0 + per_c * (temperature_c - 25.0)[:, None, None]
    voltage_v = rng.uniform(0.1, 0.5, (MATRICES, VECTORS, ROWS))
    current_a = (voltage_v + drive_noise_v * rng.standard_normal(voltage_v.shape)) @ real_s
    told_s = real_s * (1.0 + READ_ERROR * rng.standard_normal(real_s.shape))
    told_s *= 1.0 if amplifier is None else 1.0 + amplifier
    return Measurements(
        conductance_s=target_s,
        voltage_v=voltage_v,
        current_a=current_a + NOISE * FULL_SCALE_A * rng.standard_normal(current_a.shape),
        usable=np.ones((MATRICES, VECTORS), dtype=bool),
        read_back_s=told_s if read_back else None,
        temperature_c=temperature_c,
    )


def learned(run: Measurements) -> CellLaw:
    return fit_cell_law(tensors_of, run.of_matrices(slice(0, 3)), run.of_matrices(slice(3, None)))


def test_scatter_noise_and_the_error_of_read_backs_are_told_apart():
    amplifier = 0.01 * np.random.default_rng(6).standard_normal(COLUMNS)
    law = learned(a_run(scatter=SCATTER, read_back=True, amplifier=amplifier))
    assert law.read_back is not None
    np.testing.assert_allclose(law.programming, SCATTER, rtol=0.25)
    assert law.noise == pytest.approx(NOISE, rel=0.15)
    error = np.hypot(law.read_back.relative, law.read_back.absolute_s / law.middle_s)
    assert error == pytest.approx(READ_ERROR, rel=0.25)
    # By read-backs alone a column's mean would be known to 0.04 / √108 = 0.004.
    found = law.read_back.column + law.read_back.curve.mean() + law.read_back.row.mean()
    np.testing.assert_allclose(found, amplifier, atol=1.5e-3)


def test_noise_of_driven_inputs_is_told_from_that_of_columns():
    # Through a column it is 1.6 times as large as the column's own noise.
    law = learned(a_run(scatter=SCATTER, read_back=True, drive_noise_v=1e-3))
    assert law.drive_noise_v == pytest.approx(1e-3, rel=0.1)


def test_scatter_is_learned_without_read_backs():
    law = learned(a_run(scatter=SCATTER, read_back=False))
    assert law.read_back is None
    assert law.drive_noise_v == 0.0
    np.testing.assert_allclose(law.programming[1:-1], SCATTER, rtol=0.3)
    assert law.noise == pytest.approx(NOISE, rel=0.15)


@pytest.mark.parametrize("read_back", [True, False])
def test_a_board_that_programs_exactly_has_no_scatter(read_back):
    law = learned(a_run(scatter=0.0, read_back=read_back))
    assert not law.scatters
    # Some 12 matrices × 11 columns × 48 vectors tell noise to 0.9 %; drawn through stated deviations, it
    # has to be between the steps of the search, which are 17 % wide.
    assert law.noise == pytest.approx(NOISE, rel=0.025)
    assert law.temperature is None
    if law.read_back is not None:
        assert law.read_back.relative == pytest.approx(READ_ERROR, rel=0.2)


def test_slopes_of_temperature_are_learned_where_the_run_spans_some():
    gain_per_c = 5e-4 + 5e-4 * np.random.default_rng(8).standard_normal(COLUMNS)
    run = a_run(scatter=0.001, read_back=False, gain_per_c=gain_per_c, cell_per_c=1e-3)
    law = learned(run).temperature
    assert law is not None
    assert law.reference_c == pytest.approx(25.0, abs=0.2)
    high_s = np.full((ROWS, COLUMNS), 90e-6)
    change = law.change(high_s, 26.0)
    expected = gain_per_c + 1e-3 * (90e-6 / 58e-6 - 1.0)
    np.testing.assert_allclose(change[:, 1] + change[:, 2], expected, atol=1.5e-4)
    assert learned(replace(run, temperature_c=np.full(MATRICES, 25.0))).temperature is None


def test_a_law_comes_back_from_a_file_as_it_was():
    law = learned(a_run(scatter=SCATTER, read_back=True))
    document = law.to_json()
    assert CellLaw.from_json(document, rows=ROWS, columns=COLUMNS).to_json() == document
    with pytest.raises(ShapeError, match="allowed: 9 and 12"):
        CellLaw.from_json(document, rows=ROWS, columns=COLUMNS + 1)
    with pytest.raises(RangeError, match="below 0"):
        CellLaw.from_json({**document, "noise": -1.0}, rows=ROWS, columns=COLUMNS)


def test_missing_read_backs_are_passed_over():
    run = a_run(scatter=SCATTER, read_back=True)
    assert run.read_back_s is not None
    run.read_back_s[:, 2, 3] = np.nan
    run.read_back_s[4] = np.nan
    np.testing.assert_allclose(learned(run).programming, SCATTER, rtol=0.25)
