"""Numbers in SCPI notation: decimal with a suffix, non-decimal, MINimum, MAXimum, DEFault."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from crosscal.firmware_models.program_message import Block
from crosscal.firmware_models.scpi_errors import ScpiFault

NOT_A_NUMBER = 9.91e37
"""SCPI-1999 (7.2.1.5) for "no number"."""

SCPI_INFINITY = 9.9e37
"""SCPI-1999 (7.2.1.4) for infinity: from here on, values are no numbers."""

# No digit can belong to two parts: long digits with an error at their end would be divided in all ways.
_DECIMAL = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:\s*[eE]\s*[+-]?\d+)?)\s*([A-Za-z/]*)")
_NONDECIMAL = re.compile(r"#(?:[hH]([0-9a-fA-F]+)|[qQ]([0-7]+)|[bB]([01]+))")
_DIGITS_MOST = 250  # a number of so many hexadecimal digits is still a float
_WHOLE = re.compile(r"[+-]?\d{1,30}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MULTIPLIERS = {  # IEEE 488.2, table 7-2
    "EX": 1e18,
    "PE": 1e15,
    "T": 1e12,
    "G": 1e9,
    "MA": 1e6,
    "K": 1e3,
    "": 1.0,
    "M": 1e-3,
    "U": 1e-6,
    "N": 1e-9,
    "P": 1e-12,
    "F": 1e-15,
    "A": 1e-18,
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that a number may carry.

    Attributes:
        names: its suffixes in capitals, the shorter first; empty for a pure number.
        exceptions: suffixes that mean something else than multiplier and unit would say.
    """

    names: tuple[str, ...]
    exceptions: tuple[tuple[str, float], ...] = ()


PURE = Unit(())
VOLT = Unit(("V",))
# SCPI has MA as mega, but 1 MA of current is a milliampere: as everywhere in the field.
AMPERE = Unit(("A",), exceptions=(("MA", 1e-3),))
SECOND = Unit(("S",))
SIEMENS = Unit(("S", "SIE"))
CELSIUS = Unit(("CEL",))


def suffix_factor(suffix: str, unit: Unit) -> float:
    """Return the factor of a suffix.

    Raises:
        ScpiFault: -138 on a pure number, -131 if the unit has no such suffix.
    """
    if not suffix:
        return 1.0
    if not unit.names:
        raise ScpiFault(-138, f"{suffix}; a pure number is wanted")
    wanted = suffix.upper()
    for name, factor in unit.exceptions:
        if wanted == name:
            return factor
    for name in unit.names:
        if wanted.endswith(name) and wanted[: -len(name)] in _MULTIPLIERS:
            return _MULTIPLIERS[wanted[: -len(name)]]
    raise ScpiFault(-131, f"{suffix}; allowed: {' or '.join(unit.names)} with an SI multiplier")


def parse_number(text: str | Block, unit: Unit) -> float:
    """Read one number.

    Raises:
        ScpiFault: -104 no number at all, -102 a malformed one, -131 or -138 its suffix, -222 not finite.
    """
    if isinstance(text, Block):
        raise ScpiFault(-104, "a block; a number is wanted")
    decimal = _DECIMAL.fullmatch(text)
    if decimal is not None:
        value = float(re.sub(r"\s", "", decimal[1])) * suffix_factor(decimal[2], unit)
        return require_finite(value)
    whole = _nondecimal(text)
    if whole is not None:
        return float(whole)
    word = text.upper().lstrip("+-")
    if word in ("NAN", "INF", "NINF", "INFINITY"):
        raise ScpiFault(-222, f"{text}; finite numbers are allowed")
    if _WORD.fullmatch(text) or text[:1] in "\"'(":
        raise ScpiFault(-104, f"{text[:40]}; a number is wanted")
    raise ScpiFault(-102, f"{text[:40]} is no number")


def _nondecimal(text: str) -> int | None:
    found = _NONDECIMAL.fullmatch(text)
    if found is None:
        return None
    digits, base = next(
        (group, base) for group, base in zip(found.groups(), (16, 8, 2), strict=True) if group
    )
    if len(digits) > _DIGITS_MOST:
        raise ScpiFault(-222, f"{len(digits)} digits; at most {_DIGITS_MOST} are allowed")
    return int(digits, base)


def _whole(text: str | Block) -> int | None:
    """Read a number written without point or exponent in all its digits; a float keeps some 16."""
    if isinstance(text, Block):
        return None
    return int(text) if _WHOLE.fullmatch(text) else _nondecimal(text)


def require_finite(value: float) -> float:
    """Refuse NaN, infinity and SCPI's stand-ins for them (-222)."""
    if not math.isfinite(value) or abs(value) >= SCPI_INFINITY:
        raise ScpiFault(-222, f"{value:g}; finite numbers are allowed")
    return value


@dataclass(frozen=True, slots=True)
class Limits:
    """Range of a setting, and the value that DEFault stands for."""

    low: float
    high: float
    default: float

    def keyword(self, text: str | Block) -> float | None:
        """Value of MINimum, MAXimum or DEFault; None if the parameter is none of them."""
        word = text.upper() if isinstance(text, str) else ""
        if word in ("MIN", "MINIMUM"):
            return self.low
        if word in ("MAX", "MAXIMUM"):
            return self.high
        if word in ("DEF", "DEFAULT"):
            return self.default
        return None

    def parse(self, text: str | Block, unit: Unit) -> float:
        """Read a value inside the range.

        Raises:
            ScpiFault: as `parse_number`, and -222 outside the range.
        """
        keyword = self.keyword(text)
        value = parse_number(text, unit) if keyword is None else keyword
        if not self.low <= value <= self.high:
            raise ScpiFault(-222, f"{value:g}; allowed: {self.low:g} to {self.high:g}")
        return value

    def parse_integer(self, text: str | Block) -> int:
        """Read a whole number inside the range; a fraction is rounded, as IEEE 488.2 asks."""
        keyword, whole = self.keyword(text), _whole(text)
        value = keyword if keyword is not None else whole if whole is not None else parse_number(text, PURE)
        rounded = value if isinstance(value, int) else math.floor(value + 0.5)
        if not self.low <= rounded <= self.high:
            raise ScpiFault(-222, f"{value:g}; allowed: {self.low:g} to {self.high:g}")
        return rounded
