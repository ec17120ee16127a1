"""Findings of a check, each a verdict with the sentence that a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Verdict of one test."""

    GOOD = "good"
    NOTE = "note"
    FAULT = "fault"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Outcome of one test of a board.

    Attributes:
        test: name of the test, such as `order of columns`.
        verdict: whether something is wrong; `unknown` where the board or its matrix does not let it be told.
        text: the finding, with figures; for a fault also the remedy.
    """

    test: str
    verdict: Verdict
    text: str


def good(test: str, text: str) -> Finding:
    """Report a test that the board passed."""
    return Finding(test=test, verdict=Verdict.GOOD, text=text)


def note(test: str, text: str) -> Finding:
    """Report a figure that a person should know and that is no fault."""
    return Finding(test=test, verdict=Verdict.NOTE, text=text)


def fault(test: str, text: str) -> Finding:
    """Report something wrong, with its remedy."""
    return Finding(test=test, verdict=Verdict.FAULT, text=text)


def unknown(test: str, text: str) -> Finding:
    """Report that a test cannot tell, and why."""
    return Finding(test=test, verdict=Verdict.UNKNOWN, text=text)
