"""The calibrator that comes along answers as it did before the format's tensors were renamed.

Deviations were recorded anew when those of inputs unlike the trained ones grew: of two of eight readings, by
3 % at most; the others stayed. And by 5e-6 when kernels took the place of numpy's sums.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import onnxruntime

from crosscal.runtime import Calibrator

ROUNDING = 1e-7
"""Of the largest value. Equal to the bit on one machine; processors with other vector units sum in another
order, and float32 steps then end up to 2e-8 apart (AVX-512 beside SSE2)."""


def test_the_shipped_calibrator_answers_as_recorded_from_the_first_format():
    recorded = np.load(Path(__file__).with_name("shipped_figures.npz"))
    with as_file(files("crosscal") / "shipped" / "demo.onnx") as path:
        programmed = Calibrator.load(path).program(recorded["conductance_s"])
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    calibrated_a, deviation_a = programmed.with_uncertainty(recorded["current_a"])
    (whole_a,) = session.run(
        ["calibrated"],
        {
            "conductance": recorded["conductance_s"].astype(np.float32),
            "current": recorded["current_a"].astype(np.float32),
        },
    )
    for name, value, allowed in (
        ("calibrated_a", calibrated_a, ROUNDING),
        ("deviation_a", deviation_a, 10 * ROUNDING),
        ("whole_graph_a", whole_a, ROUNDING),
    ):
        largest = np.abs(recorded[name]).max()
        np.testing.assert_allclose(value, recorded[name], rtol=0, atol=allowed * largest, err_msg=name)
