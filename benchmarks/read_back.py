"""Error on boards that program inexactly: by the target alone, a read-back, K known vectors, and both.

    python benchmarks/read_back.py --keep read_back/
    python benchmarks/read_back.py --boards rram-32x24 --counts 4,16 --calibrator whitebox

Collects a training and a test run of each simulated board through its instrument, with read-backs, trains,
and calibrates matrices never trained on. Printed are medians over matrices of the NMSE, and of the errors'
root mean square relative to the stated deviations (with the least and the largest of a matrix). Gain and
offset per column and a ridge over all columns, fitted to the same known vectors, stand beside them. `×` is
the NMSE over the linear-Gaussian reference that knows of the cells no more than the row does: the scatter of
programming and of read-backs, from the true cells of the training run, and what K vectors can tell by the
true circuit. The last line takes the true cells for known.
"""

from __future__ import annotations

import argparse

import numpy as np
from study_boards.scores import Scores, nmse, stated
from study_boards.trained import add_options, trained_boards

from crosscal.commands.benches.simulated_board import linear_gaussian_reference
from crosscal.commands.benches.unknown_cells import CellScatter, reference_of_unknown_cells
from crosscal.core.run_file import Run
from crosscal.runtime import Calibrator
from crosscal.training import Measurements
from crosscal.training.calibrators.affine_fit import affine_per_matrix
from crosscal.training.suite.ridge import ridge_per_matrix

SCORED = 100
BOARDS = "lab-12x16,pcm-24x32,rram-32x24,cmo-hfox-32x24,programming-0.01,programming-0.05"


def compare(bench: str, calibrator: Calibrator, run: Run, scatter: CellScatter, counts: list[int]) -> None:
    data, scores = Measurements.from_run(run), Scores()
    scored = slice(data.vectors - SCORED, None)
    affine = {known: affine_per_matrix(data, known) for known in counts}
    ridge = {known: ridge_per_matrix(data, known) for known in counts}
    of_targets, of_cells = (
        dict(zip([0, *counts], references, strict=True))
        for references in (
            reference_of_unknown_cells(bench, run, scatter, counts=[0, *counts], read_back=told)
            for told in (False, True)
        )
    )
    for k in range(data.matrices):
        voltage_v, current_a = data.voltage_v[k], data.current_a[k]
        scored_a, ideal_a = current_a[scored], data.ideal_a[k, scored]
        alone = calibrator.program(data.conductance_s[k])
        informed = alone.with_read_back(data.read_back_s[k]) if data.read_back_s is not None else alone
        scores.add("target alone", *stated(alone, scored_a, ideal_a), bound=of_targets[0][k])
        scores.add("read-back", *stated(informed, scored_a, ideal_a), bound=of_cells[0][k])
        for known in counts:
            given, bound = (voltage_v[:known], current_a[:known]), of_targets[known][k]
            scores.add(f"affine, K = {known}", nmse(affine[known][k, scored], ideal_a), bound=bound)
            scores.add(f"ridge, K = {known}", nmse(ridge[known][k, scored], ideal_a), bound=bound)
            scores.add(f"K = {known}", *stated(alone.recalibrated(*given), scored_a, ideal_a), bound=bound)
            both = stated(informed.recalibrated(*given), scored_a, ideal_a)
            scores.add(f"K = {known} and read-back", *both, bound=of_cells[known][k])
    reference = linear_gaussian_reference(bench, run)
    print(f"{'':33}NMSE      ×   error / stated (of single matrices)")
    for line in scores.lines():
        print(line, flush=True)
    print(f"  {'reference, cells known':28} {np.median(reference):10.2e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, BOARDS)
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    for board in trained_boards(given):
        test = board.measured("test", matrices=given.matrices, vectors=max(counts) + SCORED, seed=2)
        print(f"{board.name}: {given.matrices} matrices")
        compare(board.bench, board.calibrator, test, CellScatter.of_run(board.run), counts)


if __name__ == "__main__":
    main()
