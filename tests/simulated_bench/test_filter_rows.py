"""Reading of the seed paper's sinusoidal and DC rows as a filter's convolution matrix."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.signal import firwin

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "seed_paper" / "filter_rows.py"


@pytest.fixture(scope="module")
def rows() -> ModuleType:
    spec = importlib.util.spec_from_file_location("filter_rows", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_matrix_convolves(rows: ModuleType) -> None:
    rng = np.random.default_rng(0)
    taps, samples = rng.standard_normal(65), rng.standard_normal(64)
    whole = np.convolve(samples, taps)
    np.testing.assert_allclose(samples @ rows.convolution(taps, 128), whole, atol=1e-12)
    np.testing.assert_allclose(samples @ rows.convolution(taps, 64), whole[32:96], atol=1e-12)


def test_magnitudes_come_nearest_to_the_published_errors_and_within_a_third(rows: ModuleType) -> None:
    matrix = rows.convolution(firwin(65, (0.1, 0.2), pass_zero=False), 128)
    for kind, published_ma2 in rows.PUBLISHED_MA2.items():
        voltage_v = rows.inputs(kind, 16, np.random.default_rng(1))
        assert voltage_v.min() >= 0.1 - 1e-12
        assert voltage_v.max() <= 0.5 + 1e-12
        off = {
            name: abs(np.log(rows.error_before_ma2(mapped(matrix), voltage_v) / published_ma2))
            for name, mapped in rows.MAPPINGS.items()
        }
        assert min(off, key=lambda name: off[name]) == "magnitudes"
        assert off["magnitudes"] < np.log(1.5)  # of 16 vectors; 100 come within a tenth
