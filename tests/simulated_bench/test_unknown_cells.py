"""Cells that nobody knows exactly: their scatter, what known vectors tell, and the reference without them."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.commands.benches.unknown_cells import CellScatter, reference_of_unknown_cells
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.core.errors import InputError
from crosscal.core.run_file import read_run
from crosscal.simulated_bench import Bench
from crosscal.simulated_bench.linear_gaussian import Sensed
from crosscal.simulated_bench.unknown_cells import LEVELS, Scatter, posterior_covariance
from crosscal.training import CollectionPlan

TILED = "[tiles]\nrows = 3\ncolumns = 2\n"
BENCH = """
[array]
rows = {rows}
columns = {columns}
[wires]
row_ohm = 5.0
column_ohm = 4.0
[device]
law = "{law}"
[noise]
read_a = 1e-7
[programming]
residual_error = 0.05
[front_end]
profile = "ideal"
readback_error = 0.01
"""


@pytest.fixture(scope="module")
def bench_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "bench.toml"
    path.write_text(BENCH.format(rows=3, columns=5, law="ohmic"))
    return path


@pytest.fixture(scope="module")
def run(bench_path):
    path = bench_path.with_name("run.h5")
    collect_simulated(str(bench_path), path, CollectionPlan(matrices=8, vectors=40, seed=3), resume=False)
    return read_run(path)


@pytest.mark.parametrize("tiles", ["", TILED])
def test_sensitivities_are_what_changed_cells_do_to_the_currents(tmp_path, tiles):
    path = tmp_path / "bench.toml"
    path.write_text(BENCH.format(rows=6, columns=4, law="sinh") + tiles)
    bench, rng = Bench.from_toml(path), np.random.default_rng(1)
    conductance_s, voltage_v = rng.uniform(20e-6, 90e-6, (6, 4)), rng.uniform(0.1, 0.5, (2, 6))
    got_a = bench.cell_sensitivities(conductance_s, voltage_v, 1e-3)
    for cell in range(24):
        ends_a = []
        for step in (1e-5, -1e-5):
            changed_s = conductance_s.copy()
            changed_s.ravel()[cell] *= 1 + step
            bench.recall(changed_s, np.zeros((6, 4)), 25.0)
            ends_a.append(bench.true_current(voltage_v, range_index=0))
        np.testing.assert_allclose(got_a[:, :, cell], (ends_a[0] - ends_a[1]) / 2e-5, atol=1e-5 * got_a.max())


@pytest.mark.parametrize("shared", [False, True])
def test_what_vectors_leave_is_the_conditional_covariance_of_joint_normals(shared):
    rng = np.random.default_rng(2)
    vectors, columns, cells = 3, 2, 8
    prior = rng.uniform(0.01, 0.1, (4, 2)) ** 2
    change_a, noise_a = 1e-5 * rng.standard_normal((vectors, columns, cells)), np.array([1e-7, 3e-7])
    noise_a2 = np.zeros((vectors, columns, columns)) + np.diag(noise_a**2)
    covariance_a2 = None
    if shared:
        roots = 2e-7 * rng.standard_normal((vectors, columns, columns))
        covariance_a2 = roots @ roots.transpose(0, 2, 1)
        noise_a2 += covariance_a2
    sensed = Sensed(jacobian_s=np.empty((vectors, columns, 4)), noise_a=noise_a, covariance_a2=covariance_a2)
    before, told_a = np.diag(prior.ravel()), change_a.reshape(-1, cells)
    of_readings = told_a @ before @ told_a.T
    for k in range(vectors):
        own = slice(columns * k, columns * (k + 1))
        of_readings[own, own] += noise_a2[k]
    gain = before @ told_a.T @ np.linalg.inv(of_readings)
    expected = before - gain @ told_a @ before
    np.testing.assert_allclose(
        posterior_covariance(prior, change_a, sensed), expected, atol=1e-9 * prior.max()
    )


def test_without_vectors_cells_are_known_as_before():
    prior = np.array([[1e-4, 4e-4]])
    np.testing.assert_allclose(posterior_covariance(prior), np.diag([1e-4, 4e-4]))


def test_a_scatter_is_told_by_level_and_leaves_out_what_returns():
    rng = np.random.default_rng(3)
    known_s = rng.uniform(1e-6, 100e-6, (300, 8, 6))
    deviation = np.where(known_s > 50e-6, 0.02, 0.10)
    gains = 1 + 0.03 * rng.standard_normal(6)
    value_s = known_s * gains * (1 + known_s / 500e-6) * (1 + deviation * rng.standard_normal(known_s.shape))
    known_s[0, 0, 0] = value_s[0, 0, 0] = 0.0
    scatter = Scatter.of(known_s, value_s)
    assert scatter.variance.shape == (LEVELS,)
    low, high = scatter(np.array([[10e-6, 30e-6, 70e-6, 95e-6]]))[0].reshape(2, 2)
    np.testing.assert_allclose(np.sqrt(low), 0.10, rtol=0.4)
    np.testing.assert_allclose(np.sqrt(high), 0.02, rtol=0.4)


def test_a_scatter_of_few_levels_and_cells_never_formed():
    rng = np.random.default_rng(5)
    known_s = rng.choice([0.0, 2e-6, 100e-6], (200, 4, 5))
    known_s[:, :, 3] = 0.0
    deviation = np.where(known_s > 50e-6, 0.01, 0.05)
    scatter = Scatter.of(known_s, known_s * (1 + deviation * rng.standard_normal(known_s.shape)))
    np.testing.assert_allclose(np.sqrt(scatter(np.array([[2e-6, 100e-6]]))), [[0.05, 0.01]], rtol=0.1)
    one = Scatter.of(np.full((9, 2, 2), 5e-6), np.full((9, 2, 2), 6e-6))
    np.testing.assert_allclose(one(np.array([[5e-6]])), 0, atol=1e-20)


def test_known_vectors_that_leave_none_to_score_are_refused(bench_path, run):
    with pytest.raises(InputError, match="40 vectors"):
        reference_of_unknown_cells(str(bench_path), run, CellScatter.of_run(run), counts=[33])


def test_the_reference_falls_with_what_is_known_to_that_of_known_cells(bench_path, run):
    scatter = CellScatter.of_run(run)
    counts = [0, 2, 16, 32]
    target, told = (
        np.median(
            reference_of_unknown_cells(str(bench_path), run, scatter, counts=counts, read_back=read_back),
            axis=1,
        )
        for read_back in (False, True)
    )
    assert (np.diff(target) < 0).all()
    assert (np.diff(told) < 0).all()
    assert (told <= target).all()
    assert told[0] < target[0] / 5, "cells read back to 1 % are known better than cells written to 5 %"
    exact = CellScatter(programming=Scatter(edges_s=np.zeros(0), variance=np.zeros(1)), read_back=None)
    known = np.median(reference_of_unknown_cells(str(bench_path), run, exact)[0])
    assert known < told[-1] < 1.3 * known


def test_the_reference_of_read_backs_is_what_a_linear_estimate_with_them_gets(bench_path, run):
    """Drawn: cells from what a read-back leaves, inputs from their prior; estimated without the cells."""
    scatter = CellScatter.of_run(run)
    [stated] = reference_of_unknown_cells(str(bench_path), run, scatter)
    bench, rng, k = Bench.from_toml(bench_path), np.random.default_rng(4), 0
    true_s, target_s = run.true_conductance_s[k], run.target_s[k]
    spread = np.sqrt(scatter.variance(target_s, read_back=True))
    centre_v = run.voltage_v[k].mean(axis=0)
    sigma_v = float(np.sqrt(run.voltage_v.var(axis=(0, 1)).mean()))
    inputs_v = centre_v + sigma_v * rng.standard_normal((4000, 3))
    currents_a = np.empty((4000, 5))
    for n, voltage_v in enumerate(inputs_v):
        bench.recall(true_s * (1 + spread * rng.standard_normal(true_s.shape)), np.zeros((3, 5)), 25.0)
        currents_a[n] = bench.true_current(voltage_v[None], range_index=0)[0]
    currents_a += 1e-7 * rng.standard_normal(currents_a.shape)
    ideal_a = inputs_v @ target_s
    terms = np.column_stack([np.ones(4000), currents_a])
    estimate_a = terms @ np.linalg.lstsq(terms, ideal_a, rcond=None)[0]
    found = ((estimate_a - ideal_a) ** 2).mean() / ideal_a.var(axis=0).mean()
    assert found == pytest.approx(stated[k], rel=0.15)
