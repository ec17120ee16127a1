"""The daemon: one thread that owns the board, serves clients, and keeps the calibration."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from crosscal.core.errors import CrosscalError
from crosscal.daemon.alarms import AlarmCommand
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.connection import BoardConnection
from crosscal.daemon.hardware.board_opening import OpenedBoard, open_daemon_board
from crosscal.daemon.holdings import Holdings
from crosscal.daemon.journal import Journal
from crosscal.daemon.keeping import Keeping
from crosscal.daemon.notify import ServiceNotifier
from crosscal.daemon.proxy import Proxy
from crosscal.daemon.reloading import reload_settings
from crosscal.daemon.settings import DaemonSettings
from crosscal.daemon.states import State
from crosscal.daemon.status import Snapshot, StatusBoard
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.daemon.upkeep.warm_up import warm_up

logger = logging.getLogger(__name__)

_WAIT_S = 0.05  # for clients, of a daemon with nothing to do: twenty looks a second cost no processor time
_AWAY_WAIT_S = 0.25  # the same while the board is away and clients can only be told so
_BUSY_WAIT_S = 1e-3
"""Between slices of a job, which may be waiting for another thread's result."""
_SHOW_S = 0.02
"""Between two snapshots of one state: each takes as long as a tenth of a read."""


class Daemon:
    """Owns a board until it is told to end; a context manager around `run`.

    Args:
        settings: a whole `daemon.toml`.
        path: where they were read, to read them again.
        clock: time.
        open_board: opens the board; injected so that tests need no link.
        notifier: the service manager.

    Attributes:
        farewell: for people, how board and calibration were left; empty until the end.

    Raises:
        StoreBusyError, BoardConnectionError: another daemon has the store, the board or the port.
        CrosscalError: the calibrator or the store cannot be used.
    """

    def __init__(
        self,
        settings: DaemonSettings,
        *,
        path: Path | None = None,
        clock: DaemonClock | None = None,
        open_board: Callable[[DaemonSettings], OpenedBoard] = open_daemon_board,
        notifier: ServiceNotifier | None = None,
    ) -> None:
        self.settings = settings
        self.status = StatusBoard()
        self._path = path
        self._clock = clock or DaemonClock()
        self._notifier = notifier or ServiceNotifier()
        self._holdings = holdings = Holdings(settings)
        warm_up(holdings.calibrator)
        self._journal = Journal(
            holdings.store,
            clock=self._clock,
            command=AlarmCommand(settings.alarm.command),
            board=settings.board,
        )
        self._computing = ThreadPoolExecutor(1, thread_name_prefix="crosscal-learning")
        self._upkeep = Upkeep(
            holdings.calibrator,
            self._journal,
            settings.drift,
            clock=self._clock,
            rng=np.random.default_rng(),
            aside=self._computing.submit,
        )
        self._connection = BoardConnection(
            settings,
            open_board=open_board,
            upkeep=self._upkeep,
            journal=self._journal,
            store=holdings.store,
            shape=holdings.calibrator.shape,
            clock=self._clock,
            feed=self._feed,
        )
        self._keeping = Keeping(self._connection, self._upkeep, self._journal, self._clock)
        self._proxy: Proxy | None = None
        self.farewell = ""
        self._state = State.DISCONNECTED
        self._shown_s = float("-inf")
        self._stopping = threading.Event()
        self._reloading = threading.Event()

    # Life

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, on_ready: Callable[[], object] | None = None) -> None:
        """Serve until `stop`; the thread that calls this owns the board."""
        self._notifier.send("READY=1")
        if on_ready is not None:
            on_ready()
        while not self._stopping.is_set():
            self.tick()

    def stop(self) -> None:
        """End soon, with the board at 0 V; callable from any thread and from signal handlers."""
        self._stopping.set()

    def reload(self) -> None:
        """Read the settings again soon; callable from any thread and from signal handlers."""
        self._reloading.set()

    def close(self) -> None:
        """Take the board to 0 V and give everything back; closing twice is harmless."""
        self._notifier.send("STOPPING=1")
        if self._proxy is not None:
            self._proxy.close()
            self._proxy = None
        if not self.farewell:
            self._upkeep.keep_noise()
            self.farewell = f"{self._connection.rest()}; {self._upkeep.kept} {self.settings.store_path}"
            logger.info("ended: %s", self.farewell)
        self._connection.close()
        command = self._journal.command
        if isinstance(command, AlarmCommand):
            command.finish(1.0)
        self._computing.shutdown(wait=False, cancel_futures=True)
        self._holdings.release()

    @property
    def resource(self) -> str:
        """Where clients find the board; empty before it was found."""
        return "" if self._proxy is None else self._proxy.resource

    @property
    def monotonic(self) -> Callable[[], float]:
        """The board thread's clock [s]."""
        return self._clock.monotonic

    # One turn

    def tick(self) -> None:
        """Serve clients and do one slice of all that is due."""
        if self._reloading.is_set():
            self._reloading.clear()
            if self._path is not None:
                reload_settings(self._path, self.settings, self._upkeep, self._journal)
        self._connection.let_go()
        if self._connection.due:
            self._look_for_board()
        if self._proxy is not None:
            self._proxy.serve(self._patience_s())
            self._keeping.keep_up(self._proxy)
        else:
            self._stopping.wait(min(_AWAY_WAIT_S, max(0.0, self._connection.until_due_s)))
        self._keeping.look_after()
        self._show()
        self._feed()

    def _patience_s(self) -> float:
        if self._upkeep.busy:
            return _BUSY_WAIT_S
        return min(_WAIT_S, max(0.0, self._upkeep.next_due_s - self._clock.monotonic()))

    def _look_for_board(self) -> None:
        self._become(State.IDENTIFY)
        self._feed()
        if not self._connection.open():
            return
        try:
            if self._proxy is None and self._connection.hardware is not None:
                self._proxy = Proxy(
                    self.settings.proxy, self._connection.hardware, monotonic=self._clock.monotonic
                )
            if self._proxy is not None:
                self._proxy.settle()
        except CrosscalError as error:
            self._connection.lose(error)
        self._keeping.begin()

    # What is shown

    def _feed(self) -> None:
        self._notifier.send("WATCHDOG=1")
        self.status.beat(self._clock.monotonic())

    def _show(self) -> None:
        state, now_s = self._present_state(), self._clock.monotonic()
        if state is self._state and now_s - self._shown_s < _SHOW_S:
            return
        self._shown_s = now_s
        self._become(state)
        self.status.show(
            Snapshot.of(
                state=state,
                fault=self._connection.fault,
                settings=self.settings,
                resource=self.resource,
                upkeep=self._upkeep,
                journal=self._journal,
                hardware=self._connection.hardware,
                clients=0 if self._proxy is None else self._proxy.clients,
                clock=self._clock,
            )
        )

    def _present_state(self) -> State:
        if self._connection.attached is None or self._proxy is None:
            return State.FAULT if self._connection.fault else State.DISCONNECTED
        if self._upkeep.busy:
            return State.CALIBRATING
        if self._proxy.running:
            return State.READING
        return State.DRIFTED if self._upkeep.condition.doubt else State.IDLE

    def _become(self, state: State) -> None:
        if state is not self._state:
            quiet = {self._state, state} <= {State.IDLE, State.READING, State.CALIBRATING}
            logger.log(logging.DEBUG if quiet else logging.INFO, "%s → %s", self._state, state)
            self._state = state
