"""Error of reads at other temperatures: with the slopes that training learned, and without.

    python benchmarks/effects/reading_temperature.py --matrices 24 --tested 6

Trains `structured` on a simulated 12×16 board whose temperature is another for every matrix, 15 °C to 35 °C,
all of it through the instrument: cells, wires and amplifiers follow the temperature. Then matrices never
trained on are read at several temperatures. Printed are medians of the NMSE and of errors over stated
deviations: of the calibrator as programmed, and of `programmed.at(temperature_c=…)`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from study_boards.scores import Scores, stated

from crosscal.commands.benches.simulated_board import RESOURCE
from crosscal.front_door import load_calibrator, open_board
from crosscal.training import Measurements, TrainingPlan, export_calibrator, train

BENCH = """
[board]
serial = "TEMPERATURE"
seed = 7
[array]
rows = 12
columns = 16
conductance_min_s = 16.6e-6
conductance_max_s = 100e-6
[wires]
row_ohm = 2.0
column_ohm = 2.0
source_ohm = 50.0
sense_ohm = 10.0
temperature_coefficient_per_c = 0.0039
[device]
law = "sinh"
a_pos = 0.225
b_pos = 4.12
a_neg = 0.2801
b_neg = 4.10
temperature_coefficient_per_c = 1e-3
steepness_temperature_power = -1.0
[front_end]
profile = "lab"
"""
WINDOW_V, WINDOW_S, RANGE_C = (0.1, 0.5), (20e-6, 95e-6), (15.0, 35.0)
VECTORS, SCORED = 80, 100
TESTED_C = (5.0, 15.0, 20.0, 25.0, 30.0, 35.0, 45.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--matrices", type=int, default=24)
    parser.add_argument("--tested", type=int, default=6)
    given = parser.parse_args()
    rng = np.random.default_rng(3)
    with tempfile.TemporaryDirectory() as scratch:
        bench, path = Path(scratch) / "bench.toml", Path(scratch) / "b.onnx"
        bench.write_text(BENCH)
        with open_board(RESOURCE, backend=f"{bench}@crosscal") as board:
            rows, columns = board.shape

            def measured(target_s: np.ndarray, temperature_c: float, vectors: int) -> tuple[np.ndarray, ...]:
                board.simulation.set_temperature(temperature_c)
                board.program(target_s)
                voltage_v = rng.uniform(*WINDOW_V, (vectors, rows))
                return voltage_v, board.measure(voltage_v)

            targets_s = rng.uniform(*WINDOW_S, (given.matrices, rows, columns))
            temperature_c = rng.uniform(*RANGE_C, given.matrices)
            found = [measured(g, float(c), VECTORS) for g, c in zip(targets_s, temperature_c, strict=True)]
            data = Measurements(
                conductance_s=targets_s,
                voltage_v=np.stack([voltage_v for voltage_v, _ in found]),
                current_a=np.stack([current_a for _, current_a in found]),
                usable=np.ones((given.matrices, VECTORS), dtype=bool),
                temperature_c=temperature_c,
            )
            export_calibrator(train(TrainingPlan(calibrator="structured", seed=1), data), path)
            calibrator, scores = load_calibrator(path), Scores()
            for target_s in rng.uniform(*WINDOW_S, (given.tested, rows, columns)):
                programmed = calibrator.program(target_s)
                for test_c in TESTED_C:
                    voltage_v, current_a = measured(target_s, test_c, SCORED)
                    ideal_a = voltage_v @ target_s
                    scores.add(f"{test_c:4.0f} °C, as programmed", *stated(programmed, current_a, ideal_a))
                    there = programmed.at(temperature_c=test_c)
                    scores.add(f"{test_c:4.0f} °C, at that", *stated(there, current_a, ideal_a))
    print(f"{'':31}NMSE   error / stated (of single matrices)")
    for line in scores.lines():
        print(line)


if __name__ == "__main__":
    main()
