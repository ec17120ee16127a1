"""The board's driver: everything that `CrossbarPort` asks for, over any VISA resource."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from crosscal.core.errors import BoardError, IncompatibleBoardError, InputError, RangeError, wanted
from crosscal.drivers.acquisition import BoardReadout, acquire, reading_s
from crosscal.drivers.arrays import ask_array
from crosscal.drivers.inputs import checked_matrix, checked_vectors, require_protected
from crosscal.drivers.link_opening import open_link
from crosscal.drivers.nameplate import ADC, DAC, Converter, Nameplate, read_converter, read_nameplate
from crosscal.drivers.programming import STOP, TARGET, ProgramReport, program
from crosscal.drivers.scpi_format import excerpt, number, read_list
from crosscal.drivers.session import Session, State
from crosscal.drivers.settings import SNAPSHOT, NumberSetting, SwitchSetting, checked_range, read_value
from crosscal.drivers.simulation import Simulation
from crosscal.drivers.waiting import Pace

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S = 5.0
DEFAULT_BAUD = 115_200
OUTPUT_OFF, STOP_MEASURING = b":OUTP OFF", b":ABOR"


class Board:
    """A crossbar test board with `N` rows and `M` columns; a context manager, safe to use from several threads.

    Leaving the context, an error while measuring or programming, and the end of the program leave the outputs at
    0 V. A link that was lost is opened anew by the next call; then the settings made through this Board are applied
    again. Queries that were cut are asked again; a measurement or anything that changes the board is not: it raises
    `BoardConnectionError`, and the caller decides.

    Other clients of the board share its settings and its error queue. The driver sets what a message depends on
    within that message, so that clients may look on; two programs that measure must take turns.
    """

    protection_v = NumberSetting("SOUR:VOLT:PROT", "V", "Largest magnitude ever driven [V].")
    aperture_s = NumberSetting("SENS:CURR:APER", "s", "Integration time of each reading [s].")
    averages = NumberSetting("SENS:AVER:COUN", "", "Readings averaged.", whole=True)
    dwell_s = NumberSetting(
        "SOUR:SEQ:DWEL", "s", "Wait between a vector of a sequence and its reading [s].", group="SEQ"
    )
    tolerance = NumberSetting("ARR:PROG:TOL", "", "Relative tolerance of write-verify.", group="PROG")
    iterations = NumberSetting(
        "ARR:PROG:ITER", "", "Most iterations of write-verify.", group="PROG", whole=True
    )
    range_auto = SwitchSetting("SENS:CURR:RANG:AUTO", "Whether the board chooses the range.")
    output_on = SwitchSetting("OUTP", "Whether the rows are driven; 0 V if not. Measuring switches it on.")

    def __init__(self, session: Session, nameplate: Nameplate, *, pace: Pace | None = None) -> None:
        self.session = session
        self._nameplate = nameplate
        self._pace = pace or Pace()
        self._limits: dict[str, tuple[float, float]] = {}
        self._applied: dict[str, str] = {}
        self._protection_v = 0.0
        session.on_reconnect = self._apply_again
        self._finalizer = weakref.finalize(self, _leave, session)

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
        if timeout_s is not None and not (0 < timeout_s < float("inf")):
            raise RangeError(
                wanted(got=f"timeout_s = {timeout_s!r}", allowed="more than 0 s", remedy="leave it out")
            )
        if baud <= 0:
            raise RangeError(wanted(got=f"baud = {baud!r}", allowed="more than 0", remedy="leave it out"))
        wait_s = DEFAULT_TIMEOUT_S if timeout_s is None else float(timeout_s)
        session = Session(open_link(resource, backend=backend, baud=baud, timeout_s=wait_s), timeout_s=wait_s)
        try:
            return cls(session, read_nameplate(session))
        except BaseException:
            session.close()
            raise

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        n, m = self.shape
        return f"<Board {n}x{m} {self.identity!r} at {self.session.resource!r}, {self.session.state.name.lower()}>"

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`: rows (inputs) and columns (outputs)."""
        return self._nameplate.rows, self._nameplate.columns

    @property
    def identity(self) -> str:
        """Maker, model, serial number and firmware."""
        return self._nameplate.identity

    @property
    def capabilities(self) -> frozenset[str]:
        """Optional command groups present, such as `READBACK`, `SEQ`, `TEMP`, `SIM`."""
        return self._nameplate.capabilities

    @property
    def conductance_limits_s(self) -> tuple[float, float]:
        """Smallest and largest conductance that a cell can be programmed to [S]."""
        return self._nameplate.conductance_limits_s

    @property
    def ranges_a(self) -> tuple[float, ...]:
        """Full scales that the column amplifiers have [A], ascending."""
        return self._nameplate.ranges_a

    @property
    def range_a(self) -> float:
        """Full scale of the column amplifiers [A]; setting it ends automatic ranging."""
        return self.ask_number(":SENS:CURR:RANG?")

    @range_a.setter
    def range_a(self, range_a: float) -> None:
        self.apply("SENS:CURR:RANG", number(checked_range(range_a, self.ranges_a)).decode())

    @property
    def adc(self) -> Converter:
        """The converter of the currents; its full scale is that of the present range [A]."""
        return read_converter(self.session.exchange(ADC).elements[0])

    @property
    def dac(self) -> Converter:
        """The converter of the voltages; its full scale is in volts."""
        return read_converter(self.session.exchange(DAC).elements[0])

    @property
    def temperature_c(self) -> float | None:
        """The board's temperature [°C]; None if it has no thermometer."""
        return self.ask_number(":SENS:TEMP?") if "TEMP" in self.capabilities else None

    @property
    def target_s(self) -> np.ndarray:
        """The target matrix as the board holds it [S], (N, M)."""
        self.require("PROG")
        return self._ask_matrix(TARGET + b"?")

    @property
    def simulation(self) -> Simulation:
        """What only a simulated board can do.

        Raises:
            IncompatibleBoardError: this one is not simulated.
        """
        self.require("SIM")
        return Simulation(self)

    def program(self, conductance_s: ArrayLike) -> ProgramReport:
        """Program a target matrix by the board's write-verify, and wait for its end.

        Args:
            conductance_s: nominal conductances [S], (N, M), inside `conductance_limits_s`.

        Returns:
            What the board reports; failed cells are no error.

        Raises:
            ShapeError, RangeError: the matrix does not fit; nothing was sent.
            IncompatibleBoardError: the board cannot program.
            ScpiError: the board refused.
        """
        self.require("PROG")
        matrix = checked_matrix(conductance_s, self.shape, self.conductance_limits_s)
        with self._safe(STOP):
            return program(self.session, matrix, self._pace)

    def read_conductance(self) -> np.ndarray:
        """Measure the conductance of every cell [S], (N, M).

        Raises:
            IncompatibleBoardError: the board cannot read back.
        """
        self.require("READBACK")
        with self._safe():
            cells = self.shape[0] * self.shape[1]
            allowance_s = 2 * cells * reading_s(self.session, self._nameplate)
            return self._ask_matrix(b":ARR:COND?", allowance_s)

    def read(self, voltage_v: ArrayLike) -> BoardReadout:
        """Apply input vectors and return the currents, good or bad, with their status bits.

        Args:
            voltage_v: voltages [V], (N,) or (B, N), at most `protection_v` in magnitude.

        Returns:
            Currents, status, range and the board's complaints; (B, M), B = 1 for a single vector.

        Raises:
            ShapeError, RangeError: the vectors do not fit; nothing was sent.
            ScpiError: the board refused.
        """
        vectors = checked_vectors(voltage_v, self.shape[0])
        with self._safe(STOP_MEASURING):
            self._require_protected(vectors)
            return acquire(self.session, self._nameplate, vectors, self._pace)

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
        currents = self.read(voltage_v).require_usable()
        return currents[0] if np.ndim(voltage_v) == 1 else currents

    def settings(self) -> dict[str, Any]:
        """Every setting the board answers to, by its SCPI header; the target matrix has its own property."""
        headers = [
            header for header, group in SNAPSHOT.items() if group is None or group in self.capabilities
        ]
        queries = [(header if header.startswith("*") else f":{header}") + "?" for header in headers]
        # Text for the one list among them; the driver sets the format again wherever it needs another.
        asked = [query.encode() for query in queries]
        answer = self.session.exchange(b":FORM ASC", *asked, numbers=self.shape[0], repeatable=True)
        return {
            header: read_value(_words(element))
            for header, element in zip(headers, answer.elements, strict=True)
        }

    def send(self, command: str) -> None:
        """Send one command of your own, and raise what the board says to it.

        Raises:
            ScpiError: the board refused it.
        """
        self._converse(command)

    def query(self, query: str) -> str:
        """Ask one query of your own whose answer is text.

        Raises:
            ScpiError: the board refused it.
        """
        return _words(self._converse(query)[0])

    def reset(self) -> None:
        """`*RST`: drive, sense, trigger and format at power-on values, outputs off; the array stays programmed."""
        with self.session.lock:
            self.session.exchange(b"*RST")
            self._applied.clear()
            self._protection_v = 0.0

    def reconnect(self) -> None:
        """Open the link anew and apply the settings made through this Board again.

        Raises:
            BoardConnectionError: nothing answers.
            IncompatibleBoardError: another board answers.
        """
        self.session.reconnect()

    def close(self) -> None:
        """Set the outputs to 0 V and close the link; closing twice is no error."""
        self._finalizer()

    def require(self, group: str | None) -> None:
        """Refuse what the board has no commands for.

        Raises:
            IncompatibleBoardError: the group is absent.
        """
        if group is not None and group not in self.capabilities:
            have = ", ".join(sorted(self.capabilities)) or "none"
            raise IncompatibleBoardError(
                f"got a call that needs the command group {group}; allowed: the groups of {self.identity!r}: {have}; "
                "use a board that has it"
            )

    def ask_number(self, query: str) -> float:
        """Ask for one number."""
        return float(read_list(_words(self._converse(query)[0]).encode("latin-1"), 1)[0])

    def limits(self, header: str) -> tuple[float, float]:
        """Smallest and largest value that a setting takes; asked for once."""
        with self.session.lock:
            if header not in self._limits:
                asked = (f":{header}? {end}".encode() for end in ("MIN", "MAX"))
                answer = self.session.exchange(*asked)
                low, high = (float(_words(element)) for element in answer.elements)
                self._limits[header] = low, high
            return self._limits[header]

    def apply(self, header: str, value: str) -> None:
        """Change a setting, and remember it for after a lost link."""
        with self.session.lock:
            self.session.exchange(f":{header} {value}".encode())
            self._applied.pop(header, None)
            self._applied[header] = value
            if header == "SOUR:VOLT:PROT":
                self._protection_v = 0.0

    def _converse(self, text: str) -> tuple:
        if not text.isascii() or not text.strip() or any(mark in text for mark in "\n\r"):
            raise InputError(f"got {text!r}; allowed: one line of ASCII; send one command at a time")
        unit = text.strip()
        rooted = unit if unit.startswith(("*", ":")) else f":{unit}"
        return self.session.exchange(rooted.encode()).elements

    def _ask_matrix(self, query: bytes, allowance_s: float = 0.0) -> np.ndarray:
        n, m = self.shape
        values, _, _ = ask_array(self.session, query, n * m, allowance_s=allowance_s)
        return values.reshape(n, m)

    def _require_protected(self, vectors: np.ndarray) -> None:
        """Check against the protection as last known; ask again before refusing, for other clients may change it."""
        if np.abs(vectors).max() > self._protection_v:
            self._protection_v = self.protection_v
        require_protected(vectors, self._protection_v)

    def _apply_again(self) -> None:
        for header, value in self._applied.items():
            self.session.exchange(f":{header} {value}".encode())

    @contextmanager
    def _safe(self, *stop: bytes) -> Iterator[None]:
        """Hold the board; on any error stop what it does and leave the outputs at 0 V."""
        with self.session.lock:
            try:
                yield
            except InputError:
                # Found before anything was sent: nothing changes.
                raise
            except BaseException:
                _switch_off(self.session, *stop)
                raise


def _switch_off(session: Session, *stop: bytes) -> None:
    """Bring the outputs to 0 V if the link still allows it; what went wrong before is what counts."""
    try:
        session.exchange(*stop, OUTPUT_OFF)
    except BoardError as error:
        log.error("%s: the outputs could not be set to 0 V: %s", session.resource, error)


def _leave(session: Session) -> None:
    """End a session with the outputs at 0 V; a link that is lost is not opened again for it."""
    with session.lock:
        if session.state in (State.READY, State.OUT_OF_STEP):
            _switch_off(session)
        session.close()


def _words(element: object) -> str:
    if not isinstance(element, bytes):
        raise BoardError(f"got a block where text was asked for ({excerpt(repr(element).encode())})")
    return element.decode("latin-1")
