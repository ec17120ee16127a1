"""What only a simulated board can do: age at will, break on demand, and tell the truth (group SIM)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crosscal.core.errors import InputError
from crosscal.drivers.arrays import ask_array
from crosscal.drivers.inputs import checked_number
from crosscal.drivers.scpi_format import number

if TYPE_CHECKING:
    from crosscal.drivers.board import Board

CELL_FAULTS = ("OPEN", "SHORT", "STUCK")
LINK_FAULTS = ("DROP", "STALL", "GARBLE")


class Simulation:
    """The hidden side of a simulated board; `Board.simulation` gives it."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def advance_time(self, duration_s: float) -> None:
        """Let the devices age by `duration_s` [s]; they never age by the time on the wall."""
        value = checked_number(duration_s, "duration_s", (0.0, math.inf), "s", whole=False)
        self._board.send(f":SIM:TIME:ADV {number(value).decode()}")

    def set_temperature(self, temperature_c: float) -> None:
        """Change the board's temperature [°C]."""
        value = checked_number(temperature_c, "temperature_c", (-273.15, math.inf), "°C", whole=False)
        self._board.send(f":SIM:TEMP {number(value).decode()}")

    def reseed(self, seed: int) -> None:
        """Restart the randomness of noise, programming and drift; the board's fixed errors stay."""
        value = checked_number(seed, "seed", (0, 2**63 - 1), "", whole=True)
        self._board.send(f":SIM:SEED {number(value).decode()}")

    def fault_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell: `OPEN`, `SHORT` or `STUCK`; rows and columns count from 1, as everywhere on the board."""
        n, m = self._board.shape
        place = self._place("row", row, n), self._place("column", column, m)
        self._board.send(f":SIM:FAUL:CELL {place[0]},{place[1]},{_one_of(kind, CELL_FAULTS)}")

    def fault_amplifier(self, column: int) -> None:
        """Break a column's amplifier; columns count from 1."""
        self._board.send(f":SIM:FAUL:AMPL {self._place('column', column, self._board.shape[1])}")

    def fault_link(self, kind: str) -> None:
        """Spoil the reply after the next: `DROP`, `STALL` or `GARBLE`."""
        self._board.send(f":SIM:FAUL:LINK {_one_of(kind, LINK_FAULTS)}")

    def clear_faults(self) -> None:
        """Heal every fault."""
        self._board.send(":SIM:FAUL:CLE")

    def true_conductance_s(self) -> np.ndarray:
        """The actual nominal conductances [S], (N, M), which no instrument could know."""
        n, m = self._board.shape
        values, _, _ = ask_array(self._board.session, b":SIM:TRUT:COND?", n * m)
        return values.reshape(n, m)

    def _place(self, name: str, index: int, most: int) -> int:
        return int(checked_number(index, f"{name} (counted from 1)", (1, most), "", whole=True))


def _one_of(kind: str, allowed: Sequence[str]) -> str:
    if not isinstance(kind, str) or kind.upper() not in allowed:
        raise InputError(f"got {kind!r}; allowed: {', '.join(allowed)}; choose one of them")
    return kind.upper()
