"""Checks that a calibrator file and a board belong together, and the calibrator programmed for its target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crosscal.commands.terminal.progress import console, working
from crosscal.core.array_types import Matrix
from crosscal.core.errors import CalibratorFileError, IncompatibleBoardError, InputError, wanted

if TYPE_CHECKING:
    from crosscal.drivers import Board
    from crosscal.runtime import Calibrator, ProgrammedCalibrator


def require_crosscal_file(calibrator: Calibrator, path: Path) -> None:
    """Refuse a file without a place for recalibrations, before anything is measured."""
    if calibrator.metadata is None:
        raise CalibratorFileError(
            wanted(
                got=f"{path}, a model of another maker",
                allowed="a calibrator file of crosscal, with a place for recalibrations",
                remedy="train one (crosscal train)",
            )
        )


def require_same_board(calibrator: Calibrator, board: Board) -> None:
    """Refuse a calibrator of another size, or one that knows another board's amplifiers."""
    if any(ours not in (None, theirs) for ours, theirs in zip(calibrator.shape, board.shape, strict=True)):
        raise IncompatibleBoardError(
            wanted(
                got=f"a board of {board.shape[0]}×{board.shape[1]}",
                allowed=f"one of {calibrator.shape[0]}×{calibrator.shape[1]}, as the calibrator",
                remedy="use the calibrator of this board",
            )
        )
    record = calibrator.recalibration
    known = [] if record is None else [entry.get("board") for entry in record.history]
    if known and known[-1] != board.identity:
        raise IncompatibleBoardError(
            wanted(
                got=f"{board.identity}",
                allowed=f"{known[-1]}, the board that this file was recalibrated on",
                remedy="use the file as it was trained, or the one that was recalibrated on this board",
            )
        )


def recalibration_count(calibrator: Calibrator) -> int:
    """Count the recalibrations so far: each draws other vectors, and those tell more than the same again."""
    return 0 if calibrator.recalibration is None else len(calibrator.recalibration.history)


def program_target(
    calibrator: Calibrator, board: Board, given_s: Matrix | None, *, program: bool
) -> ProgrammedCalibrator:
    """Find or program the board's target; the calibrator is compiled before anything is programmed."""
    tells = "PROG" in board.capabilities
    if given_s is None and not tells:
        raise InputError(
            wanted(
                got="a board that cannot tell its target",
                allowed="one that can, or the matrix that it holds",
                remedy="give that with --matrix",
            )
        )
    target_s = board.target_s if given_s is None else given_s
    if not np.any(target_s):
        raise InputError(
            wanted(
                got="a target of zeros, the matrix of a board that was never programmed",
                allowed="a matrix that conducts",
                remedy="give one with --matrix FILE --program",
            )
        )
    with working("compiling the calibrator for the target"):
        programmed = calibrator.program(target_s)
    if program:
        with working("programming"):
            report = board.program(target_s)
        if report.cells_failed:
            console.print(f"[yellow]{report.cells_failed} cells did not reach their target")
    elif given_s is not None and tells and not np.array_equal(_single(board.target_s), _single(given_s)):
        raise InputError(
            wanted(
                got="a --matrix that differs from the target the board holds",
                allowed="that target",
                remedy="leave --matrix out to recalibrate for the board's target, or add --program",
            )
        )
    return programmed


def _single(matrix: Matrix) -> np.ndarray:
    """Round a matrix to single precision, as boards with 32-bit numbers send it."""
    return np.asarray(matrix, dtype=np.float32)
