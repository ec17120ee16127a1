"""Driver of a board: `CrossbarPort` over any VISA resource."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, ReadingError, ScpiError
from crosscal.core.shutdown import Registration
from crosscal.drivers.acquisition import ABORT, acquire, reading_s
from crosscal.drivers.board_info import ADC, DAC, BoardInfo, Converter, read_board_info, read_converter
from crosscal.drivers.board_readout import BoardReadout
from crosscal.drivers.inputs import (
    checked_command,
    checked_matrix,
    checked_number,
    checked_range,
    checked_vectors,
)
from crosscal.drivers.programming import STOP, ProgramReport, program
from crosscal.drivers.reservation import WAIT_S, Reservation
from crosscal.drivers.safety import shut_down, switch_off
from crosscal.drivers.scpi.arrays import ask_array
from crosscal.drivers.scpi.data_format import read_format
from crosscal.drivers.scpi.format import number, read_number
from crosscal.drivers.scpi.polling import Clock
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.scpi.session import Session
from crosscal.drivers.scpi.timed_link import TimedLink
from crosscal.drivers.setting_attributes import CountSetting, NumberSetting, SwitchSetting, require_attribute
from crosscal.drivers.settings import TARGET, Settings
from crosscal.drivers.simulation import Simulation
from crosscal.drivers.stepwise import StepwiseBoard
from crosscal.drivers.transport.link_opening import open_link

DEFAULT_TIMEOUT_S = 5.0
DEFAULT_BAUD = 115_200


class Board:
    """A crossbar test board, `N` rows by `M` columns; a context manager, safe to use from several threads.

    **Outputs.** Measuring switches them on. Leaving the context, an error while measuring or programming, and
    the end of the program shut_down them at 0 V. Leaving also brings back the data format found at opening.

    **A lost link** is opened anew: by `reconnect()`, or by the next call. The same board must be at its other
    end; settings made through this Board are compared and applied again. A message of queries that was cut is
    asked again; one that changes something is not, for nobody knows whether the board had taken it:
    `BoardConnectionError` leaves that to the caller. After a timeout the link is brought into step again by
    the next call; nothing is repeated.

    **Other clients** of a board share its settings and its error queue. Settings that a message depends on
    are set within that message, so that others may look on. On a board with the group LOCK, programs that
    measure take turns, call by call or for as long as `undisturbed()` lasts; on others let one measure.
    """

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
        at_end.append(Registration(_Ending(session, self._shut_down)))

    @classmethod
    def open(
        cls,
        resource: str,
        *,
        backend: str | None = None,
        timeout_s: float | None = None,
        baud: int = DEFAULT_BAUD,
    ) -> Board:
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

    def __enter__(self) -> Board:
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

    @property
    def adc(self) -> Converter:
        """The converter of the currents; its full scale is that of the present range [A]."""
        return read_converter(self._session.exchange(ADC).elements[0])

    @property
    def dac(self) -> Converter:
        """The converter of the voltages; its full scale is in volts."""
        return read_converter(self._session.exchange(DAC).elements[0])

    @property
    def temperature_c(self) -> float | None:
        """The board's temperature [°C]; None if it has no thermometer."""
        if "TEMP" not in self.capabilities:
            return None
        return read_number(text_of(self._session.exchange(b":SENS:TEMP?").elements[0]))

    @property
    def target_s(self) -> Matrix:
        """The target matrix as the board holds it [S], (N, M)."""
        self._settings.require("PROG")
        return self._ask_matrix(TARGET + b"?")

    @property
    def simulation(self) -> Simulation:
        """Commands of a simulated board alone.

        Raises:
            IncompatibleBoardError: this one is not simulated.
        """
        self._settings.require("SIM")
        return Simulation(self._session, self.shape, self._reservation)

    def program(self, conductance_s: ArrayLike) -> ProgramReport:
        """Program a target matrix by the board's write-verify, and wait for its end.

        Args:
            conductance_s: nominal conductances [S], (N, M), inside `conductance_limits_s`.

        Returns:
            The board's report; failed cells are no error.

        Raises:
            ShapeError, RangeError: the matrix does not fit; nothing was sent.
            IncompatibleBoardError: the board cannot program.
            ScpiError: the board refused.
        """
        self._settings.require("PROG")
        matrix = checked_matrix(conductance_s, self.shape, self.conductance_limits_s)
        with self._safe(STOP):
            report = program(self._session, matrix, self._clock)
            self._reservation.expect(TARGET.decode(), matrix.tobytes())
            return report

    def read_conductance(self) -> Matrix:
        """Measure the conductance of every cell [S], (N, M).

        Raises:
            IncompatibleBoardError: the board cannot read back.
        """
        self._settings.require("READBACK")
        with self._safe():
            cells = self.shape[0] * self.shape[1]
            allowance_s = 2 * cells * reading_s(self._session, self._board_info)
            return self._ask_matrix(b":ARR:COND?", allowance_s)

    def read(self, voltage_v: ArrayLike) -> BoardReadout:
        """Apply input vectors at once and return the currents, good or bad, with their status bits.

        Args:
            voltage_v: voltages [V], (N,) or (B, N), at most `protection_v` in magnitude.

        Returns:
            Currents, status, range and the board's complaints; (B, M), B = 1 for a single vector.

        Raises:
            ShapeError, RangeError: the vectors do not fit; nothing was sent.
            ScpiError: the board refused.
        """
        vectors = checked_vectors(voltage_v, self.shape[0])
        with self._safe(ABORT):
            return acquire(self._session, self._board_info, vectors, self._clock)

    def measure(self, voltage_v: ArrayLike) -> np.ndarray:
        """Apply input vectors and return the currents, all of them good.

        Args:
            voltage_v: voltages [V], (N,) or (B, N), at most `protection_v` in magnitude.

        Returns:
            Currents [A], (M,) or (B, M).

        Raises:
            ReadingError: a reading is over range or missing; `read` returns it with its status.
            ShapeError, RangeError: the vectors do not fit; nothing was sent.
            ScpiError: the board refused.
        """
        readout = self.read(voltage_v)
        try:
            currents = readout.require_usable()
        except ReadingError:
            # A current that saturates an amplifier should not go on flowing.
            switch_off(self._session, self._reservation)
            raise
        return currents[0] if np.ndim(voltage_v) == 1 else currents

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

    def stepwise(self) -> StepwiseBoard:
        """Give the board's operations step by step, for a program that serves others between the steps."""
        return StepwiseBoard(self._session, self._board_info, self._settings)

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

    def _ask_matrix(self, query: bytes, allowance_s: float = 0.0) -> np.ndarray:
        with self._session.lock, self._reservation.hold():
            values = ask_array(self._session, query, self.shape[0] * self.shape[1], allowance_s=allowance_s)
        return values.reshape(self.shape)

    @contextmanager
    def _safe(self, *stop: bytes) -> Iterator[None]:
        """Hold the board; on an error stop its run and leave the outputs at 0 V."""
        with self._session.lock:
            self._session.stop_units = stop
            try:
                with self._reservation.hold():
                    yield
            except InputError:
                # Found before anything was sent: nothing changes.
                raise
            except ScpiError:
                # Nothing of ours was started, and what may be under way is another client's.
                switch_off(self._session, self._reservation)
                raise
            except BaseException:
                switch_off(self._session, self._reservation, *stop)
                raise
            finally:
                self._session.stop_units = ()


class _Restoring:
    """Restoring of a link that was opened anew: the turn, and the settings made before."""

    def __init__(self, reservation: Reservation, settings: Settings) -> None:
        self._reservation = reservation
        self._settings = settings

    def __call__(self) -> None:
        self._reservation.renew()
        self._settings.restore()


class _Ending:
    """The end of a session with the program, whatever other threads do."""

    def __init__(self, session: Session, shut_down: Callable[[], object]) -> None:
        self._session = session
        self._shut_down = shut_down

    def __call__(self) -> None:
        self._session.take_over()
        self._shut_down()
