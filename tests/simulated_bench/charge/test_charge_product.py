"""Memcapacitive products read by charge: every cause of error against its closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from crosscal.core.errors import InputError, RangeError, ShapeError
from crosscal.simulated_bench import (
    CapacitanceVariation,
    ChargeAmplifier,
    ChargeParasitics,
    ChargeProduct,
    Wires,
    charge_product,
)

IDEAL = ChargeAmplifier(feedback_f=200e-15, window_s=20e-9)
CLOSE = 1e-11  # the contour leaves some 1e-12


def array(rows: int, columns: int, batch: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    return rng.uniform(6e-15, 30e-15, (rows, columns)), rng.uniform(-0.5, 0.5, (batch, rows))


def read(
    capacitance_f: np.ndarray,
    voltage_v: np.ndarray,
    *,
    amplifier: ChargeAmplifier = IDEAL,
    parasitics: ChargeParasitics | None = None,
    variation: CapacitanceVariation | None = None,
) -> ChargeProduct:
    """Read with the same draws every time."""
    return charge_product(
        capacitance_f,
        voltage_v,
        amplifier=amplifier,
        parasitics=parasitics,
        variation=variation,
        rng=np.random.default_rng(3),
    )


@pytest.mark.parametrize(("rows", "columns"), [(5, 3), (3, 7), (1, 1)])
def test_an_ideal_array_multiplies_exactly(rows: int, columns: int) -> None:
    capacitance_f, voltage_v = array(rows, columns)
    product = read(capacitance_f, voltage_v)
    np.testing.assert_allclose(product.charge_c, voltage_v @ capacitance_f, rtol=1e-12, atol=1e-27)
    np.testing.assert_allclose(product.output_v, -(voltage_v @ capacitance_f) / 200e-15, rtol=1e-12)
    assert not product.over.any()


def test_stray_capacitance_means_nothing_to_an_ideal_amplifier() -> None:
    capacitance_f, voltage_v = array(5, 3)
    strays = ChargeParasitics(row_line_f=1e-15, column_line_f=2e-15, input_f=50e-15)
    product = read(capacitance_f, voltage_v, parasitics=strays)
    np.testing.assert_allclose(product.charge_c, product.ideal_c, rtol=1e-12, atol=1e-27)


def test_finite_gain_loses_what_the_column_keeps() -> None:
    capacitance_f, voltage_v = array(5, 3)
    strays = ChargeParasitics(column_line_f=2e-15, input_f=50e-15)
    product = read(capacitance_f, voltage_v, amplifier=replace(IDEAL, gain=300.0), parasitics=strays)
    column_f = capacitance_f.sum(axis=0) + 5 * 2e-15 + 50e-15
    expected_c = product.ideal_c / (1 + (1 + column_f / 200e-15) / 300)
    np.testing.assert_allclose(product.charge_c, expected_c, rtol=1e-12)


def test_leakage_adds_the_voltages_times_the_window() -> None:
    capacitance_f, voltage_v = array(5, 3)
    product = read(capacitance_f, voltage_v, parasitics=ChargeParasitics(leakage_s=3e-9))
    leaked_c = voltage_v.sum(axis=1, keepdims=True) * 3e-9 * 20e-9
    np.testing.assert_allclose(product.error_c, np.broadcast_to(leaked_c, (5, 3)), rtol=1e-9)


@pytest.mark.parametrize("gain", [math.inf, 40.0])
def test_wires_that_hardly_resist_agree_with_none(gain: float) -> None:
    """The network against the closed form, with leakage, offset and mismatch at work in both."""
    capacitance_f, voltage_v = array(4, 6)
    amplifier = replace(IDEAL, gain=gain, offset_v=1e-3, feedback_relative=0.01)
    strays = ChargeParasitics(row_line_f=1e-15, column_line_f=2e-15, input_f=50e-15, leakage_s=1e-8)
    hardly = replace(strays, wires=Wires(row_ohm=1e-6, column_ohm=1e-6, source_ohm=1e-6, sense_ohm=1e-6))
    without = read(capacitance_f, voltage_v, amplifier=amplifier, parasitics=strays)
    network = read(capacitance_f, voltage_v, amplifier=amplifier, parasitics=hardly)
    largest_c = np.abs(without.charge_c).max()
    np.testing.assert_allclose(network.charge_c, without.charge_c, rtol=0, atol=CLOSE * largest_c)


@pytest.mark.parametrize("window", [0.3, 1.0, 4.0])
def test_one_cell_behind_a_driver_charges_exponentially(window: float) -> None:
    """With an ideal amplifier only the driver's resistance, the cell and its row's stray are left."""
    wires = Wires(source_ohm=10e3, row_ohm=5e3)
    strays = ChargeParasitics(wires=wires, row_line_f=4e-15)
    time_s = 15e3 * (20e-15 + 4e-15)
    product = read(
        np.array([[20e-15]]),
        np.array([0.4]),
        amplifier=replace(IDEAL, window_s=window * time_s),
        parasitics=strays,
    )
    np.testing.assert_allclose(product.charge_c, [20e-15 * 0.4 * -math.expm1(-window)], rtol=CLOSE)


def test_a_lone_column_without_its_own_resistance_settles_row_by_row() -> None:
    """Rows of one cell each, before a virtual ground, are as many separate RC elements."""
    capacitance_f, voltage_v = array(4, 1)
    source_ohm = np.array([10e3, 20e3, 40e3, 80e3])
    strays = ChargeParasitics(wires=Wires(source_ohm=source_ohm.tolist()))
    product = read(capacitance_f, voltage_v, amplifier=replace(IDEAL, window_s=0.5e-9), parasitics=strays)
    share = -np.expm1(-0.5e-9 / (source_ohm * capacitance_f[:, 0]))
    np.testing.assert_allclose(product.charge_c[:, 0], voltage_v @ (share * capacitance_f[:, 0]), rtol=CLOSE)


def test_a_ladder_settles_as_its_eigenvalues_say() -> None:
    """One row of three cells along a resistive wire: dense linear algebra in place of the contour."""
    capacitance_f = np.array([[6e-15, 20e-15, 11e-15]])
    strays = ChargeParasitics(wires=Wires(row_ohm=30e3), row_line_f=2e-15)
    conductance_s = (np.diag([2.0, 2.0, 1.0]) - np.eye(3, k=1) - np.eye(3, k=-1)) / 30e3
    rates, modes = np.linalg.eig(conductance_s / (capacitance_f[0] + 2e-15)[:, None])
    window_s = 1.5e-9
    left = modes @ (np.exp(-rates * window_s) * np.linalg.solve(modes, np.ones(3)))
    product = read(
        capacitance_f, np.array([0.4]), amplifier=replace(IDEAL, window_s=window_s), parasitics=strays
    )
    np.testing.assert_allclose(product.charge_c, capacitance_f[0] * 0.4 * (1 - left), rtol=CLOSE)


def test_offset_appears_once_at_the_output() -> None:
    capacitance_f, voltage_v = array(5, 400, batch=1)
    product = read(capacitance_f, 0 * voltage_v, amplifier=replace(IDEAL, offset_v=2e-3))
    scatter_v = product.output_v.std()
    assert scatter_v == pytest.approx(2e-3, rel=4 / math.sqrt(2 * 400))  # four standard errors


def test_reset_noise_is_kt_over_c() -> None:
    capacitance_f, voltage_v = array(5, 4, batch=1000)
    product = read(capacitance_f, voltage_v, amplifier=replace(IDEAL, temperature_c=25.0))
    expected_c = math.sqrt(1.380649e-23 * 298.15 * 200e-15)
    assert product.error_c.std() == pytest.approx(expected_c, rel=4 / math.sqrt(2 * 4000))


def test_amplifier_noise_grows_with_the_column_behind_it() -> None:
    capacitance_f, voltage_v = array(5, 4, batch=1000)
    strays = ChargeParasitics(input_f=300e-15)
    product = read(capacitance_f, voltage_v, amplifier=replace(IDEAL, noise_v=1e-5), parasitics=strays)
    # What the amplifier adds at the reading, and what it had left on the column when the reset opened.
    column_f = capacitance_f.sum(axis=0) + 300e-15
    expected_c = 1e-5 * np.hypot(200e-15 + column_f, column_f)
    np.testing.assert_allclose(product.error_c.std(axis=0), expected_c, rtol=4 / math.sqrt(2 * 1000))


def test_devices_scatter_once_and_cycles_every_time() -> None:
    capacitance_f, voltage_v = np.full((1, 2000), 20e-15), np.full((2, 1), 0.4)
    device = read(capacitance_f, voltage_v, variation=CapacitanceVariation(device_relative=0.2))
    assert np.array_equal(device.charge_c[0], device.charge_c[1])
    factor = device.charge_c[0] / device.ideal_c[0]
    assert factor.min() > 0
    assert factor.std() == pytest.approx(0.2, rel=0.08)  # kurtosis 0.6 beyond normal: 4 errors of 0.018
    assert factor.mean() == pytest.approx(1.0, abs=4 * 0.2 / math.sqrt(2000))
    cycle = read(capacitance_f, voltage_v, variation=CapacitanceVariation(cycle_relative=0.2))
    between = np.corrcoef(*cycle.charge_c)[0, 1]
    assert abs(between) < 4 / math.sqrt(2000)
    assert (cycle.charge_c / cycle.ideal_c).std() == pytest.approx(0.2, rel=0.08)


def test_each_vector_meets_the_wires_with_capacitances_of_its_own_cycle() -> None:
    capacitance_f, voltage_v = array(3, 2)
    wires = ChargeParasitics(wires=Wires(row_ohm=20.0, column_ohm=20.0, source_ohm=5e3))
    none = ChargeParasitics(wires=Wires(source_ohm=1e-3))
    variation = CapacitanceVariation(cycle_relative=0.1)
    slow = replace(IDEAL, window_s=1e-6)  # all settles: wires no longer matter, cycles still do
    through_wires = read(capacitance_f, voltage_v, amplifier=slow, parasitics=wires, variation=variation)
    lumped = read(capacitance_f, voltage_v, amplifier=slow, variation=variation)
    np.testing.assert_allclose(through_wires.charge_c, lumped.charge_c, rtol=1e-8)
    assert np.abs(lumped.error_c).max() > 1e-3 * np.abs(lumped.ideal_c).max()
    early = read(capacitance_f, voltage_v, parasitics=none, variation=variation)
    np.testing.assert_allclose(early.charge_c, lumped.charge_c, rtol=1e-8)


def test_a_switched_off_cause_leaves_the_other_draws_as_they_were() -> None:
    capacitance_f, voltage_v = array(5, 3)
    noisy = replace(IDEAL, temperature_c=25.0)
    alone = read(capacitance_f, voltage_v, amplifier=noisy).error_c
    offset = read(capacitance_f, voltage_v, amplifier=replace(noisy, offset_v=1e-3)).error_c
    shift_c = offset - alone
    np.testing.assert_allclose(shift_c, np.broadcast_to(shift_c[0], (5, 3)), rtol=1e-9)


def test_conversion_rounds_to_steps_and_reports_what_is_past_the_end() -> None:
    capacitance_f = np.full((2, 2), 20e-15)
    amplifier = replace(IDEAL, adc_bits=8, adc_full_scale_v=0.08)
    step_c = 2 * 0.08 / 256 * 200e-15
    product = read(capacitance_f, np.array([[0.3, 0.1], [0.5, 0.5]]), amplifier=amplifier)
    assert np.abs(product.error_c[0]).max() <= step_c / 2
    assert not product.over[0].any()
    assert product.over[1].all()
    np.testing.assert_allclose(product.output_v[1], -0.08)


def test_a_vector_gives_a_vector() -> None:
    capacitance_f, voltage_v = array(5, 3, batch=1)
    one, batch = read(capacitance_f, voltage_v[0]), read(capacitance_f, voltage_v)
    assert one.charge_c.shape == one.ideal_c.shape == one.output_v.shape == one.over.shape == (3,)
    assert np.array_equal(one.charge_c, batch.charge_c[0])


def test_settled_charges_are_linear_in_the_voltages() -> None:
    capacitance_f, voltage_v = array(6, 4, batch=2)
    wires = Wires(row_ohm=500.0, column_ohm=300.0, source_ohm=2e3, sense_ohm=100.0)
    strays = ChargeParasitics(wires=wires, row_line_f=1e-15, column_line_f=1e-15, input_f=9e-15)
    early = replace(IDEAL, window_s=1e-10, gain=100.0)

    def charge_c(vectors_v: np.ndarray) -> np.ndarray:
        return read(capacitance_f, vectors_v, amplifier=early, parasitics=strays).charge_c

    both_c = charge_c(voltage_v)
    mixed_c = charge_c(2.0 * voltage_v[:1] - 3.0 * voltage_v[1:])[0]
    np.testing.assert_allclose(mixed_c, 2.0 * both_c[0] - 3.0 * both_c[1], rtol=1e-8, atol=1e-22)
    assert np.abs(both_c - voltage_v @ capacitance_f).max() > 0.05 * np.abs(both_c).max()


@pytest.mark.parametrize(
    ("capacitance_f", "voltage_v", "error", "told"),
    [
        (np.array([[1e-15, -2e-15]]), np.array([0.1]), RangeError, r"capacitance_f\[0, 1\]"),
        (np.array([[1e-15, np.nan]]), np.array([0.1]), RangeError, r"capacitance_f\[0, 1\]"),
        (np.ones((2, 3)), np.ones(3), ShapeError, r"\(3,\) for 2 rows"),
        (np.ones((2, 3)), np.array([[0.1, np.inf]]), RangeError, r"voltage_v\[0, 1\]"),
        (np.ones((0, 3)), np.ones(0), ShapeError, "at least one row"),
    ],
)
def test_an_unusable_array_is_refused_by_its_place(
    capacitance_f: np.ndarray, voltage_v: np.ndarray, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        read(capacitance_f, voltage_v)


@pytest.mark.parametrize(
    "wrong",
    [
        {"feedback_f": 0.0},
        {"window_s": math.nan},
        {"window_s": math.inf},
        {"gain": 1.0},
        {"noise_v": -1.0},
        {"temperature_c": -300.0},
        {"adc_full_scale_v": math.inf, "adc_bits": 12},
        {"adc_bits": 1, "adc_full_scale_v": 1.0},
    ],
)
def test_an_impossible_amplifier_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(RangeError, match=f"ChargeAmplifier.{next(iter(wrong))}"):
        replace(IDEAL, **wrong)


def test_impossible_parasitics_and_variation_are_refused_by_name() -> None:
    with pytest.raises(RangeError, match=r"ChargeParasitics\.leakage_s"):
        ChargeParasitics(leakage_s=-1e-9)
    with pytest.raises(InputError, match=r"ChargeParasitics\.wires"):
        ChargeParasitics(wires=3.0)  # pyright: ignore[reportArgumentType]  (the point of the test)
    with pytest.raises(RangeError, match=r"CapacitanceVariation\.cycle_relative"):
        CapacitanceVariation(cycle_relative=math.nan)
