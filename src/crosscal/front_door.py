"""The two functions that bench scripts call; each enters one room only."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crosscal.drivers import Board
    from crosscal.runtime import Calibrator


def open_board(resource: str, *, backend: str | None = None, timeout_s: float | None = None) -> Board:
    """Open a crossbar test board, physical or simulated, by its VISA resource name.

    Args:
        resource: VISA resource name, such as `TCPIP::192.168.1.7::5025::SOCKET` or `ASRL/dev/ttyACM0::INSTR`.
        backend: PyVISA backend, such as `@py` or `bench.toml@crosscal`; PyVISA's own default when None.
        timeout_s: how long to wait for a reply's first byte [s]; long transfers are given more time.

    Returns:
        The open board, a context manager; leaving it sets the outputs to 0 V and closes the session.

    Raises:
        BoardConnectionError: nothing answers at this resource, or another program holds it.
        IncompatibleBoardError: something answers that is no crossbar test board.
    """
    from crosscal.drivers import Board

    return Board.open(resource, backend=backend, timeout_s=timeout_s)


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

    return Calibrator.load(path)
