"""Instrument behind all client links, and the idle step of the main loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from crosscal.firmware_models.board_settings import BoardSettings
from crosscal.firmware_models.client_lock import ChangeCounts, ClientLock
from crosscal.firmware_models.commands import COMMANDS
from crosscal.firmware_models.guarded_hardware import GuardedHardware
from crosscal.firmware_models.hardware import Hardware
from crosscal.firmware_models.header_tree import HeaderTree
from crosscal.firmware_models.operations import Operations
from crosscal.firmware_models.sessions.link_fault import LinkFault
from crosscal.firmware_models.sessions.session import Session
from crosscal.firmware_models.status_registers import BoardConditions


class Instrument:
    """One board behind any number of client links.

    Within one program message an overlapped operation does not advance, unless a unit needs its end; between
    messages `poll` advances it. Not thread-safe: one thread owns the instrument and its sessions.

    Args:
        hardware: the analogue side.
        clock: monotonic time [s]; injected so that tests need not wait.
    """

    def __init__(self, hardware: Hardware, *, clock: Callable[[], float] = time.monotonic) -> None:
        # Delegates everything, at run time.
        self.hardware = cast(Hardware, GuardedHardware(hardware))
        self.facts = hardware.facts
        self.clock = clock
        self.settings = BoardSettings(hardware)
        self.lock = ClientLock(clock, lambda: self.operations.running)
        self.changes = ChangeCounts()
        self.conditions = BoardConditions()
        self.operations = Operations(self.hardware, self.settings, self.conditions)
        self.link_fault = LinkFault()
        self.tree = HeaderTree(COMMANDS, hardware.facts.capabilities)
        self._sessions: list[Session] = []

    def release_withheld(self) -> None:
        """Heal the links: a fault that waits is forgotten, a stalled reply goes out."""
        self.link_fault.clear()
        for session in self._sessions:
            session.release_withheld()

    def open_session(self, *, message_based: bool, address: str = "unnamed") -> Session:
        """Open a client link with its own input buffer, output queue, status and error queue.

        Args:
            address: of the client, as `SYSTem:LOCK:OWNer?` names it.
            message_based: the link has message boundaries (USBTMC, GPIB, the VISA simulator), so that
                -410 and -420 can arise; False on sockets and serial lines, where queries may be pipelined.
        """
        session = Session(self, message_based=message_based, address=address)
        self._sessions.append(session)
        return session

    def forget(self, session: Session) -> None:
        """Drop a session that closed."""
        if session not in self._sessions:
            return
        self._sessions.remove(session)
        session.status.close()
        self.lock.release(session)
        self.changes.forget(session)
        self.operations.forget(session.status)

    def switch_off(self) -> None:
        """Stop everything and take the rows to 0 V: the end of the board."""
        self.operations.abort()
        self.operations.abort_programming()
        self.switch_output(on=False)

    def poll(self) -> bool:
        """Do one slice of the running operation and of timeouts; True while work is left."""
        self.lock.note_operation()
        self.operations.advance()
        self.operations.show_doubt()
        for session in list(self._sessions):
            session.poll()
        return self.operations.running or any(session.has_work for session in self._sessions)

    def reset(self, client: Session) -> None:
        """Execute a client's `*RST`; conductances, target, error queues and enables stay."""
        self.operations.cancel_completion(client.status)
        self.operations.abort()
        self.operations.abort_programming()
        self.settings.reset()
        self.operations.clear_results()
        self.hardware.rest()

    def switch_output(self, *, on: bool) -> None:
        """Switch the drive; off ends an acquisition that drives, and takes the rows to 0 V (decision 21)."""
        self.settings.output_on = on
        if not on:
            self.operations.stop_driving()
            self.hardware.rest()
