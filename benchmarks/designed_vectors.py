"""Known vectors designed from the posterior beside those of a fixed table and random ones, at equal number.

    python benchmarks/designed_vectors.py --boards lab-12x16,pcm-24x32,rram-32x24,cmo-hfox-32x24

Every matrix, never trained on, is programmed on a simulated board through its instrument. Printed are medians
over matrices of the NMSE after K known vectors, with the target alone and with a read-back before, relative
to that of the fixed table; and of the error predicted relative to the one found on other vectors, with the
least and the largest of a matrix.
"""

from __future__ import annotations

import argparse

import numpy as np
from study_boards.scores import nmse
from study_boards.trained import add_options, trained_boards

from crosscal.commands.benches.simulated_board import open_simulated_board
from crosscal.drivers import Board
from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.runtime.recalibration.known_inputs import telling_vectors
from crosscal.runtime.recalibration.prediction import predicted_error_a
from crosscal.runtime.recalibration.vectors import InputWindow, informative_vectors

SCORED = 200
BOARDS = "lab-12x16,pcm-24x32,rram-32x24,cmo-hfox-32x24"
WAYS = ("designed", "fixed table", "random")


def known_v(
    way: str, programmed: ProgrammedCalibrator, count: int, window: InputWindow, rng: np.random.Generator
) -> np.ndarray:
    if way == "designed":
        return telling_vectors(programmed, count, window=window, rng=rng)
    rows = programmed.shape[0]
    if way == "random":
        return window.ordinary(count, rows, rng)
    return informative_vectors(count, rows, low_v=window.low_v, high_v=window.high_v, rng=rng)


def compare(
    board: Board, calibrator: Calibrator, window: InputWindow, counts: list[int], matrices: int
) -> None:
    rng = np.random.default_rng(5)
    found: dict[tuple[str, int, str], list[float]] = {}
    honest: dict[tuple[str, int, str], list[float]] = {}
    low_s, high_s = calibrator.conductance_range_s or board.conductance_limits_s
    for _ in range(matrices):
        target_s = rng.uniform(low_s, high_s, board.shape)
        board.program(target_s)
        alone = calibrator.program(target_s)
        states = {"target alone": alone}
        if alone.uses_read_backs:
            states["read-back"] = alone.with_read_back(board.read_conductance())
        scored_v = window.ordinary(SCORED, board.shape[0], rng)
        scored_a, ideal_a = board.measure(scored_v), scored_v @ target_s
        for state, before in states.items():
            for count in counts:
                for way in WAYS:
                    voltage_v = known_v(way, before, count, window, rng)
                    better = before.recalibrated(voltage_v, board.measure(voltage_v))
                    answer_a = better(scored_a, allow_extrapolation=True)
                    rms_a = np.sqrt(np.mean((answer_a - ideal_a) ** 2))
                    predicted_a = predicted_error_a(better, window, rng=rng)
                    found.setdefault((state, count, way), []).append(nmse(answer_a, ideal_a))
                    honest.setdefault((state, count, way), []).append(float(predicted_a / rms_a))
    for state in sorted({state for state, _, _ in found}, reverse=True):
        print(f"  {state:14}   K   fixed table  designed/fixed  random/fixed   predicted/found: designed")
        for count in counts:
            fixed, designed, random = (
                np.array(found[state, count, way]) for way in ("fixed table", "designed", "random")
            )
            ratio = np.array(honest[state, count, "designed"])
            print(
                f"  {'':14} {count:3d}   {np.median(fixed):11.2e}  {np.median(designed / fixed):14.2f}"
                f"  {np.median(random / fixed):12.2f}   {np.median(ratio):8.2f} "
                f"({ratio.min():.2f} to {ratio.max():.2f})",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, BOARDS)
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    for prepared in trained_boards(given):
        low_v, high_v = prepared.window_v
        window = InputWindow(low_v=low_v, high_v=high_v)
        print(f"{prepared.name}, {given.calibrator}, {given.matrices} matrices", flush=True)
        with open_simulated_board(prepared.bench) as board:
            compare(board, prepared.calibrator, window, counts, given.matrices)


if __name__ == "__main__":
    main()
