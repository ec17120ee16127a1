"""Holdings of a daemon: the board's name, the store and the port that no second daemon may have."""

from __future__ import annotations

from crosscal.daemon.checking import load_calibrator, require_board_of_store
from crosscal.daemon.settings import DaemonSettings
from crosscal.drivers.transport.port_lock import PortLock
from crosscal.firmware_models.serving.tcp_port import TcpPort
from crosscal.runtime.store import Store


class Holdings:
    """Takes all that is for one daemon alone, before any board is touched.

    Args:
        settings: of the daemon.

    Attributes:
        calibrator: for when the store has none yet.
        store: open for writing.

    Raises:
        StoreBusyError, BoardConnectionError: another daemon has the store, the board or the port.
        CrosscalError: the calibrator or the store cannot be used.
    """

    def __init__(self, settings: DaemonSettings) -> None:
        self.calibrator = load_calibrator(settings.calibrator_path)
        self._board = PortLock(settings.board)
        try:
            self.store = Store.open(settings.store_path)
            require_board_of_store(None, self.calibrator.shape, self.store)
            if settings.proxy.port:
                TcpPort(settings.proxy.host, settings.proxy.port).close()
        except BaseException:
            self._board.release()
            raise

    def release(self) -> None:
        """Give them back."""
        self.store.close()
        self._board.release()
