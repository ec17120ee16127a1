"""Keeping of the board between its clients' turns: upkeep, probes, and wishes of users."""

from __future__ import annotations

import logging

from crosscal.core.errors import BoardError, DisturbedError, ScpiError
from crosscal.core.physical_constants import DAY_S
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.connection import BoardConnection
from crosscal.daemon.hardware.calibrated_hardware import AttachedHardware
from crosscal.daemon.journal import Journal
from crosscal.daemon.proxy import Proxy
from crosscal.daemon.upkeep.upkeep import Upkeep

logger = logging.getLogger(__name__)

_PROBE_S = 5.0
"""How often a board that nobody uses is asked whether it is still there and unchanged."""
_HOUSEKEEPING_S = 1.0
"""How often wishes of users are looked for."""
_LONGEST_PAUSE_S = 5.0
"""Of a job while a client has the board: ten times as long as a recalibration takes, so that turns of clients
do not end one for ever."""
_REFUSED_S = 1.0
"""Until a board that refused is tried again: another program holds it, or has just changed it."""
_THIN_S = DAY_S  # between two thinnings of the store: a day adds 4 MB at most


class Keeping:
    """Does what is due beside serving, in slices.

    Args:
        connection: the board. upkeep: of its calibration. journal: records. clock: time.
    """

    def __init__(
        self, connection: BoardConnection, upkeep: Upkeep, journal: Journal, clock: DaemonClock
    ) -> None:
        self._connection = connection
        self._upkeep = upkeep
        self._journal = journal
        self._clock = clock
        self._probe_s = self._housekeeping_s = clock.monotonic()
        self._thin_s = clock.monotonic() + _THIN_S
        self._wait_until_s = self._free_at_s = clock.monotonic()
        self._worked = False

    def begin(self) -> None:
        """Begin anew with a board that was just connected: it has been asked all that there is to ask."""
        self._probe_s = self._clock.monotonic() + _PROBE_S

    def keep_up(self, proxy: Proxy) -> None:
        """Do one slice of the upkeep, when no client uses the board."""
        attached = self._connection.attached
        if attached is None or self._clock.monotonic() < self._wait_until_s:
            return
        try:
            self._do_slice(attached, proxy)
        except (DisturbedError, ScpiError) as error:
            # The board is there: it is not lost because another program has the use of it for a while.
            logger.info("the board is kept again later: %s", error)
            self._wait_until_s = self._clock.monotonic() + _REFUSED_S
            if isinstance(error, DisturbedError):
                self._probe_s = self._clock.monotonic()
        except Exception as error:  # noqa: BLE001  (a board's class may raise anything; the daemon goes on)
            self._connection.lose(error)

    def look_after(self) -> None:
        """Take wishes of users, and thin the store."""
        now_s = self._clock.monotonic()
        if now_s >= self._housekeeping_s:
            self._housekeeping_s = now_s + _HOUSEKEEPING_S
            try:
                self._upkeep.go_back()
            except (DisturbedError, ScpiError) as error:
                logger.info("the calibration is verified later: %s", error)
            except BoardError as error:
                self._connection.lose(error)
        if now_s >= self._thin_s:
            self._thin_s = now_s + _THIN_S
            self._journal.thin()

    def _do_slice(self, attached: AttachedHardware, proxy: Proxy) -> None:
        # A change by others is found before anything is driven on top of it.
        if not proxy.in_use and self._clock.monotonic() >= self._probe_s:
            self._probe(attached)
        attached.catch_up()
        if proxy.in_use:
            self._stand_by(proxy)
            return
        self._free_at_s = self._clock.monotonic()
        more = self._upkeep.step()
        if self._worked and not more:
            proxy.settle()
        self._worked = more

    def _stand_by(self, proxy: Proxy) -> None:
        """Follow the temperature of a board that a client has for itself, which costs no board time."""
        now_s = self._clock.monotonic()
        if now_s - self._free_at_s > _LONGEST_PAUSE_S:
            self._upkeep.drop_job()
        if now_s >= self._probe_s and not proxy.running:
            self._probe_s = now_s + _PROBE_S
            self._upkeep.feel()

    def _probe(self, attached: AttachedHardware) -> None:
        self._probe_s = self._clock.monotonic() + _PROBE_S
        if attached.changed():
            # Known vectors are read; afterwards the board is to drive what its clients have set.
            self._worked = True
            self._upkeep.look_again("another client changed the board")
        self._upkeep.feel()
