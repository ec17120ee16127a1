"""Fixed facts of a board, asked for when it is opened."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crosscal.core.errors import (
    BoardConnectionError,
    BoardError,
    BoardTimeoutError,
    IncompatibleBoardError,
    wanted,
)
from crosscal.drivers.scpi.format import read_integer, read_list, whole
from crosscal.drivers.scpi.reply import Element, text_of
from crosscal.drivers.scpi.session import Session

SIZE, CAPABILITY = b":ARR:SIZE?", b":SYST:CAP?"
LIMITS, RANGES = b":ARR:COND:LIM?", b":SENS:CURR:RANG:LIST?"
ADC, DAC = b":DIAG:ADC:INFO?", b":DIAG:DAC:INFO?"
SEQUENCE_MOST = b":SOUR:SEQ:POIN? MAX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """A converter of the board.

    Attributes:
        bits: resolution.
        full_scale: largest magnitude [V] of a DAC, [A] of an ADC in the range at the time of asking.
        settling_s: settling time [s].
    """

    bits: int
    full_scale: float
    settling_s: float

    def __post_init__(self) -> None:
        if self.bits < 1 or not (math.isfinite(self.full_scale) and 0 <= self.settling_s < math.inf):
            raise BoardError(
                wanted(
                    got=f"a converter of {self.bits} bits, full scale {self.full_scale}, settling "
                    f"{self.settling_s} s",
                    allowed="finite numbers",
                    remedy="repeat the call",
                )
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardInfo:
    """The unchanging facts of a board.

    Attributes:
        identity: answer of `*IDN?`.
        rows, columns: the array, N and M.
        capabilities: optional command groups present.
        conductance_limits_s: smallest and largest programmable conductance [S].
        ranges_a: full scales of the column amplifiers [A], ascending.
        settling_s: settling time of the drive [s].
        sequence_most: most vectors in one sequence; 1 without group SEQ.
    """

    identity: str
    rows: int
    columns: int
    capabilities: frozenset[str]
    conductance_limits_s: tuple[float, float]
    ranges_a: tuple[float, ...]
    settling_s: float
    sequence_most: int

    def __post_init__(self) -> None:
        low, high = self.conductance_limits_s
        makes_sense = (
            self.rows >= 1
            and self.columns >= 1
            and 0 <= low < high < math.inf
            and all(0 < full_scale < math.inf for full_scale in self.ranges_a)
            and list(self.ranges_a) == sorted(self.ranges_a)
            and self.sequence_most >= 1
        )
        if not makes_sense:
            raise BoardError(
                wanted(
                    got=f"an array of {self.rows} x {self.columns}, conductances from {low} to {high} S, "
                    f"ranges {self.ranges_a} A, sequences of {self.sequence_most}",
                    allowed="positive, ascending numbers",
                    remedy="correct the board's firmware",
                )
            )


def read_board_info(session: Session) -> BoardInfo:
    """Identify a board by its answers to SIZE? and CAPability?, not by its name.

    Raises:
        BoardConnectionError: nothing answers.
        IncompatibleBoardError: an instrument answers that is no crossbar test board.
    """
    try:
        rows, columns, capabilities = _size_and_groups(session)
        facts = session.exchange(LIMITS, RANGES, DAC, *([SEQUENCE_MOST] if "SEQ" in capabilities else []))
        low, high = (float(limit) for limit in read_list(text_of(facts.elements[0]), 2))
        full_scales = text_of(facts.elements[1])
        most = read_integer(text_of(facts.elements[3])) if "SEQ" in capabilities else 1
        return BoardInfo(
            identity=session.identity,
            rows=rows,
            columns=columns,
            capabilities=capabilities,
            conductance_limits_s=(low, high),
            ranges_a=tuple(map(float, read_list(full_scales, full_scales.count(b",") + 1))),
            settling_s=read_converter(facts.elements[2]).settling_s,
            sequence_most=most,
        )
    except BoardTimeoutError as error:
        raise _no_board(session, f"and then nothing within {session.link.timeout_s:.3g} s") from error
    except (BoardConnectionError, IncompatibleBoardError):
        raise
    except BoardError as error:
        raise _no_board(session, str(error)) from error


def read_converter(element: Element) -> Converter:
    """Read an answer of `DIAGnostic:…:INFO?`."""
    bits, full_scale, settling_s = (float(value) for value in read_list(text_of(element), 3))
    return Converter(bits=whole(bits), full_scale=full_scale, settling_s=settling_s)


def _size_and_groups(session: Session) -> tuple[int, int, frozenset[str]]:
    size, groups = (text_of(element) for element in session.exchange(SIZE, CAPABILITY).elements)
    rows, columns = (whole(value) for value in read_list(size, 2))
    words = groups.decode("latin-1").replace('"', "").split(",")
    return rows, columns, frozenset(word.strip().upper() for word in words if word.strip())


def _no_board(session: Session, found: str) -> IncompatibleBoardError:
    return IncompatibleBoardError(
        f"{session.resource}: "
        + wanted(
            got=f"{session.identity!r} in answer to *IDN?, {found}",
            allowed="a board that answers ARRay:SIZE? and SYSTem:CAPability?",
            remedy="this is no crossbar test board: give the board's own resource name",
        )
    )
