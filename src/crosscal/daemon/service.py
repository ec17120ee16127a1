"""The daemon: one thread that owns the board, serves clients, and keeps the calibration."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from crosscal.core.errors import BoardError, CrosscalError, IncompatibleBoardError, wanted
from crosscal.core.physical_constants import DAY_S
from crosscal.daemon.alarms import AlarmCommand
from crosscal.daemon.checking import load_calibrator, require_board_of_store
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.hardware.board_opening import OpenedBoard, open_daemon_board
from crosscal.daemon.hardware.calibrated_hardware import CalibratedHardware
from crosscal.daemon.journal import Journal
from crosscal.daemon.notify import ServiceNotifier
from crosscal.daemon.settings import DaemonSettings
from crosscal.daemon.states import BackOff, State
from crosscal.daemon.status import Snapshot, StatusBoard
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.daemon.upkeep.warm_up import warm_up
from crosscal.drivers.transport.port_lock import PortLock
from crosscal.firmware_models.serving import BoardServer, PoweredBoard
from crosscal.firmware_models.serving.tcp_port import TcpPort
from crosscal.runtime.store import Store

logger = logging.getLogger(__name__)

_PROBE_S = 5.0
"""How often a board that nobody uses is asked whether it is still there and unchanged."""
_HOUSEKEEPING_S = 1.0
"""How often wishes of users are looked for."""
_THIN_S = DAY_S  # between two thinnings of the store: a day adds 4 MB at most
_WAIT_S = 0.05  # for clients, of a daemon with nothing to do: twenty looks a second cost no processor time
_AWAY_WAIT_S = 0.25  # the same while the board is away and clients can only be told so
_BUSY_WAIT_S = 1e-3
"""Between slices of a job, which may be waiting for another thread's result."""


class Daemon:
    """Owns a board until it is told to end; a context manager around `run`.

    Args:
        settings: a whole `daemon.toml`.
        clock: time.
        open_board: opens the board; injected so that tests need no link.
        notifier: the service manager.

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
        self.resource = ""
        self._path = path
        self._clock = clock or DaemonClock()
        self._open_board = open_board
        self._notifier = notifier or ServiceNotifier()
        calibrator = load_calibrator(settings.calibrator_path)
        self._shape = calibrator.shape
        self._board_lock = PortLock(settings.board)
        try:
            self._store = Store.open(settings.store_path)
            require_board_of_store(None, calibrator.shape, self._store)
            _require_free(settings)
        except BaseException:
            self._board_lock.release()
            raise
        warm_up(calibrator)
        self._journal = Journal(
            self._store,
            clock=self._clock,
            command=AlarmCommand(settings.alarm.command),
            board=settings.board,
        )
        self._computing = ThreadPoolExecutor(1, thread_name_prefix="crosscal-learning")
        self._upkeep = Upkeep(
            calibrator,
            self._journal,
            settings.drift,
            clock=self._clock,
            rng=np.random.default_rng(),
            aside=self._computing.submit,
        )
        self._hardware: CalibratedHardware | None = None
        self._server: BoardServer[PoweredBoard[CalibratedHardware]] | None = None
        self._opened: OpenedBoard | None = None
        self._back_off = BackOff()
        self._retry_s = self._probe_s = self._housekeeping_s = self._clock.monotonic()
        self._thin_s = self._clock.monotonic() + _THIN_S
        self._fault = ""
        self._state = State.DISCONNECTED
        self._worked = False
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
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._opened is not None:
            with suppress(BoardError):
                self._opened.close()
            self._opened = None
        command = self._journal.command
        if isinstance(command, AlarmCommand):
            command.finish(1.0)
        self._computing.shutdown(wait=False, cancel_futures=True)
        self._store.close()
        self._board_lock.release()

    # One turn

    def tick(self) -> None:
        """Serve clients and do one slice of all that is due."""
        now_s = self._clock.monotonic()
        hardware, server = self._hardware, self._server
        if self._reloading.is_set():
            self._reload()
        if hardware is None or hardware.attached is None:
            self._let_go()
            if now_s >= self._retry_s:
                self._connect()
        if server is not None:
            server.step(self._patience_s())
        elif self._hardware is None or self._hardware.attached is None:
            self._stopping.wait(min(_AWAY_WAIT_S, max(0.0, self._retry_s - now_s)))
        self._keep_up()
        self._look_after(now_s)
        self._show()
        self._feed()

    def _patience_s(self) -> float:
        if self._upkeep.busy:
            return _BUSY_WAIT_S
        return min(_WAIT_S, max(0.0, self._upkeep.next_due_s - self._clock.monotonic()))

    def _keep_up(self) -> None:
        """Do one slice of the upkeep, when no client uses the board."""
        server, hardware = self._server, self._hardware
        if server is None or hardware is None or hardware.attached is None:
            return
        try:
            hardware.attached.catch_up()
            if self._in_use(server):
                return
            more = self._upkeep.step()
            if self._worked and not more:
                settings = server.board.instrument.settings
                hardware.settle(output_on=settings.output_on, voltage_v=settings.voltage_v)
            self._worked = more
            if self._clock.monotonic() >= self._probe_s:
                self._probe_s = self._clock.monotonic() + _PROBE_S
                if hardware.attached is not None and hardware.attached.changed():
                    self._upkeep.look_again("another client changed the board")
                self._upkeep.feel()
        except Exception as error:  # noqa: BLE001  (a board's class may raise anything; the daemon goes on)
            self._lose(error)

    @staticmethod
    def _in_use(server: BoardServer[PoweredBoard[CalibratedHardware]]) -> bool:
        instrument = server.board.instrument
        operations = instrument.operations
        return operations.measuring or operations.programming or instrument.lock.owner is not None

    def _look_after(self, now_s: float) -> None:
        if now_s >= self._housekeeping_s:
            self._housekeeping_s = now_s + _HOUSEKEEPING_S
            try:
                self._upkeep.go_back()
            except BoardError as error:
                self._lose(error)
        if now_s >= self._thin_s:
            self._thin_s = now_s + _THIN_S
            self._journal.thin()

    # The board

    def _connect(self) -> None:
        self._become(State.IDENTIFY)
        self._feed()
        try:
            opened = self._open_board(self.settings)
        except CrosscalError as error:
            self._absent(error)
            return
        try:
            self._attach(opened)
        except CrosscalError as error:
            with suppress(BoardError):
                opened.close()
            self._opened = None
            if self._hardware is not None:
                self._hardware.detach()
            self._upkeep.detach(str(error))
            self._absent(error)

    def _attach(self, opened: OpenedBoard) -> None:
        facts = opened.hardware.facts
        shape = facts.rows, facts.columns
        if any(ours not in (None, theirs) for ours, theirs in zip(self._shape, shape, strict=True)):
            raise IncompatibleBoardError(
                wanted(
                    got=f"a board of {shape[0]}×{shape[1]}",
                    allowed=f"one of {self._shape[0]}×{self._shape[1]}, as the calibrator",
                    remedy="use the calibrator of this board",
                )
            )
        require_board_of_store(opened.identity, shape, self._store)
        if self._hardware is not None and self._hardware.facts != facts:
            raise IncompatibleBoardError(
                wanted(
                    got=f"{opened.identity} at {self.settings.board}",
                    allowed="the board that was there before",
                    remedy="connect it again, or restart the daemon for the new one",
                )
            )
        self._opened = opened
        if self._hardware is None:
            self._hardware = CalibratedHardware(facts, self._upkeep, feed=self._feed)
        self._hardware.attach(opened.hardware)
        self._upkeep.attach(opened.hardware, opened.identity)
        if self._server is None:
            self._serve(self._hardware)
        self._back_off.reset()
        self._fault = ""
        self._probe_s = self._clock.monotonic() + _PROBE_S
        self._journal.event("state", f"connected to {opened.identity}")
        self._settle()

    def _serve(self, hardware: CalibratedHardware) -> None:
        server = BoardServer(PoweredBoard(hardware, clock=self._clock.monotonic))
        proxy = self.settings.proxy
        self.resource = server.listen_tcp(proxy.host, proxy.port)
        self._server = server
        logger.info("clients find the board at %s", self.resource)
        if not proxy.is_loopback:
            logger.warning("%s is open to the network: whoever reaches it may drive the board", proxy.listen)

    def _settle(self) -> None:
        if self._server is not None and self._hardware is not None:
            settings = self._server.board.instrument.settings
            self._hardware.settle(output_on=settings.output_on, voltage_v=settings.voltage_v)

    def _absent(self, error: CrosscalError) -> None:
        """Note that there is no board to use, and when to look again."""
        needs_person = isinstance(error, IncompatibleBoardError)
        if needs_person and str(error) != self._fault:
            self._journal.alarm("board", str(error))
        elif not needs_person:
            logger.info("%s", error)
        self._fault = str(error) if needs_person else ""
        self._retry_s = self._clock.monotonic() + self._back_off.next_s()

    def _lose(self, error: Exception) -> None:
        """Give up a board that failed while it was kept."""
        if not isinstance(error, BoardError):
            logger.exception("the upkeep failed")
        if self._hardware is not None:
            self._hardware.detach()
            self._hardware.lost = str(error)
        self._upkeep.detach(f"the board was lost: {error}")

    def _let_go(self) -> None:
        """Close the link of a board that was lost."""
        if self._opened is None:
            return
        reason = self._hardware.lost if self._hardware is not None else ""
        self._journal.event("state", f"the board was lost: {reason}")
        with suppress(BoardError):
            self._opened.close()
        self._opened = None
        self._retry_s = self._clock.monotonic() + self._back_off.next_s()

    # What is shown

    @property
    def monotonic(self) -> Callable[[], float]:
        """The board thread's clock [s]."""
        return self._clock.monotonic

    def _feed(self) -> None:
        self._notifier.send("WATCHDOG=1")
        self.status.beat(self._clock.monotonic())

    def _show(self) -> None:
        self._become(self._present_state())
        self.status.show(
            Snapshot.of(
                state=self._state,
                fault=self._fault,
                settings=self.settings,
                resource=self.resource,
                upkeep=self._upkeep,
                journal=self._journal,
                hardware=self._hardware,
                clients=0 if self._server is None else self._server.clients,
                clock=self._clock,
            )
        )

    def _present_state(self) -> State:
        hardware, server = self._hardware, self._server
        if hardware is None or hardware.attached is None or server is None:
            return State.FAULT if self._fault else State.DISCONNECTED
        operations = server.board.instrument.operations
        if self._upkeep.busy:
            return State.CALIBRATING
        if operations.running:
            return State.READING
        return State.DRIFTED if self._upkeep.condition.doubt else State.IDLE

    def _become(self, state: State) -> None:
        if state is not self._state:
            quiet = {self._state, state} <= {State.IDLE, State.READING, State.CALIBRATING}
            logger.log(logging.DEBUG if quiet else logging.INFO, "%s → %s", self._state, state)
            self._state = state

    def _reload(self) -> None:
        """Take settings anew, as far as that is possible while the board is served."""
        self._reloading.clear()
        if self._path is None:
            return
        try:
            fresh = DaemonSettings.load(self._path)
        except CrosscalError as error:
            self._journal.alarm("settings", f"the settings stay as they were: {error}")
            return
        kept = [
            name
            for name in ("board", "backend", "calibrator", "store", "proxy", "http")
            if getattr(fresh, name) != getattr(self.settings, name)
        ]
        if kept:
            logger.warning("restart the daemon to change %s", ", ".join(kept))
        self._upkeep.settings = fresh.drift
        command = self._journal.command
        self._journal.command = AlarmCommand(fresh.alarm.command)
        if isinstance(command, AlarmCommand):
            command.finish(0.0)
        self._journal.event("settings", "the settings were read again")


def _require_free(settings: DaemonSettings) -> None:
    """Make sure that the proxy's port can be had, before any board is touched."""
    if settings.proxy.port:
        TcpPort(settings.proxy.host, settings.proxy.port).close()
