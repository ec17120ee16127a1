"""Known inputs that a daemon designs beside those of a fixed table, on boards that age and warm up.

python benchmarks/daemon/designed_inputs.py -o designed/

Two boards of one seed recalibrate in turn for two days, ±10 °C a day, one from each kind of inputs. Printed:
NMSE just after a recalibration, designed relative to the table (geometric mean over the recalibrations after
the first, and its standard error), and error relative to the stated one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from crosscal.commands.rehearsal.plan import RehearsalPlan
from crosscal.commands.rehearsal.run import trained
from crosscal.commands.rehearsal.stage import Stage
from crosscal.core.array_types import Vectors
from crosscal.core.physical_constants import DAY_S, HOUR_S
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.judgement import error_ratio, relative_error
from crosscal.daemon.upkeep.known_inputs import telling_inputs
from crosscal.runtime import ProgrammedCalibrator, informative_vectors
from crosscal.runtime.recalibration.verification import verify

BOARDS = ("rram-32x24", "pcm-24x32", "cmo-hfox-32x24")
SCORED = 64
Choose = Callable[[ProgrammedCalibrator, int, np.random.Generator, float], Vectors]


def designed(programmed: ProgrammedCalibrator, count: int, rng: np.random.Generator, age_s: float) -> Vectors:
    return telling_inputs(programmed, count, rng, age_s=age_s)


def of_table(programmed: ProgrammedCalibrator, count: int, rng: np.random.Generator, age_s: float) -> Vectors:
    del age_s
    low_v, high_v = programmed.voltage_range_v or (0.0, 0.0)
    return informative_vectors(count, programmed.shape[0], low_v=low_v, high_v=high_v, rng=rng)


def recalibrations(plan: RehearsalPlan, count: int, choose: Choose) -> Iterator[tuple[float, float]]:
    """Yield NMSE and error relative to the stated one after each recalibration."""
    stage = Stage.of(plan)
    programmed, reader, rng = stage.as_trained, stage.reader(), np.random.default_rng([plan.seed, count])
    for at_s in plan.times_s:
        stage.clock.advance(float(at_s) - stage.clock())
        known = reader.read(choose(programmed, count, rng, stage.clock()))
        programmed = programmed.recalibrated(
            known.voltage_v, known.current_a, usable=known.usable, age_s=stage.clock()
        )
        fresh = reader.read(
            rng.uniform(*(programmed.voltage_range_v or (0.0, 0.0)), (SCORED, len(programmed.conductance_s)))
        )
        found = verify(programmed, fresh.voltage_v, fresh.current_a)
        yield relative_error(found), error_ratio(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boards", nargs="+", default=BOARDS)
    parser.add_argument("--per-row", type=float, nargs="+", default=(0.5, 1.0, 2.0, 4.0), help="K / N")
    parser.add_argument("--hours", type=float, default=2.0, help="between recalibrations")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("designed"))
    given = parser.parse_args()
    for board in given.boards:
        folder = given.output / board
        folder.mkdir(parents=True, exist_ok=True)
        calibrator = trained(board, folder, 1)
        for per_row in given.per_row:
            logs, honest = [], []
            for seed in range(1, given.seeds + 1):
                plan = RehearsalPlan(
                    bench=board,
                    calibrator=calibrator,
                    duration_s=2 * DAY_S,
                    reads=round(2 * DAY_S / (given.hours * HOUR_S)),
                    swing_c=10.0,
                    drift=Drift(),
                    seed=seed,
                )
                count = round(per_row * Stage.of(plan).as_trained.shape[0])
                both = [np.array(list(recalibrations(plan, count, way))) for way in (designed, of_table)]
                logs.append(np.log(both[0][1:, 0] / both[1][1:, 0]))
                honest.append([np.sqrt(np.mean(each[1:, 1] ** 2)) for each in both])
            mean, error = np.mean(logs), np.std(logs) / np.sqrt(np.size(logs))
            true, table = np.mean(honest, axis=0)
            print(
                f"{board}, K = {per_row:g} N: designed {np.exp(mean):.3f} × the table (±{error:.3f}); "
                f"error / stated {true:.2f}, table {table:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
