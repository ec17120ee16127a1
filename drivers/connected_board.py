"""Connection to a board: its life, its facts and settings, and turns with other clients."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from crosscal.core.shutdown import Registration
from crosscal.drivers.acquisition import ABORT
from crosscal.drivers.board_info import BoardInfo, read_board_info
from crosscal.drivers.inputs import (
    checked_command,
    checked_number,
    checked_range,
)
from crosscal.drivers.programming import STOP
from crosscal.drivers.reservation import WAIT_S, Reservation
from crosscal.drivers.safety import Ending, shut_down
from crosscal.drivers.scpi.data_format import read_format
from crosscal.drivers.scpi.format import number
from crosscal.drivers.scpi.polling import Clock
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.scpi.session import Session
from crosscal.drivers.scpi.timed_link import TimedLink
from crosscal.drivers.setting_attributes import CountSetting, NumberSetting, SwitchSetting, require_attribute
from crosscal.drivers.settings import Settings
from crosscal.drivers.transport.link_opening import open_link

DEFAULT_TIMEOUT_S = 5.0  # for answers that take a board microseconds; longer ones are allowed for
DEFAULT_BAUD = 115_200
"""The usual rate of bridges from USB to serial lines."""


class ConnectedBoard:
    """The part of `Board` that does not depend on what is measured; see there."""

    protection_v = NumberSetting("SOUR:VOLT:PROT", "V", "Largest magnitude ever driven [V].")
    aperture_s = NumberSetting("SENS:CURR:APER", "s", "Integration time of each reading [s].")
    averages = CountSetting("SENS:AVER:COUN", "", "Readings averaged.")
    dwell_s = NumberSetting(
        "SOUR:SEQ:DWEL", "s", "Wait between a vector of a sequence and its reading [s].", group="SEQ"
    )
    tolerance = NumberSetting("ARR:PROG:TOL", "", "Relative tolerance of write-verify.", group="PROG")
    max_iterations = CountSetting("ARR:PROG:ITER", "", "Most iterations of write-verify.", group="PROG")
    range_auto = SwitchSetting("SENS:CURR:RANG:AUTO", "Whether the board chooses the range.")
    output_on = SwitchSetting("OUTP", "Whether the rows are driven; 0 V if not. Measuring switches it on.")

    def __init__(
        self,
        session: Session,
        board_info: BoardInfo,
        *,
        format_found: tuple[bytes, ...] = (),
        clock: Clock | None = None,
    ) -> None:
        self._session = session
        self._board_info = board_info
        self._clock = clock or Clock()
        self._settings = Settings(session, board_info)
        self._reservation = Reservation(session, board_info, self._clock, self._settings.watched)
        self._settings.on_apply = self._reservation.expect
        session.on_reconnect = _Restoring(self._reservation, self._settings)
        at_end: list[Registration] = []
        self._shut_down = weakref.finalize(self, shut_down, session, self._reservation, format_found, at_end)
        # At the end of the program PyVISA closes its sessions; registered after it, this runs before it.
        self._shut_down.atexit = False
        at_end.append(Registration(Ending(session, self._shut_down)))

    @classmethod
    def open(
        cls,
        resource: str,
        *,
        backend: str | None = None,
        timeout_s: float | None = None,
        baud: int = DEFAULT_BAUD,
    ) -> Self:
        """Open a board by its VISA resource name.

        Args:
            resource: such as `TCPIP::192.168.1.7::5025::SOCKET` or `ASRL/dev/ttyACM0::INSTR`.
            backend: PyVISA backend, such as `@py`, `@ivi` or `bench.toml@crosscal`; PyVISA's default if None.
            timeout_s: how long to wait for an answer's beginning [s], 5 s if None; transfers get more.
            baud: bit rate of a serial line [1/s]; USB and pseudo-terminals ignore it.

        Raises:
            BoardConnectionError: nothing answers at this resource, or another program holds it.
            IncompatibleBoardError: something answers that is no crossbar test board.
            InputError: an impossible argument.
        """
        wait_s = DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s
        wait_s = checked_number(wait_s, "timeout_s", (1e-3, 1e5), "s", whole=False)
        baud = int(checked_number(baud, "baud", (50, 1e9), "", whole=True))
        link = TimedLink(open_link(resource, backend=backend, baud=baud, timeout_s=wait_s), timeout_s=wait_s)
        try:
            session = Session(link)
            return cls(session, read_board_info(session), format_found=read_format(session))
        except BaseException:
            link.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            require_attribute(type(self), name)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        n, m = self.shape
        state = self._session.state.name.lower()
        return f"<Board {n}x{m} {self.identity!r} at {self._session.resource!r}, {state}>"

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`: rows (inputs) and columns (outputs)."""
        return self._board_info.rows, self._board_info.columns

    @property
    def identity(self) -> str:
        """Maker, model, serial number and firmware."""
        return self._board_info.identity

    @property
    def capabilities(self) -> frozenset[str]:
        """Optional command groups present, such as `READBACK`, `SEQ`, `TEMP`, `SIM`."""
        return self._board_info.capabilities

    @property
    def conductance_limits_s(self) -> tuple[float, float]:
        """Smallest and largest conductance that a cell can be programmed to [S]."""
        return self._board_info.conductance_limits_s

    @property
    def ranges_a(self) -> tuple[float, ...]:
        """Full scales that the column amplifiers have [A], ascending."""
        return self._board_info.ranges_a

    @property
    def range_a(self) -> float:
        """Full scale of the column amplifiers [A]; setting it ends automatic ranging, rounding up."""
        return self._settings.number("SENS:CURR:RANG")

    @range_a.setter
    def range_a(self, range_a: float) -> None:
        self._settings.apply("SENS:CURR:RANG", number(checked_range(range_a, self.ranges_a)).decode())

    def settings(self) -> dict[str, Any]:
        """Every setting the board answers to, by its SCPI header; the target matrix is `target_s`."""
        # Arrays are asked for in a format of the driver's own, a setting too: that needs a turn.
        with self._session.lock, self._reservation.hold():
            return self._settings.snapshot()

    def send(self, command: str) -> None:
        """Send one command of your own.

        Raises:
            ScpiError: the board refused it.
        """
        unit = checked_command(command, query=False)
        with self._session.lock:
            self._session.exchange(unit).require_no_failure(unit)
            self._reservation.expect_present_state()

    def query(self, query: str) -> str:
        """Ask one query of your own that is answered by text.

        Raises:
            ScpiError: the board refused it.
        """
        return text_of(self._session.exchange(checked_command(query, query=True)).elements[0]).decode(
            "latin-1"
        )

    @contextmanager
    def undisturbed(self, *, wait_s: float = WAIT_S) -> Iterator[Callable[[], None]]:
        """Have the board for this program alone, and know afterwards that no other client changed it.

        A board with the group LOCK is locked for the block; of others, target and settings are compared.

        Args:
            wait_s: how long to wait for other clients [s].

        Yields:
            A check for within the block; it is called at the end of the block too.

        Raises:
            BoardConnectionError: another client held the board for `wait_s`; the message names it.
            DisturbedError: another client changed target, cells, settings or vectors since the last check.
        """
        with self._session.lock, self._reservation.hold(wait_s), self._reservation.undisturbed() as check:
            yield check

    def abort(self) -> None:
        """Stop an acquisition or a programming run, whichever client has started it."""
        self._session.exchange(ABORT, *((STOP,) if "PROG" in self.capabilities else ()))

    def reset(self) -> None:
        """`*RST`: settings at power-on values, outputs off; the array stays programmed."""
        with self._session.lock:
            self._session.exchange(b"*RST")
            self._settings.forget()
            self._reservation.expect_present_state()

    def reconnect(self) -> None:
        """Open the link anew and apply the settings made through this Board again.

        Raises:
            BoardConnectionError: nothing answers.
            IncompatibleBoardError: another board answers.
        """
        self._session.reconnect()

    def close(self) -> None:
        """Set the outputs to 0 V and close the link; closing twice is no error."""
        self._shut_down()


class _Restoring:
    """Restoring of a link that was opened anew: the turn, and the settings made before."""

    def __init__(self, reservation: Reservation, settings: Settings) -> None:
        self._reservation = reservation
        self._settings = settings

    def __call__(self) -> None:
        self._reservation.renew()
        self._settings.restore()
