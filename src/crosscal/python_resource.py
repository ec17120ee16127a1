"""Resources of the form `python:my_lab:MyBoard?port=COM3`: boards that are opened by a Python callable."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from crosscal.core.errors import (
    BoardConnectionError,
    CrosscalError,
    IncompatibleBoardError,
    InputError,
    wanted,
)
from crosscal.core.lab_board import PYTHON
from crosscal.core.lab_board.board import LabBoard

_FORM = "python:module:callable?name=value&…, such as python:my_lab:MyBoard?port=COM3"


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonResource:
    """A callable that opens a board, with its arguments as text.

    Attributes:
        module: dotted name, looked for in the present folder too.
        name: the callable in it, dotted if it is an attribute of a class.
        arguments: keyword arguments.
    """

    module: str
    name: str
    arguments: dict[str, str]

    @classmethod
    def parse(cls, resource: str) -> PythonResource:
        """Read `python:module:callable?name=value`; the prefix may be left out.

        Raises:
            InputError: it is of another form.
        """
        address, _, query = resource.removeprefix(PYTHON).partition("?")
        module, colon, name = address.partition(":")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError:
            raise _malformed(resource) from None
        parts = [*module.split("."), *name.split(".")]
        if not colon or not all(part.isidentifier() for part in parts) or len(dict(pairs)) != len(pairs):
            raise _malformed(resource)
        return cls(module=module, name=name, arguments=dict(pairs))

    def open(self) -> LabBoard:
        """Import the module, call the callable and return the board that it opened.

        Raises:
            InputError: no such module or callable, or arguments that it does not take.
            BoardConnectionError: the callable failed.
            IncompatibleBoardError: it returned no `LabBoard`.
        """
        opener = self._find()
        arguments = self._converted(opener)
        try:
            board = opener(**arguments)
        except CrosscalError:
            raise
        except Exception as error:
            raise BoardConnectionError(
                f"{self.module}:{self.name} failed to open its board: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(board, LabBoard):
            raise IncompatibleBoardError(
                wanted(
                    got=f"{type(board).__name__} from {self.module}:{self.name}",
                    allowed="a crosscal.LabBoard",
                    remedy="derive the class from crosscal.LabBoard, or return such a board",
                )
            )
        # Says at once, and not after hours, that the class lacks a way to write or says impossible facts.
        _ = board.writes_by_pulses, board.shape
        return board

    def _find(self) -> Callable[..., Any]:
        here = str(Path.cwd())
        sys.path.insert(0, here)
        try:
            found: Any = import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{self.module}.".startswith(f"{error.name}."):
                raise _unusable(self.module, error) from error
            raise InputError(
                wanted(
                    got=f"module {self.module!r}, which is not found",
                    allowed="a module that is installed, or stands in the present folder",
                    remedy=f"run the command beside {self.module.split('.')[0]}.py, or set PYTHONPATH",
                )
            ) from None
        except Exception as error:
            raise _unusable(self.module, error) from error
        finally:
            sys.path.remove(here)
        for part in self.name.split("."):
            if not hasattr(found, part):
                raise InputError(
                    wanted(
                        got=f"{self.name!r}, which {self.module} does not have",
                        allowed=_boards_of(found),
                        remedy="correct the name after the second colon",
                    )
                )
            found = getattr(found, part)
        if not callable(found):
            raise InputError(
                wanted(got=f"{self.name!r}, not callable", allowed="a class or function", remedy="name one")
            )
        return found

    def _converted(self, opener: Callable[..., Any]) -> dict[str, Any]:
        """Turn the arguments' text into what the callable's annotations ask for: int, float or bool."""
        try:
            signature = inspect.signature(opener, eval_str=True)
        except (ValueError, TypeError, NameError):
            return dict(self.arguments)
        try:
            signature.bind(**self.arguments)
        except TypeError as error:
            raise InputError(
                wanted(
                    got=f"arguments {', '.join(self.arguments) or 'none'} of {self.name}: {error}",
                    allowed=f"{self.name}{signature}",
                    remedy="give them as ?name=value&name=value",
                )
            ) from None
        return {
            name: _converted(text, signature.parameters[name].annotation)
            if name in signature.parameters
            else text
            for name, text in self.arguments.items()
        }


_TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False}
_TRUTHS["off"] = False


def _converted(text: str, annotation: Any) -> Any:
    try:
        if annotation is bool:
            return _TRUTHS[text.lower()]
        if annotation in (int, float):
            return int(text, 0) if annotation is int else float(text)
    except (ValueError, KeyError):
        raise InputError(
            wanted(got=f"{text!r}", allowed=f"{annotation.__name__}", remedy="correct the resource")
        ) from None
    return text


def _boards_of(module: Any) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, LabBoard) and value is not LabBoard
    ]
    return ", ".join(names) or "a class derived from crosscal.LabBoard; there is none"


def _unusable(module: str, error: Exception) -> InputError:
    return InputError(f"{module} cannot be imported: {type(error).__name__}: {error}")


def _malformed(resource: str) -> InputError:
    return InputError(wanted(got=f"resource {resource!r}", allowed=_FORM, remedy="correct it"))
