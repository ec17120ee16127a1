"""Settings as attributes of the board: checked before they are sent, and read back as applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.drivers.inputs import checked_number
from crosscal.drivers.scpi_format import number

if TYPE_CHECKING:
    from crosscal.drivers.board import Board

SNAPSHOT: dict[str, str | None] = {
    "*ESE": None,
    "*SRE": None,
    "STAT:OPER:ENAB": None,
    "STAT:QUES:ENAB": None,
    "ARR:PROG:TOL": "PROG",
    "ARR:PROG:ITER": "PROG",
    "SOUR:VOLT:LIST": None,
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
"""Every setting that can be queried, by its header, with the group it belongs to. The target matrix, data
rather than a setting, has a property of its own."""


class NumberSetting:
    """A number that the board keeps, as an attribute of `Board`.

    Args:
        header: SCPI header, short form.
        unit: its unit, empty for pure numbers.
        doc: what it is.
        group: optional command group it belongs to.
        whole: whether it takes whole numbers only.
    """

    def __init__(
        self, header: str, unit: str, doc: str, *, group: str | None = None, whole: bool = False
    ) -> None:
        self._header = header
        self._unit = unit
        self._group = group
        self._whole = whole
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, board: None, owner: type) -> NumberSetting: ...

    @overload
    def __get__(self, board: Board, owner: type) -> float: ...

    def __get__(self, board: Board | None, owner: type) -> NumberSetting | float:
        if board is None:
            return self
        board.require(self._group)
        value = board.ask_number(f":{self._header}?")
        return int(value) if self._whole else value

    def __set__(self, board: Board, value: float) -> None:
        board.require(self._group)
        limits = board.limits(self._header)
        checked = checked_number(value, self._name, limits, self._unit, whole=self._whole)
        board.apply(self._header, number(checked).decode())


class SwitchSetting:
    """A switch that the board keeps, as an attribute of `Board`.

    Args:
        header: SCPI header, short form.
        doc: what it is.
    """

    def __init__(self, header: str, doc: str) -> None:
        self._header = header
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, board: None, owner: type) -> SwitchSetting: ...

    @overload
    def __get__(self, board: Board, owner: type) -> bool: ...

    def __get__(self, board: Board | None, owner: type) -> SwitchSetting | bool:
        if board is None:
            return self
        return board.ask_number(f":{self._header}?") != 0

    def __set__(self, board: Board, value: bool) -> None:
        if not isinstance(value, bool):
            raise InputError(f"got {value!r} for {self._name}; allowed: True or False; give one of them")
        board.apply(self._header, "ON" if value else "OFF")


def checked_range(range_a: Any, ranges_a: tuple[float, ...]) -> float:
    """Check a full scale to ask for [A]; the board rounds it up to one it has.

    Raises:
        RangeError: beyond the largest.
    """
    value = checked_number(range_a, "range_a", (0.0, float("inf")), "A", whole=False)
    if not 0 < value <= ranges_a[-1]:
        have = ", ".join(f"{full_scale:.3g}" for full_scale in ranges_a)
        raise RangeError(
            wanted(
                got=f"range_a = {value:.6g}",
                allowed=f"up to {ranges_a[-1]:.6g} A; the board has {have} A",
                remedy="choose one of these",
            )
        )
    return value


def read_value(text: str) -> int | float | str | list[float]:
    """Turn an answered setting into a number, a list of numbers or, if it is neither, its text."""
    try:
        if "," in text:
            return [float(word) for word in text.split(",")]
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        return text.strip('"')
