"""Folder of a board in a suite: every step leaves a file, and a step with a file is not done again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from crosscal.commands.benches.data_sheet import DATA_SHEET_METHOD
from crosscal.commands.benches.simulated_board import REFERENCE_METHOD
from crosscal.commands.jobs.training import checkpoint_of
from crosscal.commands.suite.request import DATA_SHEET
from crosscal.commands.terminal.interrupt import kept_in
from crosscal.core.errors import CrosscalError, InputError
from crosscal.core.run_file import Run, read_run
from crosscal.core.text_file import read_text
from crosscal.core.whole_file import whole_file, write_whole_text
from crosscal.training import (
    CollectionPlan,
    MethodScore,
    ScoredMethods,
    read_scores,
    read_weight_errors,
    write_scores,
    write_weight_errors,
)
from crosscal.training.evaluation.score import SCORE_METHOD

logger = logging.getLogger(__name__)
T = TypeVar("T")

RECALIBRATED = "-recalibrated"
"""Behind a calibrator's name, the step that scores it after recalibration."""

TIME_SUFFIX = ".seconds"
"""Of the files that say how long a step took."""

METHODS = {"reference": REFERENCE_METHOD, "score": SCORE_METHOD, DATA_SHEET: DATA_SHEET_METHOD}
"""Numbers of the methods that scores come from, kept beside them."""

# Errors of numerical work on an unlucky board. A slip of the program itself, such as a TypeError, is none of
# these and ends the suite.
FAILURES = (CrosscalError, ArithmeticError, ValueError, RuntimeError, MemoryError)


def write_or_require_same(path: Path, text: str, otherwise: str) -> None:
    """Write a file that later runs must agree with; refuse, in the words of `otherwise`, one that differs."""
    if not path.exists():
        write_whole_text(path, text)
    elif read_text(path) != text:
        raise InputError(f"{path} {otherwise}")


def kept_steps(folder: Path) -> str:
    """Phrase what an interrupted suite or study leaves."""
    return kept_in(folder, "the finished steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFolder:
    """Files of one board.

    Attributes:
        path: the folder.
        retry: whether steps that failed earlier are tried again; otherwise their failure stands.
    """

    path: Path
    retry: bool

    @property
    def bench(self) -> Path:
        """The board's settings."""
        return self.path / "bench.toml"

    def calibrator(self, name: str) -> Path:
        """Name the file of a calibrator trained on this board."""
        return self.path / f"{name}.onnx"

    def prepare(self, settings: str) -> None:
        """Make the folder, with the board's settings in it; scores of an earlier method are deleted.

        Raises:
            InputError: it holds another board.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        write_or_require_same(self.bench, settings, "describes another board; choose another folder with -o")
        self._forget_other_methods()

    def _forget_other_methods(self) -> None:
        """Delete scores that came from other methods than today's, and say so; what was measured stays."""
        path = self.path / "methods.json"
        kept = json.loads(read_text(path)) if path.exists() else {}
        changed = [name for name in METHODS if kept.get(name) != METHODS[name]]
        if not changed:
            return
        steps = {file.stem for file in self.path.glob("*.json")} - {path.stem}
        if changed == [DATA_SHEET]:
            steps &= {DATA_SHEET}
        for step in steps:
            self._forget(step)
        if "reference" in changed:
            (self.path / "reference.npy").unlink(missing_ok=True)
        if steps:
            logger.warning("%s: found again by another method: %s", self.path.name, ", ".join(sorted(steps)))
        write_whole_text(path, json.dumps(METHODS) + "\n")

    def _forget(self, step: str) -> None:
        for path in (self._time(step), self._scores(step), self._arrays(step)):
            path.unlink(missing_ok=True)

    def discard(self, calibrators: Iterable[str]) -> None:
        """Delete calibrators and their scores, so that they are trained again; measured runs stay."""
        for name in calibrators:
            for step in (name, f"{name}{RECALIBRATED}"):
                self._note(step).unlink(missing_ok=True)
                self._forget(step)
            self.calibrator(name).unlink(missing_ok=True)
            checkpoint_of(self.calibrator(name)).unlink(missing_ok=True)

    def finished_run(self, name: str, plan: CollectionPlan) -> Run | None:
        """Read a run that holds every matrix of its plan; None if something is still to be measured."""
        path = self.path / f"{name}.h5"
        if not path.exists():
            return None
        run = read_run(path)
        same = (run.plan.matrices, run.plan.vectors, run.plan.inputs, run.plan.seed) == (
            plan.matrices,
            plan.vectors,
            plan.inputs,
            plan.seed,
        )
        return run if same and len(run.target_s) == plan.matrices else None

    def reference(self, find: Callable[[], np.ndarray]) -> np.ndarray:
        """Read the linear-Gaussian reference of every test matrix, (K,), computed once."""
        path = self.path / "reference.npy"
        if not path.exists():
            floor_nmse = find()
            with whole_file(path) as part:
                np.save(part, floor_nmse)
        return np.load(path)

    def scores(self, step: str, find: Callable[[], ScoredMethods]) -> tuple[MethodScore, ...]:
        """Read the scores of a step, computed once; its errors over the array are kept beside them."""
        path = self._scores(step)
        if not path.exists():
            found = find()
            write_weight_errors(found.weight_error_percent, self._arrays(step))
            write_scores(found.scores, path)
        return read_scores(path)

    def weight_errors_percent(self, steps: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Read the errors over the array of all finished steps, by label, (N, M)."""
        errors: dict[str, np.ndarray] = {}
        for step in steps:
            if self._scores(step).exists() and self._arrays(step).exists():
                errors |= read_weight_errors(self._arrays(step))
        return errors

    @property
    def processor_s(self) -> float:
        """Time of a processor that the finished steps took [s]."""
        return sum(float(read_text(path)) for path in self.path.glob(f"*{TIME_SUFFIX}"))

    def attempt(self, step: str, action: Callable[[], T]) -> T | None:
        """Do a step; a failure is kept in `<step>.failed` and None returned, so that a suite can go on."""
        note, begun_s = self._note(step), time.process_time()
        if self.failed(step):
            return None
        try:
            outcome = action()
        except FAILURES as error:
            # As people named the folder, not as it was opened.
            message = " ".join(str(error).split()).replace(str(self.path.resolve()), str(self.path))
            logger.warning("%s: %s failed: %s", self.path.name, step, message)
            logger.debug("where it failed", exc_info=True)
            note.write_text(f"{type(error).__name__}: {message}\n", encoding="utf-8")
            return None
        note.unlink(missing_ok=True)
        if not self._time(step).exists():
            write_whole_text(self._time(step), f"{time.process_time() - begun_s:.3f}\n")
        return outcome

    def failed(self, step: str) -> bool:
        """Tell whether a step failed and its failure stands."""
        return self._note(step).exists() and not self.retry

    def failures(self, steps: Iterable[str]) -> dict[str, str]:
        """Read the failures of some steps."""
        notes = {step: self._note(step) for step in steps}
        return {
            step: note.read_text(encoding="utf-8").strip() for step, note in notes.items() if note.exists()
        }

    def _note(self, step: str) -> Path:
        return self.path / f"{step}.failed"

    def _time(self, step: str) -> Path:
        return self.path / f"{step}{TIME_SUFFIX}"

    def _scores(self, step: str) -> Path:
        return self.path / f"{step}.json"

    def _arrays(self, step: str) -> Path:
        return self.path / f"{step}.npz"
