"""Tests that crosscal's own driver makes of a board: it is opened and used as scripts use it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.core.errors import BoardError, CrosscalError
from crosscal.drivers import Board
from crosscal.firmware_models.conformance import Finding, Result
from crosscal.front_door import open_board

DRIVER = "driver"
"""Name of this test."""
TITLE = "The board as scripts use it: crosscal.open_board, settings, readings, batches, the target"


def driver_result(
    resource: str, *, backend: str | None, timeout_s: float | None, largest_v: float | None
) -> Result:
    """Use a board through the driver; cells are left as they are."""
    try:
        with open_board(resource, backend=backend, timeout_s=timeout_s) as board:
            findings = [found for test in _TESTS if (found := _finding(board, test, largest_v)) is not None]
    except CrosscalError as error:
        findings = [_told("The driver opens the board and leaves it at 0 V", error)]
    return Result(name=DRIVER, title=TITLE, findings=tuple(findings))


def _finding(board: Board, test: Callable[[Board, float], None], largest_v: float | None) -> Finding | None:
    top_v = min(largest_v or board.protection_v, 0.5 * board.protection_v)
    try:
        test(board, top_v)
    except BoardError as error:
        return _told(test.__doc__ or test.__name__, error)
    return None


def _told(words: str, error: Exception) -> Finding:
    return Finding(words=words, what=str(error), place="docs/remote_interface.md", transcript=DRIVER)


def _settings(board: Board, top_v: float) -> None:
    """All settings can be read."""
    del top_v
    board.settings()


def _vector(board: Board, top_v: float) -> None:
    """One vector is read, with as many currents and status bits as columns."""
    board.read(np.full(board.shape[0], top_v))


def _batch(board: Board, top_v: float) -> None:
    """A batch is read, vector by vector."""
    board.read(np.linspace(0.5, 1.0, 5)[:, None] * np.full(board.shape[0], top_v))


def _target(board: Board, top_v: float) -> None:
    """The target has a row for each row of the array."""
    del top_v
    if "PROG" in board.capabilities:
        _ = board.target_s


def _conductance(board: Board, top_v: float) -> None:
    """The cells can be read back."""
    del top_v
    if "READBACK" in board.capabilities:
        board.read_conductance()


def _temperature(board: Board, top_v: float) -> None:
    """The temperature is a number."""
    del top_v
    if "TEMP" in board.capabilities:
        _ = board.temperature_c


_TESTS = (_settings, _vector, _batch, _target, _conductance, _temperature)
