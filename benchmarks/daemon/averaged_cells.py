"""Cells averaged over the latest recalibrations, beside the latest one alone, for reads that do not wait.

    python benchmarks/daemon/averaged_cells.py -o averaged/          # pcm-24x32, half an hour apart

A recalibration tells each cell with its slow noise of then. Every half hour a board is recalibrated from 4N
known vectors; just before the next time it is read, and calibrated with the latest recalibration, and with
cells averaged over several, what all cells share being that of the latest. Errors are relative to a
recalibration at the time of the read.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from crosscal.commands.rehearsal.plan import RehearsalPlan
from crosscal.commands.rehearsal.run import trained
from crosscal.commands.rehearsal.stage import Stage, error_of
from crosscal.core.physical_constants import DAY_S, HOUR_S
from crosscal.daemon.settings import Drift
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.correction import correction_with
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, ColumnPosterior

AVERAGED = (1, 2, 4, 8)


def known(programmed: ProgrammedCalibrator) -> ColumnPosterior:
    """Return what recalibrations have told of the cells."""
    if programmed.posterior is None or not programmed.posterior.cells_known:
        raise ValueError("got a calibrator that tells no cells apart; allowed: structured, whitebox")
    return programmed.posterior


def averaged(recalibrated: list[ProgrammedCalibrator]) -> ProgrammedCalibrator:
    """Return the latest recalibration with cells averaged over all of them."""
    latest, posterior = recalibrated[-1], known(recalibrated[-1])
    means = [known(each).mean for each in recalibrated]
    relative = [1.0 + mean[:, GAIN, None] + mean[:, CELLS:] for mean in means]
    common = [np.median(cells) for cells in relative]
    own = np.mean([cells / all_ for cells, all_ in zip(relative, common, strict=True)], axis=0)
    mean = posterior.mean.copy()
    mean[:, CELLS:] = own * common[-1] - 1.0 - mean[:, GAIN, None]
    moved = replace(posterior, mean=mean)
    original = latest.as_programmed or latest.correction
    return replace(latest, correction=correction_with(original, moved), posterior=moved)


def errors(stage: Stage, reads: int, interval_s: float) -> np.ndarray:
    """Errors of each way, and last that of a recalibration at the time of the read, (reads, ways + 1)."""
    past, rows = [], []
    for index in range(max(AVERAGED) + reads):
        read = stage.scored(index)
        now = stage.oracle(index, read.range_index)
        if index >= max(AVERAGED):
            ways = [averaged(past[-count:]) for count in AVERAGED]
            rows.append([error_of(each, read) for each in (*ways, now)])
        past.append(now)
        stage.clock.advance(interval_s)
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--board", default="pcm-24x32")
    parser.add_argument("--reads", type=int, default=10)
    parser.add_argument("--hours", type=float, default=0.5, help="between recalibrations")
    parser.add_argument("--after", type=float, default=3.0, help="age of the matrix at first [h]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("averaged"))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    plan = RehearsalPlan(
        bench=given.board,
        calibrator=trained(given.board, given.output, 1),
        duration_s=DAY_S,
        reads=given.reads,
        swing_c=0.0,
        drift=Drift(),
        seed=given.seed,
    )
    stage = Stage.of(plan)
    stage.clock.advance(given.after * HOUR_S)
    *ways, now = errors(stage, given.reads, given.hours * HOUR_S).mean(axis=0)
    print(f"{given.board}: NMSE {now:.3g} recalibrated at the time of the read")
    for count, error in zip(AVERAGED, ways, strict=True):
        print(f"cells of the latest {count}: {error / now:.2f} ×")


if __name__ == "__main__":
    main()
