"""Settings as attributes of `Board`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, overload

from crosscal.core.errors import InputError, wanted
from crosscal.drivers.inputs import checked_number
from crosscal.drivers.scpi.format import number

if TYPE_CHECKING:
    from crosscal.drivers.connected_board import ConnectedBoard


class _Setting:
    """Common part of settings that are numbers.

    Args:
        header: SCPI header, short form.
        unit: its unit, empty for pure numbers.
        doc: its meaning.
        group: optional command group it belongs to.
    """

    def __init__(self, header: str, unit: str, doc: str, *, group: str | None = None) -> None:
        self._header = header
        self._unit = unit
        self._group = group
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def _read(self, board: ConnectedBoard) -> float:
        board._settings.require(self._group)
        return board._settings.number(self._header)

    def _write(self, board: ConnectedBoard, value: float, *, whole: bool) -> None:
        board._settings.require(self._group)
        limits = board._settings.limits(self._header)
        checked = checked_number(value, self._name, limits, self._unit, whole=whole)
        board._settings.apply(self._header, number(checked).decode())


class NumberSetting(_Setting):
    """A number that the board keeps; reading it gives the value that the board applies."""

    @overload
    def __get__(self, board: None, owner: type) -> NumberSetting: ...

    @overload
    def __get__(self, board: ConnectedBoard, owner: type) -> float: ...

    def __get__(self, board: ConnectedBoard | None, owner: type) -> NumberSetting | float:
        return self if board is None else self._read(board)

    def __set__(self, board: ConnectedBoard, value: float) -> None:
        self._write(board, value, whole=False)


class CountSetting(_Setting):
    """A whole number that the board keeps."""

    @overload
    def __get__(self, board: None, owner: type) -> CountSetting: ...

    @overload
    def __get__(self, board: ConnectedBoard, owner: type) -> int: ...

    def __get__(self, board: ConnectedBoard | None, owner: type) -> CountSetting | int:
        return self if board is None else int(self._read(board))

    def __set__(self, board: ConnectedBoard, value: int) -> None:
        self._write(board, value, whole=True)


class SwitchSetting:
    """A switch that the board keeps.

    Args:
        header: SCPI header, short form.
        doc: its meaning.
    """

    def __init__(self, header: str, doc: str) -> None:
        self._header = header
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, board: None, owner: type) -> SwitchSetting: ...

    @overload
    def __get__(self, board: ConnectedBoard, owner: type) -> bool: ...

    def __get__(self, board: ConnectedBoard | None, owner: type) -> SwitchSetting | bool:
        return self if board is None else board._settings.number(self._header) != 0

    def __set__(self, board: ConnectedBoard, value: bool) -> None:
        if not isinstance(value, bool):
            raise InputError(
                wanted(
                    got=f"{value!r} for {self._name}",
                    allowed="True or False",
                    remedy="give one of them",
                )
            )
        board._settings.apply(self._header, "ON" if value else "OFF")


def require_attribute(owner: type, name: str) -> None:
    """Refuse to set an attribute that `owner` lacks: a misspelt setting would silently have no effect.

    Raises:
        InputError: no such attribute; near names are given.
    """
    if hasattr(owner, name):
        return
    known = [other for other in dir(owner) if other[0] != "_" and hasattr(getattr(owner, other), "__set__")]
    near = difflib.get_close_matches(name, known)
    raise InputError(
        wanted(
            got=f"a value for {name!r}, which is no setting of a {owner.__name__}",
            allowed=", ".join(near or known),
            remedy="correct the name",
        )
    )
