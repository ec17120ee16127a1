"""The diagnosis: each kind of change is told from the others, and found where it is."""

from __future__ import annotations

import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, exact_calibrator

from crosscal.core.errors import InputError
from crosscal.runtime.drift import Change, Diagnosis, ReadsTest, diagnose, sentinel_interval_s, vectors_for

ROWS, COLUMNS, NOISE = 12, 10, 1e-3
CHANGES = {
    Change.NOTHING: ((), lambda g, _: g),
    Change.GAIN: ((), lambda g, _: 1.02 * g),
    Change.RELAXATION: ((), lambda g, rng: g * (1.0 + 0.02 * rng.standard_normal(g.shape))),
    Change.COLUMN: ((3,), lambda g, _: g * np.where(np.arange(COLUMNS) == 3, 0.95, 1.0)),
    Change.ROW: ((5,), lambda g, _: g * np.where(np.arange(ROWS) == 5, 0.9, 1.0)[:, None]),
    Change.CELL: ((2, 7), lambda g, _: np.where(_at(g, 2, 7), 0.0, g)),
}


def _at(g: np.ndarray, row: int, column: int) -> np.ndarray:
    chosen = np.zeros(g.shape, dtype=bool)
    chosen[row, column] = True
    return chosen


def diagnosed(change, *, offset: float = 0.0, seed: int = 1, **options: object) -> Diagnosis:
    rng = np.random.default_rng(seed)
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    voltage_v = rng.uniform(0.1, 0.5, (16, ROWS))
    current_a = voltage_v @ change(target_s, rng)
    current_a += FULL_SCALE_A * (
        NOISE * rng.standard_normal(current_a.shape) + offset * rng.standard_normal(COLUMNS)
    )
    return diagnose(exact_calibrator(target_s, NOISE), voltage_v, current_a, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_change_is_told_from_the_others_and_found_where_it_is(kind: Change, seed: int) -> None:
    where, change = CHANGES[kind]
    found = diagnosed(change, seed=seed)
    assert (found.change, found.where) == (kind, where)
    assert sum(found.probabilities.values()) == pytest.approx(1.0)


def test_offsets_are_told_from_gains() -> None:
    assert diagnosed(lambda g, _: g, offset=0.01).change is Change.OFFSETS


def test_a_known_temperature_explains_what_would_be_a_gain() -> None:
    slope = (1e-3, 1e-4)
    warm = diagnosed(lambda g, _: 1.01 * g, temperature_change_c=10.0, temperature_slope=slope)
    cold = diagnosed(lambda g, _: 1.01 * g, temperature_change_c=0.5, temperature_slope=slope)
    assert (warm.change, cold.change) == (Change.TEMPERATURE, Change.GAIN)
    assert warm.size == pytest.approx(0.01, rel=0.1)


def test_missing_readings_are_left_out() -> None:
    usable = np.ones((16, COLUMNS), dtype=bool)
    usable[3], usable[:, 2] = False, False
    assert diagnosed(CHANGES[Change.GAIN][1], usable=usable).change is Change.GAIN


def test_cells_are_worth_more_vectors_than_gains_and_no_more_than_can_be_afforded() -> None:
    gain, cells = (diagnosed(CHANGES[kind][1]) for kind in (Change.GAIN, Change.RELAXATION))

    def vectors(found: Diagnosis, affordable: int) -> int:
        return vectors_for(found, rows=64, noise=NOISE, affordable=affordable)

    assert vectors(gain, 1000) == 8 < vectors(cells, 1000) <= 128
    assert vectors(cells, 20) == 12
    with pytest.raises(InputError, match="room for 9 vectors"):
        vectors(cells, 9)


def test_sentinels_are_read_more_seldom_as_the_board_comes_to_rest() -> None:
    def interval_s(since_s: float, drift: float) -> float:
        return sentinel_interval_s(
            seconds_since_change=since_s,
            drift_per_e_fold=drift,
            tolerance=0.01,
            bounds_s=(60.0, 86_400.0),
            reading_s=0.01,
            share=0.01,
        )

    assert interval_s(60.0, 0.05) == 60.0
    assert (
        60.0 < interval_s(3_600.0, 0.05) < interval_s(86_400.0, 0.05) < interval_s(86_400.0, 0.01) <= 86_400.0
    )
    assert interval_s(1e9, 0.0) == 86_400.0


def test_reads_that_inputs_explain_worse_than_before_raise_an_alarm() -> None:
    rng, test = np.random.default_rng(3), ReadsTest(run_length=1e5)
    assert not any(test.update(float(each)) for each in rng.chisquare(4, 3000))
    assert not test.update(float("nan"))
    assert any(test.update(3.0 * float(each)) for each in rng.chisquare(4, 40))
    test.reset()
    assert test.statistic == 0.0
