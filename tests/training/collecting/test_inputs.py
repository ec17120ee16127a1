"""What `random`, `sine`, `dc` and `fir` mean, and how parts of a run are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import InputError
from crosscal.training import INPUT_KINDS, Segment, draw_vectors, parse_inputs


def drawn(kind: str, count: int, rows: int, seed: int = 1) -> np.ndarray:
    return draw_vectors((Segment(kind=kind, count=count),), rows, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", INPUT_KINDS)
@pytest.mark.parametrize("rows", [1, 3, 8])
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
