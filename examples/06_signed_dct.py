"""A signed transform on a crossbar: the discrete cosine transform by pairs of columns.

A coefficient of either sign is the difference of two conductances, an input of either sign a voltage about a
middle; the known current of the middle is subtracted.
"""

from importlib.resources import files

import numpy as np

import crosscal

MIDDLE_V, SWING_V = 0.3, 0.2
LOW_S, HIGH_S = 20e-6, 95e-6

with crosscal.open_board("GPIB0::9::INSTR", backend="lab-12x16@crosscal") as board:
    rows, columns = board.shape
    outputs = columns // 2
    k, n = np.arange(outputs), np.arange(rows)
    dct = np.sqrt(2 / rows) * np.cos(np.pi * (n[:, None] + 0.5) * k / rows)  # DCT-II, (rows, outputs)
    dct[:, 0] /= np.sqrt(2)

    scale_s = (HIGH_S - LOW_S) / np.abs(dct).max()
    conductance_s = np.full((rows, columns), LOW_S)
    conductance_s[:, 0::2] += scale_s * np.clip(dct, 0, None)
    conductance_s[:, 1::2] += scale_s * np.clip(-dct, 0, None)
    pair_s = conductance_s[:, 0::2] - conductance_s[:, 1::2]  # scale_s · dct

    rng = np.random.default_rng(3)
    signal = np.cumsum(rng.standard_normal((50, rows)), axis=1)
    signal /= np.abs(signal).max(axis=1, keepdims=True)  # (B, rows), −1 … 1
    board.program(conductance_s)
    current_a = board.measure(MIDDLE_V + SWING_V * signal)

calibrated = crosscal.load_calibrator(str(files("crosscal") / "shipped" / "demo.onnx")).program(conductance_s)


def coefficients(column_a):
    """Currents of all columns to signed coefficients."""
    difference_a = column_a[:, 0::2] - column_a[:, 1::2]
    return (difference_a - MIDDLE_V * pair_s.sum(axis=0)) / (SWING_V * scale_s)


exact = signal @ dct
for name, got_a in (("measured", current_a), ("calibrated", calibrated(current_a))):
    error = np.sqrt(np.mean((coefficients(got_a) - exact) ** 2) / np.mean(exact**2))
    print(f"{name:10s} DCT coefficients are off by {100 * error:.1f} % of their rms")
