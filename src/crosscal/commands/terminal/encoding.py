"""Output in any encoding: characters that a terminal or pipe cannot show get substitutes."""

from __future__ import annotations

import codecs
import sys
import unicodedata

SUBSTITUTES = {
    "×": "x",
    "µ": "u",
    "μ": "u",
    "Ω": "ohm",
    "°": "deg ",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "±": "+-",
    "·": ".",
    "²": "^2",
    "√": "sqrt ",
    "’": "'",
    "“": '"',
    "”": '"',
    "•": "*",
}
ERRORS = "crosscal-substitute"


def substitute(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks: by a look-alike, by a line, else by a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    shown = "".join(_substitute_of(character) for character in error.object[error.start : error.end])
    return shown, error.end


def _substitute_of(character: str) -> str:
    if character in SUBSTITUTES:
        return SUBSTITUTES[character]
    name = unicodedata.name(character, "")
    if name.startswith("BOX DRAWINGS"):
        return "|" if "VERTICAL" in name and "HORIZONTAL" not in name else "-"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii")
    return plain or "?"


def tolerate_any_encoding() -> None:
    """Let standard output and standard error never fail for a character that they cannot show."""
    codecs.register_error(ERRORS, substitute)
    for stream in (sys.stdout, sys.stderr):
        # A stream that a program put in place may not be one of text.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=ERRORS)
