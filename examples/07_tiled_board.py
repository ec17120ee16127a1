"""A matrix over six arrays behind one instrument, calibrated and recalibrated tile by tile."""

from importlib.resources import files
from pathlib import Path

import numpy as np

import crosscal
from crosscal.runtime import TiledCalibrator

Path("tiled.toml").write_text("""
profile = "lab-12x16"
array = { rows = 24, columns = 48 }
tiles = { rows = 2, columns = 3 }
""")

rng = np.random.default_rng(1)
with crosscal.open_board("GPIB0::9::INSTR", backend="tiled.toml@crosscal") as board:
    conductance_s = rng.uniform(20e-6, 95e-6, board.shape)
    board.program(conductance_s)
    tile = crosscal.load_calibrator(str(files("crosscal") / "shipped" / "demo.onnx"))
    tiles = TiledCalibrator(tile=tile).program(conductance_s)

    def partial_a(voltage_v):
        """Currents that each row of tiles causes, (B, tile rows, M): one row of tiles is driven at a time."""
        return board.measure(tiles.driven(voltage_v)).reshape(len(voltage_v), -1, board.shape[1])

    known_v = rng.uniform(0.1, 0.5, (20, board.shape[0]))
    fresh_v = rng.uniform(0.1, 0.5, (60, board.shape[0]))
    ideal_a = fresh_v @ conductance_s
    spread_a2 = np.mean((ideal_a - ideal_a.mean(axis=0)) ** 2)
    known_a, fresh_a = partial_a(known_v), partial_a(fresh_v)
    gain_offset = [
        np.polyfit(known_a[:, :, j].sum(axis=1), known_v @ conductance_s[:, j], 1)
        for j in range(board.shape[1])
    ]
    gain, offset_a = np.transpose(gain_offset)
    fitted_a = gain * fresh_a.sum(axis=1) + offset_a
    print(f"as read       NMSE {np.mean((fresh_a.sum(axis=1) - ideal_a) ** 2) / spread_a2:.2g}")
    print(f"gain, offset  NMSE {np.mean((fitted_a - ideal_a) ** 2) / spread_a2:.2g}")
    # Amplifiers that the calibrator never learned leave readings unexplained until it is recalibrated.
    as_trained_a = tiles(fresh_a, allow_extrapolation=True)
    print(f"calibrated    NMSE {np.mean((as_trained_a - ideal_a) ** 2) / spread_a2:.2g}")
    tiles = tiles.recalibrated(known_v, known_a)
    print(f"recalibrated  NMSE {np.mean((tiles(fresh_a) - ideal_a) ** 2) / spread_a2:.2g}")
