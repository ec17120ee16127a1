"""FORMat: how arrays travel."""

from __future__ import annotations

from dataclasses import replace

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.choices import parse_choice
from crosscal.firmware_models.data_format import ASCII, REAL_32, REAL_64
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import PURE, parse_number
from crosscal.firmware_models.scpi_errors import ScpiFault

_ASCII_DIGITS = 17
"""With so many a double comes back bit for bit."""
_KINDS = {
    ("ASCii", None): ASCII,
    ("ASCii", 0): ASCII,  # SCPI-1999, 9.1: 0 lets the board choose
    ("ASCii", _ASCII_DIGITS): ASCII,
    ("REAL", None): REAL_64,
    ("REAL", 32): REAL_32,
    ("REAL", 64): REAL_64,
}


def _set_data(call: Call) -> None:
    parameters = call.at_most(2) or call.exactly(1)
    name = parse_choice(parameters[0], ("ASCii", "REAL"))
    length = parse_number(parameters[1], PURE) if len(parameters) == 2 else None
    if (name, length) not in _KINDS:
        raise ScpiFault(-224, f"{name},{length:g}; allowed: ASCii, ASCii,17, REAL,32, REAL,64")
    settings = call.board.settings
    settings.format = replace(settings.format, kind=_KINDS[name, length])


def _data(call: Call) -> str:
    call.at_most(0)
    kind = call.board.settings.format.kind
    return f"{ASCII},{_ASCII_DIGITS}" if kind == ASCII else kind


def _set_border(call: Call) -> None:
    order = parse_choice(call.only(), ("NORMal", "SWAPped"))
    settings = call.board.settings
    settings.format = replace(settings.format, swapped=order == "SWAPped")


def _border(call: Call) -> str:
    call.at_most(0)
    return "SWAP" if call.board.settings.format.swapped else "NORM"


COMMANDS = (
    Command(header="FORMat[:DATA]", set=_set_data, query=_data),
    Command(header="FORMat:BORDer", set=_set_border, query=_border),
)
