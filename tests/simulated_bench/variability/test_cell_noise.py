"""The noise of single cells: what reaches the columns, how it averages, and that it is the same again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from varied_board import IDEAL_A, board, measure, program, truth, vectors

from crosscal.core.errors import ShapeError
from crosscal.simulated_bench import Sinh, Wires, linear_gaussian_reference, sensitivity, solve_currents
from crosscal.simulated_bench.devices import Ohmic, OneTransistor
from crosscal.simulated_bench.randomness import RandomStreams
from crosscal.simulated_bench.variability.fluctuating_currents import current_covariance, solve_each
from crosscal.simulated_bench.variability.fluctuation import CellState, Fluctuation, ReadTiming

WIRES = Wires(row_ohm=30.0, column_ohm=12.0, source_ohm=200.0, sense_ohm=90.0)
WHITE = {"noise": {"read_relative": 0.0, "cell_relative": 0.01}}
FLICKER = {"flicker": {"law": "pcm"}, "array": {"conductance_max_s": 25e-6}}
TELEGRAPH = {"telegraph": {"law": "filamentary"}}
PACE = ReadTiming(duration_s=1e-3, spacing_s=2e-3)
KINDS = {"white": WHITE, "flicker": FLICKER, "telegraph": TELEGRAPH}


def flicker_on(rows, columns):
    return FLICKER | {"array": FLICKER["array"] | {"rows": rows, "columns": columns}}


def fluctuation_of(bench, seed=1):
    return Fluctuation(bench.settings, RandomStreams.from_seed(seed), traps=np.random.default_rng(3))


def cells_of(bench, *, age_s=0.0, time_s=0.0):
    conductance_s = truth(bench)
    return CellState(
        conductance_s=conductance_s,
        written_s=conductance_s,
        age_s=np.full_like(conductance_s, age_s),
        time_s=time_s,
    )


def factors(bench, *, age_s=0.0, time_s=0.0, readings=1, duration_s=1e-3, seed=1):
    pace = ReadTiming(duration_s=duration_s, spacing_s=2e-3)
    return fluctuation_of(bench, seed).factors(cells_of(bench, age_s=age_s, time_s=time_s), pace, readings)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
@pytest.mark.parametrize("device", [Ohmic(), Sinh(), OneTransistor(cell=Ohmic(), gate_v=2.0)])
def test_the_adjoint_gives_what_solving_again_gives(shape, device):
    """Every cell is changed by itself, a millionth up and down; the covariance is the sum of squares."""
    rng = np.random.default_rng(2)
    conductance_s, drive_v = rng.uniform(10e-6, 90e-6, shape), rng.uniform(-0.4, 0.5, (2, shape[0]))
    conductance_s[1, 2] = 0.0
    variance = rng.uniform(0.5, 1.5, shape)
    wires = Wires(
        row_ohm=30.0,
        column_ohm=12.0,
        source_ohm=tuple(rng.uniform(50, 300, shape[0])),
        sense_ohm=tuple(rng.uniform(50, 300, shape[1])),
    )
    expected_a2 = np.zeros((2, shape[1], shape[1]))
    for i, j in np.ndindex(*shape):
        ends_a = []
        for step in (1e-6, -1e-6):
            changed_s = conductance_s.copy()
            changed_s[i, j] *= 1 + step
            ends_a.append(solve_currents(changed_s, drive_v, wires=wires, device=device))
        slope_a = (ends_a[0] - ends_a[1]) / 2e-6
        expected_a2 += variance[i, j] * slope_a[:, :, None] * slope_a[:, None, :]
    got_a2 = current_covariance(conductance_s, drive_v, variance, wires=wires, device=device)
    # Differences over 2e-6 lose half of the digits.
    np.testing.assert_allclose(got_a2, expected_a2, rtol=0, atol=1e-6 * expected_a2.max())
    assert np.abs(expected_a2[:, 0, 1]).min() > 1e-4 * expected_a2.max(), "columns share some of the noise"


def test_every_vector_meets_conductances_of_its_own():
    rng = np.random.default_rng(4)
    each_s, drive_v = rng.uniform(10e-6, 90e-6, (30, 6, 4)), rng.uniform(0.1, 0.5, (30, 6))
    got_a = solve_each(each_s, drive_v, wires=WIRES, device=Sinh())
    for one_s, one_v, one_a in zip(each_s, drive_v, got_a, strict=True):
        assert (one_a == solve_currents(one_s, one_v, wires=WIRES, device=Sinh())).all()


def test_noise_of_cells_reaches_the_columns_with_the_predicted_covariance():
    bench = board(**WHITE, wires={"row_ohm": 100.0, "column_ohm": 50.0})
    program(bench)
    one_v = vectors(bench, 1)
    current_a = measure(bench, np.repeat(one_v, 4000, axis=0))
    variance = np.full(truth(bench).shape, 1e-4)
    expected_a2 = current_covariance(truth(bench), one_v, variance, wires=bench.wires(4), device=Ohmic())[0]
    got_a2 = np.cov(current_a.T)
    scale_a2 = np.sqrt(np.outer(np.diag(expected_a2), np.diag(expected_a2)))
    # 4000 vectors: an element is uncertain by 1.6 % of the variances, √2 of that on the diagonal.
    assert np.abs((got_a2 - expected_a2) / scale_a2).max() < 4.5 * np.sqrt(2 / 4000)
    nominal_a = solve_currents(truth(bench), one_v, wires=bench.wires(4), device=Ohmic())
    assert np.abs((current_a.mean(axis=0) - nominal_a) / current_a.std(axis=0)).max() < 4.5 / np.sqrt(4000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("averages", [1, 3])
def test_noise_does_not_depend_on_how_reads_are_cut(kind, averages):
    whole, cut = board(**KINDS[kind]), board(**KINDS[kind])
    voltage_v = vectors(whole, 30)
    for bench in (whole, cut):
        program(bench, tolerance=0.5)
        bench.advance_time(1e4)
    whole_a = measure(whole, voltage_v, averages=averages)
    parts_a = [measure(cut, part, averages=averages) for part in np.split(voltage_v, [1, 2, 17])]
    np.testing.assert_allclose(np.concatenate(parts_a), whole_a, rtol=0, atol=1e-15)
    steady_a = solve_currents(truth(whole), voltage_v, wires=whole.wires(4), device=Ohmic())
    assert np.abs(whole_a / steady_a - 1).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_noise_restarts_with_the_seed_whenever_that_is_set(kind):
    bench = board(**KINDS[kind])
    program(bench, tolerance=1.0)
    fluctuation = fluctuation_of(bench)
    runs = []
    for seed, start_s in ((42, 0.0), (42, 777.0), (43, 0.0)):
        fluctuation.restart(RandomStreams.from_seed(seed), time_s=start_s)
        cells = [cells_of(bench, age_s=50.0, time_s=start_s + passed_s) for passed_s in (0.0, 64.0)]
        runs.append([fluctuation.factors(now, PACE, 3) for now in cells])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (np.array(runs[0]) != np.array(runs[2])).any()


def test_white_noise_falls_with_aperture_and_average():
    bench = board(**WHITE, array={"rows": 1, "columns": 12})
    program(bench, tolerance=0.2)
    many_v = np.full((1500, 1), 0.2)
    for aperture_s, averages in ((1e-3, 1), (4e-3, 1), (1e-3, 9)):
        current_a = measure(bench, many_v, aperture_s=aperture_s, averages=averages)
        expected = 0.01 * math.sqrt(1e-3 / (aperture_s * averages))
        relative = current_a.std(axis=0) / current_a.mean(axis=0)
        # 18,000 readings in all: uncertain by 0.5 %; wires take off a little.
        assert np.sqrt((relative**2).mean()) == pytest.approx(expected, rel=0.025)


def test_slow_noise_stays_over_a_run_and_is_not_averaged_away():
    bench = board(**flicker_on(40, 50))
    program(bench, tolerance=1.0)
    kept = factors(bench, age_s=1e6, time_s=1e6, readings=200) - 1
    run_means, single = kept.mean(axis=0), kept[0]
    assert run_means.std() > 0.6 * single.std()
    # The published variance, less that of what is faster than the run of 0.4 s: logarithms of times.
    inside, outside = math.log(0.4 / 2e-3), math.log(1e6 / 0.4)
    expected = math.sqrt(outside / (inside + outside))
    assert run_means.std() / single.std() == pytest.approx(expected, abs=0.06)


def test_flicker_is_weaker_over_longer_readings_by_a_logarithm():
    bench = board(**flicker_on(100, 90))
    program(bench, np.full((100, 90), 20e-6))
    q = 0.0088 / 0.8**0.65
    for duration_s in (1e-6, 1e-3, 1.0):
        noise = factors(bench, age_s=1e5, duration_s=duration_s, seed=5)[0] - 1
        expected = q * math.sqrt(math.log((1e5 + duration_s) / (2 * duration_s)))
        assert noise.std() == pytest.approx(expected, rel=4.5 / math.sqrt(2 * 9000))


def test_a_cell_that_was_just_written_has_no_flicker_yet():
    bench = board(**FLICKER)
    program(bench)
    assert (factors(bench, age_s=0.0) == 1.0).all()
    assert (factors(bench, age_s=1e-3) == factors(bench, age_s=20.0)).all()


def telegraph_board(**law):
    bench = board(telegraph={"law": "filamentary"} | law, array={"rows": 60, "columns": 70})
    program(bench, np.tile([40e-6, 10e-6, 5e-6, 1e-6, 20e-6, 2e-6, 30e-6], (60, 10)))
    return bench


def test_traps_take_from_a_cell_what_its_resistance_says():
    bench = telegraph_board()
    drop = 1 / factors(bench, duration_s=1e-12)[0] - 1  # so short that no trap changes meanwhile
    power = math.log(0.5 / 0.028) / math.log(100)
    expected = np.clip(0.028 * (1 / truth(bench) / 1e4) ** power, 0.028, 0.5)
    charged = drop > 0
    np.testing.assert_allclose(drop[charged], expected[charged], rtol=1e-9)
    # 4200 coins.
    assert charged.mean() == pytest.approx(0.5, abs=4.5 * 0.5 / math.sqrt(4200))


@pytest.mark.parametrize(
    "change",
    [{"low_change": 0.0308}, {"high_change": 0.55}, {"low_ohm": 1.1e4}, {"high_ohm": 1.1e6}],
)
def test_a_tenth_more_of_any_of_the_four_ends_is_noticed(change):
    usual, changed = (1 / factors(telegraph_board(**law))[0] - 1 for law in ({}, change))
    both = (usual > 0) & (changed > 0)
    assert np.abs(changed[both] / usual[both] - 1).max() > 0.01


@pytest.mark.parametrize(
    ("law", "expected"),
    [({"cell_share": 0.1}, 0.05), ({"charged_share": 0.45}, 0.45), ({"cell_share": 0.9}, 0.45)],
)
def test_shares_of_cells_and_of_time_are_kept(law, expected):
    for seed in (1, 2):
        charged = factors(telegraph_board(**law), seed=seed)[0] < 1
        scatter = math.sqrt(expected * (1 - expected) / 4200)
        assert charged.mean() == pytest.approx(expected, abs=4.5 * scatter)
        # Half of the time, if there were traps everywhere, is more than six such deviations away.
        assert 0.5 - charged.mean() > 0.03


def test_traps_forget_as_fast_as_stated():
    bench = telegraph_board(fastest_s=0.999, slowest_s=1.0)
    fluctuation, still = fluctuation_of(bench), ReadTiming(duration_s=1e-3, spacing_s=0.0)
    states = [
        fluctuation.factors(cells_of(bench, time_s=time_s), still, 1)[0] < 1
        for time_s in (5.0, 5.2, 6.0, 9.0)
    ]
    for later, passed_s in zip(states[1:], (0.2, 1.0, 4.0), strict=True):
        different = (later != states[0]).mean()
        assert different == pytest.approx(0.5 * (1 - math.exp(-passed_s)), abs=4.5 * 0.5 / math.sqrt(4200))


def test_verifying_sees_the_noise_too():
    bench = board(**WHITE)
    program(bench, tolerance=0.05)
    one, other = (np.array(bench.read_conductance()) for _ in range(2))
    spread = (one / other - 1).std()
    assert spread == pytest.approx(0.01 * math.sqrt(2), rel=4.5 / math.sqrt(2 * 45))


@pytest.mark.parametrize("kind", KINDS)
def test_the_stated_variance_is_that_of_many_boards(kind):
    bench = board(**KINDS[kind])
    program(bench, tolerance=1.0)
    stated = fluctuation_of(bench).relative_variance(cells_of(bench, age_s=1e4), duration_s=2e-3)
    drawn = np.array([factors(bench, age_s=1e4, duration_s=2e-3, seed=seed)[0] for seed in range(400)])
    got = drawn.var(axis=0)
    # Variances of 400 draws scatter by √(2/400) if normal, of two levels by less.
    trapped = stated > 0
    assert trapped.all()
    assert np.abs(got / stated - 1).max() < 5 * math.sqrt(2 / 400)


def test_the_linear_gaussian_reference_counts_the_noise_of_cells():
    """Least squares on a linear board with noisy cells reaches the reference, and nothing can be below it."""
    bench = board(**WHITE)
    target_s = program(bench, tolerance=0.2)
    rng = np.random.default_rng(6)
    voltage_v = 0.3 + rng.normal(0.0, 0.4 / np.sqrt(12), (8000, 5))
    current_a, ideal_a = measure(bench, voltage_v), voltage_v @ target_s
    taught, tested = slice(0, 4000), slice(4000, None)
    design = np.column_stack([current_a * 1e6, np.ones(len(current_a))])
    weights = np.linalg.lstsq(design[taught], ideal_a[taught], rcond=None)[0]
    error_a = design[tested] @ weights - ideal_a[tested]
    nmse = (error_a**2).mean() / (target_s**2).sum(axis=0).mean() / (0.4**2 / 12)
    reference = bench.linear_gaussian_reference(target_s, truth(bench), voltage_v[:500], IDEAL_A)
    # The noise grows with the drive, which least squares cannot weigh: a few per cent above at most. Both
    # sides are means over hundreds of inputs, good to 1 % or so.
    assert reference * 0.97 < nmse < reference * 1.1
    quiet = board()
    program(quiet, target_s)
    assert quiet.linear_gaussian_reference(target_s, target_s, voltage_v[:3], IDEAL_A) < 1e-3 * reference
    assert (
        bench.linear_gaussian_reference(target_s, truth(bench), voltage_v[:50], IDEAL_A, averages=100)
        < reference / 20
    )


def test_a_shared_noise_that_fits_no_batch_is_refused():
    conductance_s, drive_v = np.full((3, 4), 5e-5), np.full((2, 3), 0.2)
    with pytest.raises(ShapeError, match=r"covariance_a2 of shape \(4, 4\)"):
        linear_gaussian_reference(
            conductance_s, drive_v, wires=WIRES, device=Ohmic(), noise_a=1e-6, covariance_a2=np.eye(4)
        )


def test_independent_covariance_is_the_same_linear_gaussian_reference_as_plain_noise():
    rng = np.random.default_rng(1)
    conductance_s, drive_v = rng.uniform(1e-5, 1e-4, (4, 6)), rng.uniform(0.1, 0.5, (2, 4))
    assert sensitivity(conductance_s, drive_v, wires=WIRES, device=Sinh()).shape == (2, 6, 4)
    shared_a2 = np.broadcast_to(np.diag(np.full(6, 9e-16)), (2, 6, 6))
    arguments = {"wires": WIRES, "device": Sinh()}
    split = linear_gaussian_reference(
        conductance_s, drive_v, noise_a=4e-8, covariance_a2=shared_a2, **arguments
    )
    plain = linear_gaussian_reference(conductance_s, drive_v, noise_a=5e-8, **arguments)
    assert split.nmse == pytest.approx(plain.nmse, rel=1e-9)
