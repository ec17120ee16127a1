"""Holdings of a daemon: the board's name and the store, that no second daemon may have, and a free port."""

from __future__ import annotations

from contextlib import ExitStack

from crosscal.daemon.checking import load_calibrator, require_board_of_store
from crosscal.daemon.settings import DaemonSettings
from crosscal.drivers.transport.port_lock import PortLock
from crosscal.firmware_models.serving.tcp_port import TcpPort
from crosscal.runtime import Calibrator, Uncertain
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
        _compile_deviations(self.calibrator)
        with ExitStack() as held:
            held.callback(PortLock(settings.board).release)
            self.store = Store.open(settings.store_path)
            held.callback(self.store.close)
            require_board_of_store(None, self.calibrator.shape, self.store)
            if settings.proxy.port:
                TcpPort(settings.proxy.host, settings.proxy.port).close()
            self._held = held.pop_all()

    def release(self) -> None:
        """Give them back, the store first."""
        self._held.close()


def _compile_deviations(calibrator: Calibrator) -> None:
    """Let kernels compile that the first client's read would otherwise wait for, once on a machine."""
    known = calibrator.metadata
    if known is None:
        return
    probes = known.parity_probes
    programmed = calibrator.program(probes.conductance_s[0], allow_extrapolation=True)
    if isinstance(programmed.correction, Uncertain):
        programmed.with_uncertainty(probes.current_a[0, :1], allow_extrapolation=True)
