"""Entries of a board's error queue: refusals of commands, and conditions of runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from crosscal.core.errors import BoardError, ScpiError, wanted
from crosscal.drivers.scpi.format import excerpt

# Codes of the contract (docs/remote_interface.md), and SCPI-1999's "Hardware error".
COMPLIANCE, SENSE_SATURATED, OVER_TEMPERATURE, CELL_STUCK, NOT_CALIBRATED = 101, 102, 103, 104, 105
HARDWARE = -240

ASYNCHRONOUS = frozenset(
    {COMPLIANCE, SENSE_SATURATED, OVER_TEMPERATURE, CELL_STUCK, NOT_CALIBRATED, HARDWARE}
)
"""Codes that tell of an acquisition or a programming run, queued when it ends; never of the last command."""

_ENTRY = re.compile(rb'\s*([+-]?\d+)\s*,\s*"((?:[^"]|"")*)"\s*')
NO_ERROR = b'0,"No error"'
_PROBE = re.compile(rb'[+-]?\d+\s*,\s*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One entry of the error queue.

    Attributes:
        code: SCPI error code.
        text: the board's own words, with `;detail` where it gives one.
    """

    code: int
    text: str

    @property
    def asynchronous(self) -> bool:
        """True if it tells how a run went, and not that a command was refused."""
        return self.code in ASYNCHRONOUS

    def __str__(self) -> str:
        return f"{self.code:+d} {self.text!r}"


NO_RESULT = frozenset({-230, -222})
"""Codes of queries for results that a run has not given."""


def hardware_failure(conditions: Iterable[Condition]) -> Condition | None:
    """Find the report of a failure of the hardware, if there is one."""
    return next((condition for condition in conditions if condition.code == HARDWARE), None)


@contextmanager
def failures_explained(conditions: Iterable[Condition]) -> Iterator[None]:
    """Raise the failure of the hardware in a run, where its results are asked for in vain.

    Args:
        conditions: queued about the run.

    Raises:
        ScpiError: -240 instead of -230.
    """
    try:
        yield
    except ScpiError as error:
        failure = hardware_failure(conditions)
        if failure is None or error.code not in NO_RESULT:
            raise
        raise ScpiError(failure.code, failure.text, error.command) from error


def read_error_queue(text: bytes) -> tuple[Condition, ...]:
    """Read the answer of `SYSTem:ERRor:ALL?`, oldest first; empty if there is no error.

    Raises:
        BoardError: it is no such answer.
    """
    if text == NO_ERROR:
        return ()
    found, position = [], 0
    while entry := _ENTRY.match(text, position):
        words = entry[2].replace(b'""', b'"').decode("latin-1")
        found.append(Condition(code=int(entry[1]), text=words))
        position = entry.end()
        if position == len(text):
            return tuple(condition for condition in found if condition.code != 0)
        if text[position : position + 1] != b",":
            break
        position += 1
    raise BoardError(
        wanted(
            got=f"{excerpt(text)} from the error queue",
            allowed='<code>,"<text>" pairs',
            remedy="the reply is garbled, or this is no crossbar test board",
        )
    )


def looks_like_error_queue(answer: object) -> bool:
    """Tell an error queue's answer from every other: none but it is a number followed by a quoted text."""
    return answer == NO_ERROR or (isinstance(answer, bytes) and _PROBE.match(answer) is not None)
