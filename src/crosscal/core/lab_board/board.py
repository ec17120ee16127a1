"""Board with a Python API as a `CrossbarPort`: derive from `LabBoard` and write four methods.

    class MyBoard(crosscal.LabBoard):
        facts = crosscal.LabBoardFacts("lab,board,7,1", (16, 12), (2e-6, 20e-6), 1e-3, 0.2)

        def read_currents(self, voltage_v):  # (B, N) V → (B, M) A
            return self._chip.vmm(voltage_v)

        def write(self, target_s, tolerance):  # or `pulse` and `read_cell`
            self._chip.program(target_s, tolerance)

        def rest(self):  # every line to 0 V
            self._chip.ground_all()

`crosscal.open_board("python:my_lab:MyBoard")` opens it, in every command too.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.errors import (
    IncompatibleBoardError,
    wanted,
)
from crosscal.core.lab_board.checks import checked_read_back, checked_target, checked_vectors, readout_of
from crosscal.core.lab_board.facts import LabBoardFacts
from crosscal.core.lab_board.held_board import HeldBoard, resting_first
from crosscal.core.lab_board.pulse_write_verify import PulseWriter, WriteReport
from crosscal.core.readout import PassReadout, Readout, row_groups, vectors_in_passes


def _checking_read_back(read_conductance: Callable[[Any], Any]) -> Callable[[LabBoard], Matrix]:
    """Hold the board while a lab's `read_conductance` runs, and check its matrix."""

    @functools.wraps(read_conductance)
    def guarded(self: LabBoard) -> Matrix:
        with self._driven("read_conductance"):
            return checked_read_back(read_conductance(self), self._facts)

    return guarded


class LabBoard(HeldBoard):
    """A crossbar behind the lab's own Python API; a context manager, safe to use from several threads.

    To be written: `facts`, `read_currents`, `rest`, and either `write` or both `pulse` and `read_cell`.
    Optional: `read_conductance`, `read_resting`, `temperature_c`, `close`. Rows and columns count from 0.

    The base checks what goes in and what comes out (shape, finiteness, limits, plausible units), makes the
    status bits and holds a lock around each call. `rest` is called before `close`, and after any exception
    (Ctrl-C included) while the board is driven.

    Attributes:
        tolerance: relative tolerance of writing, per cell.
    """

    tolerance: float = 0.02

    _target_s: Matrix | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Put the base's checks around the optional methods that a lab writes."""
        super().__init_subclass__(**kwargs)
        for name, guard in (("read_conductance", _checking_read_back), ("close", resting_first)):
            if name in vars(cls):
                setattr(cls, name, guard(vars(cls)[name]))

    # To be written by the lab.

    facts: LabBoardFacts
    """Fixed facts of the board: an attribute of the class or of the object, or a property."""

    @abstractmethod
    def read_currents(self, voltage_v: Vectors) -> Currents:
        """Drive vectors in turn and measure all columns of each.

        Args:
            voltage_v: [V], (B, N); whole-number codes if `facts.input_codes` is given.

        Returns:
            Currents out of the columns [A], (B, M); codes if `facts.output_codes` is given; NaN where there
            is no reading.
        """

    @abstractmethod
    def rest(self) -> None:
        """Bring every line to 0 V; called often, and when anything has gone wrong."""

    def write(self, target_s: Matrix, tolerance: float) -> Any:
        """Write a matrix [S], (N, M), each cell within a relative tolerance; return a report or None."""
        raise NotImplementedError

    def pulse(self, row: int, column: int, voltage_v: float, width_s: float) -> None:
        """Give one write pulse to a cell."""
        raise NotImplementedError

    def read_cell(self, row: int, column: int) -> float:
        """Measure the conductance of a cell [S]."""
        raise NotImplementedError

    def read_conductance(self) -> Matrix:
        """Measure the conductance of every cell [S], (N, M)."""
        if not self._has("read_cell"):
            raise IncompatibleBoardError(
                wanted(
                    got=f"read_conductance() of {self.identity!r}",
                    allowed="a board that reads its cells back",
                    remedy="write read_conductance or read_cell in its class",
                )
            )
        rows, columns = self.shape
        with self._driven("read_cell"):
            cells = [[float(self.read_cell(row, column)) for column in range(columns)] for row in range(rows)]
            return checked_read_back(cells, self._facts)

    def read_resting(self) -> Currents:
        """Measure all columns [A], (M,), and drive no line: it shows whether `rest` works."""
        raise NotImplementedError

    @property
    def temperature_c(self) -> float | None:
        """The board's temperature [°C]; None if it has no thermometer."""
        return None

    @resting_first
    def close(self) -> None:
        """Bring every line to 0 V and let go of the board; closing twice is no error."""
        self._target_s = None

    # What every part of crosscal uses.

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`: rows (inputs) and columns (outputs)."""
        rows, columns = self._facts.shape
        return int(rows), int(columns)

    @property
    def identity(self) -> str:
        """Maker, model, serial number and firmware, as far as they are known."""
        return self._facts.identity

    @property
    def capabilities(self) -> frozenset[str]:
        """Optional groups present: `PROG`, `SEQ`, `READBACK`, `TEMP`."""
        groups = {"PROG", "SEQ"}
        if self._has("read_conductance") or self._has("read_cell"):
            groups.add("READBACK")
        if self._has("temperature_c"):
            groups.add("TEMP")
        return frozenset(groups)

    @property
    def conductance_limits_s(self) -> tuple[float, float]:
        """Smallest and largest conductance that a cell can be written to [S]."""
        low_s, high_s = self._facts.conductance_limits_s
        return float(low_s), float(high_s)

    @property
    def protection_v(self) -> float:
        """Largest magnitude ever driven while reading [V]."""
        return self._facts.voltage_limit_v

    @property
    def target_s(self) -> Matrix:
        """The matrix last written [S], (N, M); NaN before the first, and after a writing that was cut off."""
        return np.full(self.shape, np.nan) if self._target_s is None else self._target_s.copy()

    def program(self, conductance_s: ArrayLike) -> WriteReport | Any:
        """Write a matrix [S], (N, M), and wait for its end.

        Returns:
            What `write` reports, or what was read back afterwards; failed cells are no error.

        Raises:
            ShapeError, RangeError: the matrix does not fit; nothing was written.
            BoardError: from the lab's code.
        """
        target_s = checked_target(conductance_s, self._facts)
        if self.writes_by_pulses:
            writer = self.begin_writing(target_s)
            while not writer.finished:
                self.continue_writing(writer)
            self._target_s = target_s
            return writer.report()
        with self._driven("write"):
            self._target_s = None
            report = self.write(target_s, self.tolerance)
            self._target_s = target_s
            return self._verified(target_s) if report is None else report

    def row_groups(self, passes: int) -> tuple[np.ndarray, ...]:
        """Tell the rows, from 0, that each of so many passes drives.

        Raises:
            RangeError: fewer than one pass, or more than rows.
        """
        return row_groups(self.shape[0], passes)

    @overload
    def read(self, voltage_v: ArrayLike) -> Readout: ...
    @overload
    def read(self, voltage_v: ArrayLike, *, passes: int) -> PassReadout: ...
    def read(self, voltage_v: ArrayLike, *, passes: int | None = None) -> Readout | PassReadout:
        """Apply input vectors [V], (N,) or (B, N); return currents with their status bits, (B, M).

        With `passes` the rows of each vector are driven in this many groups (`row_groups`), the others at 0
        V: (B, P, M).

        Raises:
            ShapeError, RangeError: the vectors do not fit; nothing was driven.
            BoardError: from the lab's code, or currents that cannot be amperes of this board.
        """
        facts = self._facts
        vectors_v = checked_vectors(voltage_v, facts)
        if passes is not None:
            return PassReadout(readout=self.read(vectors_in_passes(vectors_v, passes)), passes=passes)
        driven = vectors_v if facts.input_codes is None else facts.input_codes.encode(vectors_v)
        with self._driven("read_currents"):
            return readout_of(self.read_currents(driven), vectors_v, facts)

    def rested(self) -> Readout | None:
        """Bring every line to 0 V and read the columns without driving any, (1, M); None if it cannot."""
        if not self._has("read_resting"):
            return None
        facts = self._facts
        with self._driven("read_resting"):
            self.rest()
            return readout_of(np.reshape(self.read_resting(), (1, -1)), np.zeros((1, facts.shape[0])), facts)

    def measure(self, voltage_v: ArrayLike) -> np.ndarray:
        """Apply input vectors [V], (N,) or (B, N); return currents [A], (M,) or (B, M), all of them good.

        Raises:
            ReadingError: a reading is over range or missing; `read` returns it with its status.
        """
        readout = self.read(voltage_v)
        # What saturates an amplifier should not go on flowing.
        with self._driven("read_currents"):
            current_a = readout.require_usable()
        return current_a[0] if np.ndim(voltage_v) == 1 else current_a

    def settings(self) -> dict[str, Any]:
        """Settings by SCPI header, as a run.h5 holds them."""
        return {
            "SOUR:VOLT:PROT": self._facts.voltage_limit_v,
            "SENS:CURR:RANG": self._facts.full_scale_a,
            "SENS:CURR:RANG:AUTO": False,
            "ARR:PROG:TOL": self.tolerance,
        }

    def begin_writing(self, conductance_s: ArrayLike) -> PulseWriter:
        """Begin write-verify of a target [S], (N, M), by `pulse` and `read_cell`; every cell is read once."""
        target_s = checked_target(conductance_s, self._facts)
        with self._driven("read_cell"):
            self._target_s = None
            return PulseWriter(self.pulse, self.read_cell, target_s, self.tolerance, self._facts.pulses)

    def continue_writing(self, writer: PulseWriter) -> None:
        """Take one sweep of write-verify; the target is the board's once it is finished."""
        with self._driven("pulse"):
            writer.sweep()
            if writer.finished:
                self._target_s = writer.target_s

    @property
    def writes_by_pulses(self) -> bool:
        """Whether the board is written pulse by pulse.

        Raises:
            IncompatibleBoardError: the class has neither `write` nor both `pulse` and `read_cell`.
        """
        if self._has("write"):
            return False
        if self._has("pulse") and self._has("read_cell"):
            return True
        raise IncompatibleBoardError(
            wanted(
                got=f"{type(self).__name__} without a way to write",
                allowed="write(target_s, tolerance), or pulse(row, column, voltage_v, width_s) with "
                "read_cell(row, column)",
                remedy="write one of them in the class",
            )
        )

    def __enter__(self) -> LabBoard:
        return self

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"<{type(self).__name__} {rows}x{columns} {self.identity!r}>"

    @property
    def _facts(self) -> LabBoardFacts:
        facts = getattr(self, "facts", None)
        if not isinstance(facts, LabBoardFacts):
            raise IncompatibleBoardError(
                wanted(
                    got=f"{type(self).__name__}.facts of type {type(facts).__name__}",
                    allowed="crosscal.LabBoardFacts",
                    remedy="set it in the class or in __init__",
                )
            )
        return facts

    def _has(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(LabBoard, name)

    def _verified(self, target_s: Matrix) -> WriteReport:
        if "READBACK" in self.capabilities:
            return WriteReport.of(self.read_conductance(), target_s, self.tolerance, 1)
        return WriteReport(cells_failed=-1, rms_relative_error=float("nan"), iterations=1)
