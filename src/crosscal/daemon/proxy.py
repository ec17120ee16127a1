"""Calibrating proxy: the firmware's own engine on TCP, over the board that the daemon owns."""

from __future__ import annotations

import logging
from collections.abc import Callable

from crosscal.daemon.hardware.calibrated_hardware import CalibratedHardware
from crosscal.daemon.settings import Proxy as ProxySettings
from crosscal.firmware_models.serving import BoardServer, PoweredBoard

logger = logging.getLogger(__name__)


class Proxy:
    """Serves clients as the board would.

    Args:
        settings: where to listen.
        hardware: the board, and its currents calibrated.
        monotonic: time [s].

    Attributes:
        resource: VISA resource name for clients.

    Raises:
        BoardConnectionError: the port cannot be had.
    """

    def __init__(
        self, settings: ProxySettings, hardware: CalibratedHardware, *, monotonic: Callable[[], float]
    ) -> None:
        self._hardware = hardware
        self._server = BoardServer(PoweredBoard(hardware, clock=monotonic))
        hardware.reservation = self._reservation
        self.resource = self._server.listen_tcp(settings.host, settings.port)
        logger.info("clients find the board at %s", self.resource)
        if not settings.is_loopback:
            logger.warning(
                "%s is open to the network: whoever reaches it may drive the board", settings.listen
            )

    @property
    def clients(self) -> int:
        """Clients that are connected."""
        return self._server.clients

    @property
    def running(self) -> bool:
        """Whether a client's acquisition or programming gets on."""
        return self._server.board.instrument.operations.running

    @property
    def in_use(self) -> bool:
        """Whether the board is some client's for the moment: it measures, programs or holds the lock."""
        instrument = self._server.board.instrument
        operations = instrument.operations
        return operations.measuring or operations.programming or instrument.lock.owner is not None

    def _reservation(self) -> int:
        lock = self._server.board.instrument.lock
        return lock.number if lock.owner is not None else 0

    def serve(self, wait_s: float) -> None:
        """Serve what came, waiting at most `wait_s` for it [s]."""
        self._server.step(wait_s)

    def settle(self) -> None:
        """Let the board drive what clients have set, after known vectors were read.

        Raises:
            BoardError: from the board.
        """
        settings = self._server.board.instrument.settings
        self._hardware.settle(output_on=settings.output_on, voltage_v=settings.voltage_v)

    def close(self) -> None:
        """Close every link; the rows are taken to 0 V."""
        self._server.close()
