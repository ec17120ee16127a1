"""Calibration of a board in rounds: measure, train, test, until more matrices no longer help."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosscal.commands.jobs.measuring import Measuring
from crosscal.core.errors import TrainingError
from crosscal.core.port import CrossbarPort
from crosscal.core.run_file import read_run
from crosscal.front_door import load_calibrator
from crosscal.runtime.board_check.findings import Verdict
from crosscal.runtime.board_check.transfer import fit_transfer
from crosscal.runtime.board_check.wiring import wiring_findings
from crosscal.training import (
    AUTO,
    CollectionPlan,
    CollectionProgress,
    EpochReport,
    Measurements,
    TrainingPlan,
    TrainingResult,
    calibrate,
    calibrate_run,
    export_calibrator,
    score,
    train_chosen,
)

TEST_MATRICES = 2
"""Matrices that are measured first and never trained on."""

FEWEST = 3
"""Matrices that a first calibrator is trained on: with 100 vectors each they leave 1.14 times the
linear-Gaussian reference on a 24×40 board of unknown law."""

ROUNDS = (FEWEST, 5, 8, 12, 18, 28, 44, 70, 110)
"""Matrices to train on, round by round: about half as many more each time."""

HELPED = 0.9
"""Share of the least error so far below which the new matrices helped. Two test matrices with a hundred
vectors each tell the same calibrator's error to about 5 %; insensitive between 0.8 and 0.95."""

PATIENCE = 2
"""Rounds in a row without help after which no further is begun. With 1, boards whose cells scatter by a
percent, so that a matrix's errors are all of one draw, ended at 1.4 to 1.55 times the reference
(`rram-32x24`, `pcm-24x32`, `cmo-hfox-32x24`); a few more matrices take them to 1.0 to 1.15."""

TELLABLE = 1.2
"""Ratio of two errors that two test matrices with a hundred scored vectors each can tell from 1: single
matrices of one calibrator differ by some 15 %. On a board that needs no calibration all are alike."""


class NoModelFits(TrainingError):
    """Readings that no calibrator of ours can explain by the matrices that were programmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One trained calibrator and its test.

    Attributes:
        matrices: number trained on.
        kind: calibrator that was chosen.
        nmse: squared error on the test matrices relative to the variance that their inputs cause.
        elapsed_s: since the calibration began [s].
    """

    matrices: int
    kind: str
    nmse: float
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Outcome of all rounds.

    Attributes:
        rounds: in order.
        result: training of the round that was chosen: the last that is no worse than the best.
        path: its file.
        matrices_used: matrices programmed, those of the test included.
        ended: reason for the end, in words.
        plain_nmse: of `affine` trained on the same matrices, on the same test.
    """

    rounds: tuple[Round, ...]
    result: TrainingResult
    path: Path
    matrices_used: int
    ended: str
    plain_nmse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Callbacks of a calibration, for a progress bar.

    Attributes:
        measured: called after each matrix, from the measuring thread.
        trained: called after each epoch.
        began: called with the number of matrices before a training begins.
        tested: called after each round.
        restored: called at the end, as `crosscal.core.port.target_restored` does.
    """

    measured: Callable[[CollectionProgress], None]
    trained: Callable[[EpochReport], None]
    began: Callable[[int], None]
    tested: Callable[[Round], None]
    restored: Callable[[bool | None], None]


def calibrate_in_rounds(
    board: CrossbarPort,
    folder: Path,
    plan: CollectionPlan,
    *,
    calibrator: str = AUTO,
    time_s: float,
    accept_worse: bool,
    told: Told,
    clock: Callable[[], float] = time.monotonic,
) -> Calibration:
    """Measure and train until more matrices no longer help, or the matrices or the time are used up.

    While a round is trained, the matrices of the next are measured; once training has shown that they are
    not needed, measuring ends with the matrix in hand. The matrix found on the board is written again.

    Args:
        board: the board.
        folder: keeps run.h5 and a calibrator for each round; goes on where it was cut off.
        plan: resolved for the board; its `matrices` is the most that may be programmed.
        calibrator: name, or `auto`.
        time_s: no round begins later than this [s].
        accept_worse: go on even if the readings do not look like the matrices.
        told: callbacks.
        clock: monotonic [s].

    Raises:
        NoModelFits: the readings do not look like the matrices that were programmed.
        TrainingError: nothing can be learned from the measurements.
        BoardError: from the board.
    """
    began_s = clock()
    run_path = folder / "run.h5"
    counts = [count for count in ROUNDS if count + TEST_MATRICES <= plan.matrices]
    counts = counts or [plan.matrices - TEST_MATRICES]
    tried: list[tuple[Round, TrainingResult, Path]] = []
    waited = 0
    ended = f"all {plan.matrices} matrices are used"
    with Measuring(board, run_path, plan, told.measured, told.restored) as measuring:
        coming = measuring.until(counts[0] + TEST_MATRICES)
        for count, following in zip(counts, [*counts[1:], None], strict=True):
            coming.result()
            data = Measurements.from_run(read_run(run_path))
            test = data.of_matrices(slice(0, TEST_MATRICES))
            if not tried and not accept_worse:
                require_wiring(test)
            learned = data.of_matrices(slice(TEST_MATRICES, TEST_MATRICES + count))
            if following is not None:
                coming = measuring.until(following + TEST_MATRICES)
            told.began(count)
            training = TrainingPlan(calibrator=calibrator, seed=plan.seed)
            result = train_chosen(training, learned, progress=told.trained)
            path = folder / f"round_{count}.onnx"
            export_calibrator(result, path)
            before = min((earlier.nmse for earlier, *_ in tried), default=np.inf)
            latest = Round(
                matrices=count,
                kind=result.calibrator.name,
                nmse=nmse_of(path, test),
                elapsed_s=clock() - began_s,
            )
            tried.append((latest, result, path))
            told.tested(latest)
            waited = 0 if latest.nmse <= HELPED * before else waited + 1
            if waited == PATIENCE:
                ended = "more matrices no longer help"
                break
            if following is not None and latest.elapsed_s > time_s:
                ended = f"the time of {time_s / 60:g} minutes is used up"
                break
    least = min(trial[0].nmse for trial in tried)
    # Of those that the test cannot tell apart, the one that saw most.
    _, result, path = [trial for trial in tried if trial[0].nmse <= TELLABLE * least][-1]
    measured = Measurements.from_run(read_run(run_path))
    test, learned = (
        measured.of_matrices(part)
        for part in (slice(0, TEST_MATRICES), slice(TEST_MATRICES, TEST_MATRICES + tried[-1][0].matrices))
    )
    return Calibration(
        rounds=tuple(trial[0] for trial in tried),
        result=result,
        path=path,
        matrices_used=measured.matrices,
        ended=ended,
        plain_nmse=_plain_nmse(learned, test, plan.seed),
    )


def require_wiring(data: Measurements) -> None:
    """Refuse readings that are not those of the matrices: before hours are spent, not after.

    Raises:
        NoModelFits: wrong order, sign or unit, or lines that answer to nothing; the finding names it.
    """
    faults = []
    for k in range(data.matrices):
        usable = np.repeat(data.usable[k][:, None], data.shape[1], axis=1)
        transfer = fit_transfer(data.voltage_v[k], data.current_a[k], usable)
        found = wiring_findings(transfer, data.conductance_s[k])
        faults.append({f.test: f.text for f in found if f.verdict is Verdict.FAULT})
    # A fault that is seen with every matrix is none of one matrix's pattern.
    if common := set.intersection(*map(set, faults)):
        raise NoModelFits("; ".join(f"{test}: {faults[0][test]}" for test in sorted(common)))


def nmse_of(path: Path, test: Measurements) -> float:
    """Squared error of a calibrator file on matrices, relative to the variance that their inputs cause."""
    return _nmse(calibrate_run(load_calibrator(path), test), test)


def _plain_nmse(learned: Measurements, test: Measurements, seed: int) -> float:
    """Squared error of `affine`; like every calibrator it knows no vector of the test matrices."""
    affine = train_chosen(TrainingPlan(calibrator="affine", seed=seed), learned).calibrator
    readable_a = np.where(test.usable[:, :, None], test.current_a, 0.0)
    return _nmse(calibrate(affine, test.conductance_s, readable_a), test)


def _nmse(estimate_a: np.ndarray, test: Measurements) -> float:
    largest_a = float(np.abs(test.current_a[test.usable]).max())
    return score(estimate_a, test.ideal_a, test.usable, full_scale_a=largest_a).nmse
