"""What `random`, `sine`, `dc` and `fir` mean, and how parts of a run are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import InputError
from crosscal.training import INPUT_KINDS, Segment, draw_vectors, parse_inputs


def drawn(kind: str, count: int, rows: int, seed: int = 1) -> np.ndarray:
    return draw_vectors((Segment(kind=kind, count=count),), rows, np.random.default_rng(seed))


# One row alone has nothing to be the other rows of a one-hot vector.
@pytest.mark.parametrize(
    ("kind", "rows"), [(k, n) for k in INPUT_KINDS for n in (1, 3, 8) if (k, n) != ("one-hot", 1)]
)
def test_every_kind_gives_vectors_of_any_size_between_the_paper_s_limits(kind: str, rows: int) -> None:
    voltage_v = drawn(kind, 50, rows)
    assert voltage_v.shape == (50, rows)
    assert voltage_v.min() >= 0.1
    assert voltage_v.max() <= 0.5
    assert np.ptp(voltage_v) > 0.2


def test_random_inputs_have_the_variance_of_a_uniform_distribution_and_no_correlation() -> None:
    voltage_v = drawn("random", 20_000, 2)
    covariance = np.cov(voltage_v.T)
    # The standard error of each entry is below 1e-4 at this count.
    np.testing.assert_allclose(covariance, 0.4**2 / 12 * np.eye(2), atol=5e-4)


def test_a_sine_drives_all_rows_alike_and_is_one_sinusoid_in_time() -> None:
    voltage_v = drawn("sine", 400, 3)
    np.testing.assert_array_equal(voltage_v[:, 0], voltage_v[:, 2])
    level = voltage_v[:, 0] - 0.3
    # Successive samples of a sinusoid obey x[t+1] + x[t-1] = 2 cos(w) x[t] exactly.
    ratio = np.sum((level[2:] + level[:-2]) * level[1:-1]) / np.sum(level[1:-1] ** 2)
    np.testing.assert_allclose(level[2:] + level[:-2], ratio * level[1:-1], atol=1e-12)
    assert abs(ratio) < 2.0


def test_dc_holds_all_rows_at_one_level_that_changes_from_vector_to_vector() -> None:
    voltage_v = drawn("dc", 30, 4)
    assert np.ptp(voltage_v, axis=1).max() == 0.0
    assert len(np.unique(voltage_v[:, 0])) == 30


def test_fir_inputs_are_one_signal_that_each_row_sees_one_sample_later() -> None:
    voltage_v = drawn("fir", 40, 5)
    for row in range(1, 5):
        np.testing.assert_array_equal(voltage_v[row:, row], voltage_v[:-row, 0])
    # So a column is a filter: its ideal current is the signal convolved with its conductances.
    taps_s = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    filtered = np.convolve(voltage_v[:, 0], taps_s)[4:40]
    np.testing.assert_allclose((voltage_v @ taps_s)[4:], filtered, rtol=1e-12)


def in_window(kind: str, count: int, rows: int, window_v: tuple[float, float]) -> np.ndarray:
    rng = np.random.default_rng(4)
    return draw_vectors((Segment(kind=kind, count=count),), rows, rng, voltage_range_v=window_v)


@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_every_kind_fills_a_window_of_both_signs(kind: str) -> None:
    voltage_v = in_window(kind, 400, 6, (-0.2, 0.1))
    assert voltage_v.max() == pytest.approx(0.1, abs=0.01)
    # A one-hot vector rests at 0 V, which the window holds.
    assert voltage_v.min() == pytest.approx(0.0 if kind == "one-hot" else -0.2, abs=0.01)


def test_binary_and_ternary_inputs_take_their_levels_equally_often() -> None:
    for kind, levels_v in (("binary", [0.0, 0.2]), ("ternary", [0.0, 0.1, 0.2])):
        values_v, counts = np.unique(in_window(kind, 3000, 4, (0.0, 0.2)), return_counts=True)
        np.testing.assert_allclose(values_v, levels_v)
        # Five standard errors of a share of 12,000 draws.
        np.testing.assert_allclose(counts / counts.sum(), 1 / len(levels_v), atol=5 * 0.5 / np.sqrt(12_000))


def test_one_hot_drives_one_row_and_every_row_in_turn() -> None:
    voltage_v = in_window("one-hot", 300, 7, (0.0, 0.2))
    assert ((voltage_v == 0.2).sum(axis=1) == 1).all()
    assert ((voltage_v == 0.0).sum(axis=1) == 6).all()
    assert (voltage_v == 0.2).any(axis=0).all()
    # Where the window does not hold 0 V, the others are at its lowest voltage.
    assert set(np.unique(in_window("one-hot", 300, 7, (0.1, 0.5)))) == {0.1, 0.5}


def test_one_kind_fills_all_vectors_and_parts_follow_each_other() -> None:
    assert parse_inputs("dc", 7) == (Segment(kind="dc", count=7),)
    parts = parse_inputs("random:3, sine:2", 5)
    assert parts == (Segment(kind="random", count=3), Segment(kind="sine", count=2))
    voltage_v = draw_vectors(parts, 4, np.random.default_rng(2))
    assert np.ptp(voltage_v[:3], axis=1).min() > 0.0
    assert np.ptp(voltage_v[3:], axis=1).max() == 0.0


@pytest.mark.parametrize(
    ("text", "vectors", "message"),
    [
        ("noise", 5, "'noise'.*random, sine, dc, fir"),
        ("random:3,sine:2", 6, "5 vectors in all, for 6"),
        ("random:x", 5, "kind:count"),
        ("random:0,sine:5", 5, "0 vectors of random"),
        ("random:3,random:2", 5, "random twice"),
        ("", 5, "kind ''"),
    ],
)
def test_impossible_inputs_are_refused_with_what_is_allowed(text: str, vectors: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_inputs(text, vectors)
