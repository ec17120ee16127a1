"""A week of drift, with a check every day and a recalibration where the check asks for one."""

from importlib.resources import files
from pathlib import Path

import numpy as np

import crosscal
from crosscal.runtime import RecalibrationPlan, recalibrate_on_board

DAY_S = 86_400.0
Path("drifting.toml").write_text("""
profile = "lab-12x16"

[drift]
law = "cmo-hfox"
""")

rng = np.random.default_rng(7)
plan = RecalibrationPlan(vectors=48, verification=24, voltage_range_v=(0.1, 0.5))


def check(board, calibrated, check_v):
    """Error over stated deviation, rms, on vectors that are kept for this."""
    # A board that has drifted far gives readings that no inputs explain; the check is to say how far.
    answer_a, deviation_a = calibrated.with_uncertainty(board.measure(check_v), allow_extrapolation=True)
    return np.sqrt(np.mean(((answer_a - check_v @ calibrated.conductance_s) / deviation_a) ** 2))


with crosscal.open_board("GPIB0::9::INSTR", backend="drifting.toml@crosscal") as board:
    conductance_s = rng.uniform(20e-6, 95e-6, board.shape)
    check_v = rng.uniform(0.1, 0.5, (24, board.shape[0]))
    board.program(conductance_s)
    calibrated = crosscal.load_calibrator(str(files("crosscal") / "shipped" / "demo.onnx"))
    calibrated = calibrated.program(conductance_s)
    calibrated = recalibrate_on_board(board, calibrated, plan, rng=rng).calibrator
    for day in range(1, 8):
        board.simulation.advance_time(DAY_S)
        found = check(board, calibrated, check_v)
        told = f"day {day}: error over deviation {found:5.2f}"
        if found > 1.25:
            done = recalibrate_on_board(board, calibrated, plan, rng=rng)
            if done.verified:
                calibrated = done.calibrator
                told += f" → recalibrated, {check(board, calibrated, check_v):.2f}"
        print(told)
