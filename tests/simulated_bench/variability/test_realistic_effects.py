"""Effects of the profile `realistic-64x64`, each against its closed form."""

from __future__ import annotations

import numpy as np
import pytest
from varied_board import COLUMNS, ROWS, board, measure, program, truth, vectors

from crosscal.core.errors import SettingsError, SolverError
from crosscal.simulated_bench import Ohmic, Sinh, Wires, cell_current, solve_dc
from crosscal.simulated_bench.devices.varied_law import OffsetLaw, VariedLaw
from crosscal.simulated_bench.variability.drift import FilamentDrift, PcmDrift
from crosscal.simulated_bench.variability.read_noise import FilamentFlicker, FilamentTelegraph

KELVIN_PER_EV = 11604.518
"""Of an electronvolt over Boltzmann's constant."""


def arrhenius(energy_ev: float, temperature_c: float) -> float:
    return float(np.exp(-energy_ev * KELVIN_PER_EV * (1 / (temperature_c + 273.15) - 1 / 298.15)))


def test_virtual_grounds_off_alike_are_rows_driven_by_so_much_less() -> None:
    rng = np.random.default_rng(0)
    cells_s, volts_v = rng.uniform(1e-5, 1e-4, (5, 4)), rng.uniform(0.0, 0.5, (3, 5))
    wires = Wires(row_ohm=2.0, column_ohm=3.0, source_ohm=50.0, sense_ohm=10.0)
    off = OffsetLaw(law=Sinh(), offset_v=np.full(4, 2e-3))
    found_a = solve_dc(cells_s, volts_v, wires=wires, device=off).current_a
    expected_a = solve_dc(cells_s, volts_v - 2e-3, wires=wires, device=Sinh()).current_a
    np.testing.assert_allclose(found_a, expected_a, rtol=1e-10)


def test_an_input_offset_shows_as_the_columns_conductance_times_it() -> None:
    keys = {
        "front_end": {"input_offset_v": 1e-3},
        "wires": dict.fromkeys(("row_ohm", "column_ohm", "source_ohm", "sense_ohm"), 0.0),
    }
    bench = board(**keys)
    program(bench)
    dark_a = measure(bench, np.zeros((1, ROWS)))[0]
    offset_v = -dark_a / truth(bench).sum(axis=0)
    assert np.abs(offset_v).max() <= 1e-3
    assert offset_v.std() > 2e-4
    # The same amplifiers with another matrix.
    program(bench, truth(bench)[:, ::-1] * 0.5)
    np.testing.assert_allclose(
        measure(bench, np.zeros((1, ROWS)))[0], -offset_v * truth(bench).sum(axis=0), rtol=1e-6
    )


def test_cells_of_other_steepness_pass_the_laws_current_where_they_are_verified() -> None:
    stretch = np.array([[0.9, 1.1]])
    law = VariedLaw.agreeing_at(Sinh(), stretch, 0.2)
    current_a, slope_s = np.empty((2, 3, 1, 2))
    volts_v = np.array([0.2, 0.1, 0.4])[:, None, None] * np.ones((1, 1, 2))
    law.evaluate(np.full((1, 2), 5e-5), volts_v, current_a, slope_s)
    plain_a = cell_current(Sinh(), 5e-5, volts_v)
    np.testing.assert_allclose(current_a[0], plain_a[0], rtol=1e-12)
    assert (current_a[2, 0] / plain_a[2, 0] - 1) @ [-1, 1] > 0.05  # bent less, bent more
    above_a, spare = np.empty((2, 3, 1, 2))
    law.evaluate(np.full((1, 2), 5e-5), volts_v + 1e-6, above_a, spare)
    np.testing.assert_allclose((above_a - current_a) / 1e-6, slope_s, rtol=1e-4)


def test_steepness_that_goes_with_the_inverse_temperature() -> None:
    keys = {"device": {"law": "sinh", "steepness_temperature_power": -1.0}}
    bench = board(wires=dict.fromkeys(("row_ohm", "column_ohm", "source_ohm", "sense_ohm"), 0.0), **keys)
    program(bench)
    bench.set_temperature(85.0)
    volts_v = vectors(bench, 2)
    cold = Sinh(b_pos=4.12 * 298.15 / 358.15)
    expected_a = np.einsum("bij->bj", cell_current(cold, truth(bench)[None], volts_v[:, :, None]))
    np.testing.assert_allclose(measure(bench, volts_v), expected_a, rtol=1e-9)


def test_cells_behind_transistors_differ_and_steepen_as_bare_ones_do() -> None:
    """With a wide transistor nothing is left of it."""
    keys = {"law": "sinh", "steepness_spread": 0.05, "steepness_temperature_power": -1.0}
    wide = {"access": {"gate_v": 1e3, "gain_a_per_v2": 1e3}}
    bare, selected = (board(device=keys | access, temperature_c=60.0) for access in ({}, wide))
    for bench in (bare, selected):
        program(bench)
    volts_v = vectors(bare, 2)
    np.testing.assert_allclose(measure(selected, volts_v), measure(bare, volts_v), rtol=1e-6)
    assert np.abs(measure(board(device={"law": "sinh"}), volts_v) / measure(bare, volts_v) - 1).max() > 1e-3


def test_activation_energy_goes_from_low_to_high_conductance_with_its_logarithm() -> None:
    bench = board(device={"law": "ohmic", "activation_energy_ev": -0.01, "activation_energy_low_ev": 0.08})
    target_s = np.full((ROWS, COLUMNS), np.sqrt(1e-6 * 40e-6))
    target_s[0], target_s[1] = 1e-6, 40e-6
    program(bench, target_s)
    bench.set_temperature(85.0)
    factor = truth(bench) / target_s
    for row, energy_ev in ((0, 0.08), (1, -0.01), (2, 0.035)):
        np.testing.assert_allclose(factor[row], arrhenius(energy_ev, 85.0), rtol=1e-6)


def test_wires_follow_the_temperature_of_copper_and_drivers_do_not() -> None:
    bench = board(wires={"row_ohm": 2.0, "column_ohm": 3.0, "temperature_coefficient_per_c": 3.9e-3})
    bench.set_temperature(-40.0)
    wires = bench.wires(0)
    assert (wires.row_ohm, wires.column_ohm) == pytest.approx((2 * 0.7465, 3 * 0.7465))
    assert (wires.source_ohm, wires.sense_ohm) == (50.0, 10.0)


def test_a_warm_board_ages_as_many_times_as_fast_as_arrhenius_says() -> None:
    keys = {"drift": {"law": "filamentary", "activation_energy_ev": 1.1, "path": "line"}}
    warm, cold = board(**keys), board(**keys)
    for bench in (warm, cold):
        program(bench)
    warm.set_temperature(45.0)
    warm.advance_time(1000.0)
    warm.set_temperature(25.0)
    cold.advance_time(1000.0 * arrhenius(1.1, 45.0))
    np.testing.assert_allclose(truth(warm), truth(cold), rtol=1e-6)
    assert arrhenius(1.1, 45.0) == pytest.approx(14.8, rel=0.01)
    np.testing.assert_allclose(warm.cell_age(), cold.cell_age(), rtol=1e-6)


def test_a_stuck_cell_stays_what_it_was_on_a_warm_board() -> None:
    bench = board(drift={"law": "filamentary", "activation_energy_ev": 1.1}, temperature_c=60.0)
    program(bench)
    bench.advance_time(10.0)
    before_s = truth(bench)[1, 2]
    bench.fault_cell(2, 3, "STUCK")
    bench.advance_time(1e5)
    assert truth(bench)[1, 2] == before_s
    assert (truth(bench) != before_s).all(axis=None) or truth(bench)[0, 0] != before_s


def test_a_lone_cell_is_as_warm_as_its_power_makes_it() -> None:
    cells = {"rows": 1, "columns": 1}
    keys = {"device": {"law": "ohmic", "activation_energy_ev": 0.1}, "heating": {"resistance_k_per_w": 1e6}}
    bench = board(
        array=cells, wires=dict.fromkeys(("row_ohm", "column_ohm", "source_ohm", "sense_ohm"), 0.0), **keys
    )
    program(bench, np.array([[40e-6]]))
    current_a = measure(bench, np.array([[0.5]]))[0, 0]
    rise_k = 1e6 * 0.5 * current_a
    assert rise_k > 10
    assert current_a == pytest.approx(0.5 * 40e-6 * arrhenius(0.1, 25.0 + rise_k), rel=1e-7)


def test_neighbours_warm_by_a_part_for_every_row_and_column_between() -> None:
    bench = board(heating={"resistance_k_per_w": 1e5, "neighbour_part": 0.2})
    power_w = np.zeros((ROWS, COLUMNS))
    power_w[2, 3] = 1e-5
    rise_k = bench._array._heating.rise_k(power_w)
    assert rise_k[2, 3] == pytest.approx(1.0)
    assert rise_k[3, 3] == rise_k[2, 2] == pytest.approx(0.2)
    assert rise_k[4, 4] == pytest.approx(0.2**3)


def test_heat_that_runs_away_is_an_error_and_no_number() -> None:
    keys = {"device": {"law": "ohmic", "activation_energy_ev": 0.5}, "heating": {"resistance_k_per_w": 1e7}}
    bench = board(**keys)
    program(bench)
    with pytest.raises(Exception, match="warm and rising") as caught:
        bench.true_current(np.full((1, ROWS), 0.5), range_index=0)
    assert isinstance(caught.value.__cause__, SolverError)


def test_warm_cells_and_slow_wires_are_refused_together() -> None:
    with pytest.raises(SettingsError, match="warm cells on wires with capacitance_f"):
        board(heating={"resistance_k_per_w": 1e5}, wires={"capacitance_f": 1e-15})


def test_tails_are_of_the_share_and_spread_that_they_say() -> None:
    bench = board(array={"rows": 100, "columns": 100}, tails={"share": 0.05, "spread": 0.3})
    target_s = np.full((100, 100), 1e-5)
    program(bench, target_s)
    off = np.log(truth(bench) / target_s).ravel()
    moved = off[np.abs(off) > 1e-9]
    assert len(moved) == pytest.approx(500, abs=4 * np.sqrt(475))
    assert moved.std() == pytest.approx(0.3, rel=4 / np.sqrt(2 * 500))


def test_filamentary_flicker_is_one_percent_over_a_millisecond_at_one_second() -> None:
    bench = board(flicker={"law": "filamentary"})
    program(bench)
    bench.advance_time(1.0)
    state = bench._array.cell_state()
    for duration_s, folds in ((1e-3, np.log(1.001 / 2e-3)), (1e-1, np.log(1.1 / 0.2))):
        variance = bench._fluctuation.relative_variance(state, duration_s=duration_s)
        np.testing.assert_allclose(np.sqrt(variance), 0.01 * np.sqrt(folds / np.log(1.001 / 2e-3)), rtol=1e-6)
    with pytest.raises(ValueError, match=r"age_s: got 0\.001 s"):
        FilamentFlicker(age_s=1e-3)


def test_linear_growth_of_telegraph_noise_ends_at_the_plateau() -> None:
    law = FilamentTelegraph(growth="linear")
    resistance_ohm = np.array([5e3, 1e4, 5e4, 1.8e5, 1e6])
    np.testing.assert_allclose(
        law.change(1 / resistance_ohm[None])[0], [0.028, 0.028, 0.14, 0.5, 0.5], rtol=1e-9
    )


def test_exponents_below_zero_are_cut_or_mirrored() -> None:
    written_s, quantile = np.full(3, 0.5e-6), np.array([-3.0, 0.0, 3.0])
    cut, mirrored = PcmDrift(), PcmDrift(below_zero="mirrored")
    plain = mirrored.exponent(written_s, quantile)
    assert cut.exponent(written_s, quantile)[0] == 0.0
    assert plain[0] > 0.03
    np.testing.assert_array_equal(plain[1:], cut.exponent(written_s, quantile)[1:])


def test_laws_that_age_at_one_pace_unless_told_otherwise() -> None:
    assert FilamentDrift().pace(85.0) == 1.0


def test_ohmic_cells_have_no_steepness_to_spread() -> None:
    law = VariedLaw.agreeing_at(Ohmic(), np.array([[0.8, 1.2]]), 0.2)
    current_a, slope_s = np.empty((2, 1, 1, 2))
    law.evaluate(np.full((1, 2), 1e-5), np.full((1, 1, 2), 0.4), current_a, slope_s)
    np.testing.assert_allclose(current_a, 4e-6, rtol=1e-12)
