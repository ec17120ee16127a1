"""The board's settings: checked before they are sent, read back as applied, kept over a lost link."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from crosscal.core.errors import IncompatibleBoardError, ScpiError, wanted
from crosscal.drivers.board_info import BoardInfo
from crosscal.drivers.scpi.arrays import ask_array
from crosscal.drivers.scpi.format import read_number
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.scpi.session import Session

logger = logging.getLogger(__name__)

HEADERS: dict[str, str | None] = {
    "*ESE": None,
    "*SRE": None,
    "STAT:OPER:ENAB": None,
    "STAT:QUES:ENAB": None,
    "ARR:PROG:TOL": "PROG",
    "ARR:PROG:ITER": "PROG",
    "SOUR:VOLT:PROT": None,
    "SOUR:SEQ:DWEL": "SEQ",
    "OUTP": None,
    "SENS:CURR:RANG": None,
    "SENS:CURR:RANG:AUTO": None,
    "SENS:CURR:APER": None,
    "SENS:AVER:COUN": None,
    "TRIG:SOUR": None,
    "FORM": None,
    "FORM:BORD": None,
}
"""Every scalar setting that can be queried, by its header, with the group it belongs to."""

SHAPES_READINGS = (
    *("ARR:PROG:TOL", "ARR:PROG:ITER", "SOUR:VOLT:PROT", "SOUR:SEQ:DWEL", "SENS:CURR:RANG"),
    *("SENS:CURR:RANG:AUTO", "SENS:CURR:APER", "SENS:AVER:COUN"),
)
"""Settings that readings depend on and that acquisitions do not set themselves."""

VECTOR = "SOUR:VOLT:LIST"
TARGET = b":ARR:COND:TARG"
_ENDS = {"SENS:CURR:RANG": "SENS:CURR:RANG:AUTO", "SENS:CURR:RANG:AUTO": "SENS:CURR:RANG"}
"""A range ends automatic ranging, and the reverse."""
_NOT_KEPT = frozenset({"OUTP"})
"""After a lost link nothing is driven until the caller measures again."""


class Settings:
    """The settings of one board.

    Args:
        session: the conversation.
        board: the board's facts.

    Attributes:
        on_apply: called with each setting that was applied, and its value.
    """

    def __init__(self, session: Session, board: BoardInfo) -> None:
        self._session = session
        self._board = board
        self._limits: dict[str, tuple[float, float]] = {}
        self._applied: dict[str, tuple[str, bytes]] = {}
        self.on_apply: Callable[[str, bytes], None] = lambda _header, _value: None

    def require(self, group: str | None) -> None:
        """Refuse a call that needs a command group that the board lacks.

        Raises:
            IncompatibleBoardError: the group is absent.
        """
        if group is not None and group not in self._board.capabilities:
            have = ", ".join(sorted(self._board.capabilities)) or "none"
            raise IncompatibleBoardError(
                wanted(
                    got=f"a call that needs the command group {group}",
                    allowed=f"the groups of {self._board.identity!r}: {have}",
                    remedy="use a board that has it",
                )
            )

    def number(self, header: str) -> float:
        """The value that the board applies."""
        return read_number(self._ask(header))

    def limits(self, header: str) -> tuple[float, float]:
        """Smallest and largest value that a setting takes; asked for once."""
        with self._session.lock:
            if header not in self._limits:
                self._limits[header] = self._ask_limits(header)
            return self._limits[header]

    def apply(self, header: str, value: str) -> None:
        """Change a setting, and remember it for after a lost link."""
        with self._session.lock:
            answer = self._session.exchange(f":{header} {value}".encode(), f":{header}?".encode())
            self._applied.pop(_ENDS.get(header, header), None)
            applied = text_of(answer.elements[0])
            if header not in _NOT_KEPT:
                self._applied[header] = value, applied
            self.on_apply(header, applied)

    def applied(self, header: str) -> bytes:
        """The board's answer when a setting was applied last."""
        return self._applied[header][1]

    def restore(self) -> None:
        """Apply settings again that a restarted board has lost."""
        for header, (value, applied) in self._applied.items():
            found = self._ask(header)
            if found != applied:
                logger.warning(
                    "%s: %s was %s after the link was lost; set to %s again",
                    *(self._session.resource, header, found.decode("latin-1"), value),
                )
                self._session.exchange(f":{header} {value}".encode())

    def forget(self) -> None:
        """Forget the settings that were applied."""
        self._applied.clear()

    def snapshot(self) -> dict[str, Any]:
        """Every setting by its header, the vector that is driven included."""
        capabilities = self._board.capabilities
        headers = [header for header, group in HEADERS.items() if group is None or group in capabilities]
        with self._session.lock:
            answer = self._session.exchange(*(_query(header) for header in headers))
            vector = ask_array(self._session, f":{VECTOR}?".encode(), self._board.rows)
        found = {
            header: read_value(text_of(element).decode("latin-1"))
            for header, element in zip(headers, answer.elements, strict=True)
        }
        return {**found, VECTOR: vector.tolist()}

    def watched(self) -> dict[str, bytes]:
        """Read the settings that readings depend on, and the target, as they are compared with later ones."""
        groups = self._board.capabilities
        headers = [h for h in SHAPES_READINGS if HEADERS[h] is None or HEADERS[h] in groups]
        answer = self._session.exchange(*map(_query, headers))
        found = {header: text_of(e) for header, e in zip(headers, answer.elements, strict=True)}
        if read_number(found["SENS:CURR:RANG:AUTO"]):
            del found["SENS:CURR:RANG"]
        if "PROG" in groups:
            cells = self._board.rows * self._board.columns
            found[TARGET.decode()] = ask_array(self._session, TARGET + b"?", cells).tobytes()
        return found

    def _ask_limits(self, header: str) -> tuple[float, float]:
        try:
            answer = self._session.exchange(*(f":{header}? {end}".encode() for end in ("MIN", "MAX")))
        except ScpiError:
            # A board that does not tell its limits keeps them by itself.
            return -math.inf, math.inf
        low, high = (read_number(text_of(element)) for element in answer.elements)
        return low, high

    def _ask(self, header: str) -> bytes:
        return text_of(self._session.exchange(_query(header)).elements[0])


def read_value(text: str) -> int | float | str:
    """Turn an answered setting into a number or, if it is none, its text."""
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        return text.strip('"')


def _query(header: str) -> bytes:
    return f"{header}?".encode() if header.startswith("*") else f":{header}?".encode()
