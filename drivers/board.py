"""Driver of a board: `CrossbarPort` over any VISA resource."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from crosscal.core.array_types import Matrix
from crosscal.core.errors import ReadingError
from crosscal.core.readout import PassReadout, row_groups, vectors_in_passes
from crosscal.drivers.acquisition import ABORT, acquire, reading_s
from crosscal.drivers.board_info import ADC, DAC, Converter, read_converter
from crosscal.drivers.board_readout import BoardReadout
from crosscal.drivers.connected_board import ConnectedBoard
from crosscal.drivers.inputs import checked_matrix, checked_vectors
from crosscal.drivers.programming import STOP, ProgramReport, program
from crosscal.drivers.safety import safely, switch_off
from crosscal.drivers.scpi.arrays import ask_array
from crosscal.drivers.scpi.format import read_number
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.settings import TARGET
from crosscal.drivers.simulation import Simulation
from crosscal.drivers.stepwise import StepwiseBoard


class Board(ConnectedBoard):
    """A crossbar test board, `N` rows by `M` columns; a context manager, safe to use from several threads.

    **Outputs.** Measuring switches them on. Leaving the context, an error while measuring or programming, and
    the end of the program leave them at 0 V. Leaving also brings back the data format found at opening.

    **A lost link** is opened anew: by `reconnect()`, or by the next call. The same board must be at its other
    end; settings made through this Board are compared and applied again. A message of queries that was cut is
    asked again; one that changes something is not, for nobody knows whether the board had taken it:
    `BoardConnectionError` leaves that to the caller. After a timeout the link is brought into step again by
    the next call; nothing is repeated.

    **Other clients** of a board share its settings and its error queue. Settings that a message depends on
    are set within that message, so that others may look on. On a board with the group LOCK, programs that
    measure take turns, call by call or for as long as `undisturbed()` lasts; on others let one measure.
    """

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
        with safely(self._session, self._reservation, STOP):
            report = program(self._session, matrix, self._clock)
            self._reservation.expect(TARGET.decode(), matrix.tobytes())
            return report

    def read_conductance(self) -> Matrix:
        """Measure the conductance of every cell [S], (N, M).

        Raises:
            IncompatibleBoardError: the board cannot read back.
        """
        self._settings.require("READBACK")
        with safely(self._session, self._reservation):
            cells = self.shape[0] * self.shape[1]
            allowance_s = 2 * cells * reading_s(self._session, self._board_info)
            return self._ask_matrix(b":ARR:COND?", allowance_s)

    def row_groups(self, passes: int) -> tuple[np.ndarray, ...]:
        """Tell the rows, from 0, that each of so many passes drives.

        Raises:
            RangeError: fewer than one pass, or more than rows.
        """
        return row_groups(self.shape[0], passes)

    @overload
    def read(self, voltage_v: ArrayLike) -> BoardReadout: ...
    @overload
    def read(self, voltage_v: ArrayLike, *, passes: int) -> PassReadout: ...
    def read(self, voltage_v: ArrayLike, *, passes: int | None = None) -> BoardReadout | PassReadout:
        """Apply input vectors at once and return the currents, good or bad, with their status bits.

        Args:
            voltage_v: voltages [V], (N,) or (B, N), at most `protection_v` in magnitude.
            passes: drive the rows of each vector in this many groups (`row_groups`), the others at 0 V.

        Returns:
            Currents, status, range and the board's complaints; (B, M), B = 1 for a single vector; (B, P, M)
            in passes.

        Raises:
            ShapeError, RangeError: the vectors do not fit; nothing was sent.
            ScpiError: the board refused.
        """
        vectors = checked_vectors(voltage_v, self.shape[0])
        driven = vectors if passes is None else vectors_in_passes(vectors, passes)
        with safely(self._session, self._reservation, ABORT):
            readout = acquire(self._session, self._board_info, driven, self._clock)
        return readout if passes is None else PassReadout(readout=readout, passes=passes)

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

    def stepwise(self) -> StepwiseBoard:
        """Give the board's operations step by step, for a program that serves others between the steps."""
        return StepwiseBoard(self._session, self._board_info, self._settings)

    def _ask_matrix(self, query: bytes, allowance_s: float = 0.0) -> np.ndarray:
        with self._session.lock, self._reservation.hold():
            values = ask_array(self._session, query, self.shape[0] * self.shape[1], allowance_s=allowance_s)
        return values.reshape(self.shape)
