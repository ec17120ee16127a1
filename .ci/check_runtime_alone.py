"""Run beside numpy, numba and onnxruntime alone: the runtime loads a calibrator and calibrates."""

import sys
from importlib.resources import files

import numpy as np

from crosscal.runtime import Calibrator

calibrator = Calibrator.load(str(files("crosscal") / "shipped" / "demo.onnx"))
rows, columns = calibrator.shape
rng = np.random.default_rng(1)
low, high = calibrator.conductance_range_s
conductance_s = rng.uniform(low, high, (rows, columns))
# A plausible reading: the ideal currents of a random input, attenuated as wires do.
current_a = 0.9 * rng.uniform(0.1, 0.5, (5, rows)) @ conductance_s
calibrated_a = calibrator.program(conductance_s)(current_a)
if calibrated_a.shape != (5, columns) or not np.isfinite(calibrated_a).all():
    sys.exit(f"the runtime returned {calibrated_a!r}")
heavy = {"torch", "scipy", "pyvisa", "matplotlib", "h5py", "msgspec", "onnx"} & set(sys.modules)
if heavy:
    sys.exit(f"the runtime imported {sorted(heavy)}")
print(f"calibrated a {rows}x{columns} array with {len(sys.modules)} modules loaded")
