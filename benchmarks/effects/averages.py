"""Error over stated deviation of readings that average 1, 10 and 100 times, where noise is not white.

    python benchmarks/effects/averages.py --boards rram-32x24,pcm-24x32 --keep FOLDER

Each matrix is programmed, stands for an hour, is recalibrated from known vectors and read: with known vectors
and reads averaged alike, and with known vectors read once. `white` states deviations like a calibrator that
was trained without repeats, `learned` by the noise that the run's repeats of one vector tell. Printed are
medians over matrices of the NMSE and of the root mean square of errors relative to their stated deviations.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from study_boards.scores import Scores, stated
from study_boards.trained import TrainedBoard, add_options, trained_boards

from crosscal.commands.benches.simulated_board import RESOURCE
from crosscal.drivers import Board
from crosscal.front_door import open_board
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.recalibration.vectors import informative_vectors

FRESH = 200
AVERAGES = (1, 10, 100)
AGE_S = 3600.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, "rram-32x24,pcm-24x32")
    parser.set_defaults(matrices=6)
    parser.add_argument("--known", type=int, default=64, help="known vectors of each recalibration")
    given = parser.parse_args()
    for trained in trained_boards(given):
        print(f"{trained.name}: {given.matrices} matrices, {given.known} known vectors")
        scores = Scores()
        with open_board(RESOURCE, backend=f"{trained.bench}@crosscal") as board:
            rng = np.random.default_rng(3)
            for k in range(given.matrices):
                board.simulation.reseed(k + 1)
                compare(board, trained, given.known, scores, rng)
        print(f"{'':51}NMSE   error / stated (of single matrices)")
        for line in scores.lines(width=46):
            print(line, flush=True)


def compare(
    board: Board, trained: TrainedBoard, known: int, scores: Scores, rng: np.random.Generator
) -> None:
    """Recalibrate one matrix and read it, with each number of averages."""
    low_s, high_s = trained.calibrator.conductance_range_s or (1e-6, 25e-6)
    target_s = rng.uniform(low_s, high_s, board.shape)
    board.program(target_s)
    board.simulation.advance_time(AGE_S)
    programmed = trained.calibrator.program(target_s)
    low_v, high_v = trained.window_v
    known_v = informative_vectors(known, board.shape[0], low_v=low_v, high_v=high_v, rng=rng)
    fresh_v = rng.uniform(low_v, high_v, (FRESH, board.shape[0]))
    read_once = {}
    clock = _Clock(board.dwell_s, board.aperture_s)
    for averages in AVERAGES:
        board.averages = averages
        readout, known_s = board.read(known_v), clock.middle_of(known, averages)
        fresh_a, fresh_s = board.measure(fresh_v), clock.middle_of(FRESH, averages)
        for name, asked in (("white", as_white(programmed)), ("learned", programmed)):
            before = asked if name == "white" else asked.at(averages=averages)
            alike = before.recalibrated(known_v, readout.current_a, usable=readout.usable)
            once, once_s = read_once.setdefault(name, (alike, known_s))
            for way, one, at_s in (("alike", alike, known_s), ("once", once, once_s)):
                read = one if name == "white" else one.at(averages=averages, later_s=fresh_s - at_s)
                way = f"known vectors {way}, {averages} averages, {name}"
                scores.add(way, *stated(read, fresh_a, fresh_v @ target_s))


class _Clock:
    """Time of a simulated board, which passes by readings alone."""

    def __init__(self, dwell_s: float, aperture_s: float) -> None:
        self._dwell_s, self._aperture_s, self._now_s = dwell_s, aperture_s, 0.0

    def middle_of(self, readings: int, averages: int) -> float:
        """Let readings pass; return the time in the middle of them [s]."""
        took_s = readings * (self._dwell_s + averages * self._aperture_s)
        self._now_s += took_s
        return self._now_s - 0.5 * took_s


def as_white(programmed: ProgrammedCalibrator) -> ProgrammedCalibrator:
    """Return a calibrator as one trained without repeats."""
    law = programmed.cell_law
    return programmed if law is None else replace(programmed, cell_law=replace(law, reading_noise=None))


if __name__ == "__main__":
    main()
