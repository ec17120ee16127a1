"""Commands of a simulated board (group SIM): ageing, faults, actual conductances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from crosscal.core.errors import InputError, wanted
from crosscal.core.physical_constants import ZERO_CELSIUS_K
from crosscal.drivers.inputs import checked_number
from crosscal.drivers.reservation import Reservation
from crosscal.drivers.scpi.arrays import ask_array
from crosscal.drivers.scpi.format import number
from crosscal.drivers.scpi.session import Session

CELL_FAULTS = ("OPEN", "SHORT", "STUCK")
LINK_FAULTS = ("DROP", "STALL", "GARBLE")
_SEED_MOST = 2**53
"""Up to here a board that reads numbers as doubles gets the very seed."""


class Simulation:
    """Commands of a simulated board; `Board.simulation` gives it.

    Rows and columns count from 1, as in the board's commands and messages.
    """

    def __init__(self, session: Session, shape: tuple[int, int], reservation: Reservation) -> None:
        self._reservation = reservation
        self._session = session
        self._shape = shape

    def advance_time(self, duration_s: float) -> None:
        """Let the devices age by `duration_s` [s]; they never age by the time on the wall."""
        value = checked_number(duration_s, "duration_s", (0.0, math.inf), "s", whole=False)
        self._do(b":SIM:TIME:ADV " + number(value))

    def set_temperature(self, temperature_c: float) -> None:
        """Change the board's temperature [°C]."""
        value = checked_number(temperature_c, "temperature_c", (-ZERO_CELSIUS_K, math.inf), "°C", whole=False)
        self._do(b":SIM:TEMP " + number(value))

    def reseed(self, seed: int) -> None:
        """Restart the randomness of noise, programming and drift; the board's fixed errors stay."""
        value = checked_number(seed, "seed", (0, _SEED_MOST), "", whole=True)
        self._do(b":SIM:SEED " + number(value))

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell: `OPEN`, `SHORT` or `STUCK`."""
        place = b"%d,%d," % (_counted("row", row, self._shape[0]), _counted("column", column, self._shape[1]))
        self._do(b":SIM:FAUL:CELL " + place + _one_of(kind, CELL_FAULTS))

    def fault_amplifier(self, column: int) -> None:
        """Break a column's amplifier."""
        self._do(b":SIM:FAUL:AMPL %d" % _counted("column", column, self._shape[1]))

    def fault_link(self, kind: str) -> None:
        """Spoil the reply after the next: `DROP`, `STALL` or `GARBLE`."""
        # Giving a turn back would be the next reply.
        command = b":SIM:FAUL:LINK " + _one_of(kind, LINK_FAULTS)
        self._session.exchange(command).require_no_failure(command)

    def clear_faults(self) -> None:
        """Heal every fault."""
        self._do(b":SIM:FAUL:CLE")

    def _do(self, command: bytes) -> None:
        with self._session.lock, self._reservation.hold():
            self._session.exchange(command).require_no_failure(command)

    def true_conductance_s(self) -> np.ndarray:
        """The actual nominal conductances [S], (N, M), unknown to any instrument."""
        return self._matrix(b":SIM:TRUT:COND?")

    def cell_age_s(self) -> np.ndarray:
        """Time since each cell was last written [s], (N, M), on boards with the group AGE."""
        return self._matrix(b":SIM:TRUT:AGE?")

    def written_s(self) -> np.ndarray:
        """Conductance of each cell when it was last written [S], (N, M), on boards with the group AGE."""
        return self._matrix(b":SIM:TRUT:WRIT?")

    def _matrix(self, query: bytes) -> np.ndarray:
        rows, columns = self._shape
        with self._session.lock, self._reservation.hold():
            values = ask_array(self._session, query, rows * columns)
        return values.reshape(rows, columns)


def _counted(name: str, index: int, most: int) -> int:
    return int(checked_number(index, f"{name} (counted from 1)", (1, most), "", whole=True))


def _one_of(kind: str, allowed: Sequence[str]) -> bytes:
    if not isinstance(kind, str) or kind.upper() not in allowed:
        raise InputError(
            wanted(
                got=f"{kind!r}",
                allowed=f"{', '.join(allowed)}",
                remedy="choose one of them",
            )
        )
    return kind.upper().encode()
