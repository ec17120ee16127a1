"""Check of a daemon's settings and files before any board is touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from crosscal.core.errors import CalibratorFileError, CrosscalError, IncompatibleBoardError, wanted
from crosscal.core.lab_board import PYTHON
from crosscal.daemon.settings import DaemonSettings
from crosscal.drivers import require_backend
from crosscal.runtime import Calibrator
from crosscal.runtime.store import Store

T = TypeVar("T")


def check(path: Path) -> list[str]:
    """Find all that keeps a daemon with these settings from working; open no board and change nothing.

    Returns:
        What is wrong, a line each; empty if nothing is.
    """
    try:
        settings = DaemonSettings.load(path)
    except CrosscalError as error:
        return str(error).splitlines()
    problems: list[str] = []
    calibrator = _tried(problems, lambda: load_calibrator(settings.calibrator_path))
    _check_store(problems, settings.store_path, calibrator)
    _check_alarm(problems, settings)
    if not settings.board.startswith(PYTHON):
        _tried(problems, lambda: require_backend(settings.backend))
    return problems


def load_calibrator(path: Path) -> Calibrator:
    """Load a calibrator that can be recalibrated.

    Raises:
        CalibratorFileError: it is missing, damaged, or of another maker.
    """
    calibrator = Calibrator.load(path)
    if calibrator.metadata is None:
        raise CalibratorFileError(
            wanted(
                got=f"{path}, a model of another maker",
                allowed="a calibrator file of crosscal, with a place for recalibrations",
                remedy="train one (crosscal train)",
            )
        )
    return calibrator


def require_board_of_store(identity: str | None, shape: tuple[int | None, ...], store: Store) -> None:
    """Refuse a store of another board, or of another array.

    Args:
        identity: answer of the board to `*IDN?`; None before it was asked.
        shape: of the calibrator, or of the board.

    Raises:
        IncompatibleBoardError: the store's last calibration belongs to another.
    """
    current = store.current()
    if current is None:
        return
    known_identity, known_shape = current.meta.get("board"), current.meta.get("shape")
    if known_shape is not None and tuple(known_shape) != tuple(shape):
        raise IncompatibleBoardError(
            wanted(
                got=f"an array of {_size(shape)}",
                allowed=f"{_size(known_shape)}, as in the store {store.path}",
                remedy="use the calibrator of that board, or begin a store of its own",
            )
        )
    if identity is not None and known_identity not in (None, identity):
        raise IncompatibleBoardError(
            wanted(
                got=f"the board {identity}",
                allowed=f"{known_identity}, the board of the store {store.path}",
                remedy="connect that board, or give this one a store of its own",
            )
        )


def _size(shape: tuple[int | None, ...]) -> str:
    return "×".join(map(str, shape))


def _tried(problems: list[str], load: Callable[[], T]) -> T | None:
    try:
        return load()
    except CrosscalError as error:
        problems.append(str(error))
        return None


def _check_store(problems: list[str], folder: Path, calibrator: Calibrator | None) -> None:
    if not folder.exists():
        parent = folder.parent
        if not os.access(parent, os.W_OK):
            allowed = "a folder that the daemon may write"
            problems.append(
                f"store: {wanted(got=str(folder), allowed=allowed, remedy='make it, or give another')}"
            )
        return
    if not any(folder.iterdir()):
        return
    try:
        with Store.read_only(folder) as store:
            problems.extend(store.integrity())
            if calibrator is not None:
                require_board_of_store(None, calibrator.shape, store)
    except CrosscalError as error:
        problems.append(str(error))


def _check_alarm(problems: list[str], settings: DaemonSettings) -> None:
    command = settings.alarm.command
    if command and shutil.which(command[0]) is None:
        allowed = "a program that this machine has"
        problems.append(
            f"alarm.command: {wanted(got=repr(command[0]), allowed=allowed, remedy='give its whole path')}"
        )
