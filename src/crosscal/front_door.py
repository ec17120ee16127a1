"""The two functions that bench scripts call; each enters one room only."""

from __future__ import annotations

import logging
from os import PathLike
from typing import TYPE_CHECKING, cast

from crosscal.core.errors import InputError, wanted
from crosscal.core.lab_board import PYTHON
from crosscal.core.user_code import code_allowed

if TYPE_CHECKING:
    from crosscal.core.lab_board.board import LabBoard
    from crosscal.drivers import Board
    from crosscal.runtime import Calibrator

logger = logging.getLogger(__name__)


def open_board(
    resource: str, *, backend: str | None = None, timeout_s: float | None = None, allow_code: bool = False
) -> Board:
    """Open a crossbar test board, physical or simulated, by its VISA resource name, or by its Python class.

    Args:
        resource: VISA resource name, such as `TCPIP::192.168.1.7::5025::SOCKET` or `ASRL/dev/ttyACM0::INSTR`;
            or `python:my_lab:MyBoard?port=COM3`, a callable that opens a `crosscal.LabBoard`.
        backend: PyVISA backend, such as `@py` or `bench.toml@crosscal`; PyVISA's own default when None.
        timeout_s: how long to wait for a reply's first byte [s]; long transfers are given more time.
        allow_code: let a settings file in `backend` load Python code, such as a device class of its own.

    Returns:
        The open board, a context manager; leaving it sets the outputs to 0 V and closes the session. For a
        `python:` resource it is the `LabBoard` itself, and it has everything of a `CrossbarPort`.

    Raises:
        BoardConnectionError: nothing answers at this resource, or another program holds it.
        IncompatibleBoardError: something answers that is no crossbar test board.
    """
    if resource.startswith(PYTHON):
        return cast("Board", _open_lab_board(resource, backend=backend, timeout_s=timeout_s))

    from crosscal.drivers import Board

    with code_allowed(allow_code):
        board = Board.open(resource, backend=backend, timeout_s=timeout_s)
    logger.info("opened %s: %s", resource, board.identity)
    return board


def _open_lab_board(resource: str, *, backend: str | None, timeout_s: float | None) -> LabBoard:
    """Open a board by its Python class; at the end of the program it is closed, its lines at 0 V."""
    for name, value in (("backend", backend), ("timeout_s", timeout_s)):
        if value is not None:
            raise InputError(
                wanted(
                    got=f"{name}={value!r} with {resource!r}",
                    allowed=f"no {name}: no VISA session is opened",
                    remedy="leave it out, or give it to the class as ?name=value",
                )
            )
    from crosscal.python_resource import PythonResource

    board = PythonResource.parse(resource).open()
    logger.info("opened %s: %s", resource, board.identity)
    board.close_with_program()
    return board


def load_calibrator(path: str | PathLike[str]) -> Calibrator:
    """Load a calibrator from the ONNX file that `crosscal train` wrote, and check it with its parity probes.

    Args:
        path: the file.

    Returns:
        The calibrator; `.program(conductance_s)` compiles it for one matrix.

    Raises:
        CalibratorFileError: no crosscal calibrator, damaged, of a newer format, or it fails its own probes.
    """
    from crosscal.runtime import Calibrator

    calibrator = Calibrator.load(path)
    logger.info("loaded %s: %r", path, calibrator)
    return calibrator
