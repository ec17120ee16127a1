"""Opening of the board that a daemon owns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crosscal.core.errors import IncompatibleBoardError
from crosscal.core.lab_board.board import LabBoard
from crosscal.daemon.hardware.calibrated_hardware import AttachedHardware
from crosscal.daemon.hardware.lab_board_kept import KeptLabHardware
from crosscal.daemon.hardware.remote_hardware import RemoteHardware
from crosscal.daemon.settings import DaemonSettings
from crosscal.drivers import Board
from crosscal.front_door import open_board


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBoard:
    """A board that is open.

    Attributes:
        identity: maker, model, serial number and firmware.
        hardware: what the daemon drives.
        close: takes it to 0 V and gives it back.
    """

    identity: str
    hardware: AttachedHardware
    close: Callable[[], object]


def open_daemon_board(settings: DaemonSettings) -> OpenedBoard:
    """Open the board of a daemon's settings.

    Raises:
        BoardConnectionError: nothing answers. IncompatibleBoardError: it is no crossbar board.
    """
    board = open_board(settings.board, backend=settings.backend)
    try:
        if isinstance(board, LabBoard):
            return OpenedBoard(identity=board.identity, hardware=KeptLabHardware(board), close=board.close)
        if not isinstance(board, Board):
            raise IncompatibleBoardError(
                f"got {type(board).__name__}; allowed: a board over VISA or a LabBoard"
            )
        return OpenedBoard(identity=board.identity, hardware=RemoteHardware(board), close=board.close)
    except BaseException:
        board.close()
        raise
