"""A bench script: program a board, read it, calibrate the currents.

RESOURCE and BACKEND name a simulated board; put your own in their place, such as
"TCPIP::192.168.1.7::5025::SOCKET" and "@py", and your own calibrator's file.
"""

from importlib.resources import files

import numpy as np

import crosscal

RESOURCE, BACKEND = "GPIB0::9::INSTR", "lab-12x16@crosscal"
CALIBRATOR = str(files("crosscal") / "shipped" / "demo.onnx")

rng = np.random.default_rng(1)
with crosscal.open_board(RESOURCE, backend=BACKEND) as board:
    board.protection_v = 0.55  # nothing above this is ever driven
    conductance_s = rng.uniform(20e-6, 95e-6, board.shape)
    voltage_v = rng.uniform(0.1, 0.5, (200, board.shape[0]))
    print(board.program(conductance_s))
    current_a = board.measure(voltage_v)

calibrated = crosscal.load_calibrator(CALIBRATOR).program(conductance_s)
answer_a, deviation_a = calibrated.with_uncertainty(current_a)

ideal_a = voltage_v @ conductance_s
measured_rms_a = np.sqrt(np.mean((current_a - ideal_a) ** 2))
calibrated_rms_a = np.sqrt(np.mean((answer_a - ideal_a) ** 2))
print(f"rms error: measured {1e6 * measured_rms_a:.3f} µA, calibrated {1e6 * calibrated_rms_a:.3f} µA")
print(f"stated on average: ±{1e6 * deviation_a.mean():.3f} µA")
