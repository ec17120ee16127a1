"""Words as parameters: booleans and settings with a few named values."""

from __future__ import annotations

from crosscal.firmware_models.numeric import PURE, parse_number
from crosscal.firmware_models.program_message import Block
from crosscal.firmware_models.scpi_errors import ScpiFault


def parse_choice(text: str | Block, choices: tuple[str, ...]) -> str:
    """Read one of some words, written in the standard's way (`IMMediate`); return it so.

    Raises:
        ScpiFault: -104 not a word, -224 another word.
    """
    if isinstance(text, Block) or not text[:1].isalpha():
        raise ScpiFault(-104, f"a word is wanted: {', '.join(choices)}")
    for choice in choices:
        if text.upper() in (short_form(choice), choice.upper()):
            return choice
    raise ScpiFault(-224, f"{text}; allowed: {', '.join(choices)}")


def short_form(word: str) -> str:
    """`IMMediate` → IMM."""
    return "".join(c for c in word if not c.islower())


def parse_boolean(text: str | Block) -> bool:
    """Read ON, OFF or a number: on unless it rounds to 0 (SCPI-1999, 7.3).

    Raises:
        ScpiFault: -104 or -224.
    """
    if isinstance(text, str) and text[:1].isalpha():
        return parse_choice(text, ("ON", "OFF")) == "ON"
    return round(parse_number(text, PURE)) != 0
