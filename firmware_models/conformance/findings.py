"""Results of putting a board through the contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from crosscal.firmware_models.conformance.decisions import decision_of, place_of, plain
from crosscal.firmware_models.conformance.transcript_format import Transcript
from crosscal.firmware_models.conformance.transcript_replay import TranscriptMismatchError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a board gets wrong.

    Attributes:
        words: the rule that it breaks.
        what: the answer that came, and the one expected.
        place: where the contract says so.
        decision: number of the contract's decision; None where the page's tables say it.
        sent: message that was sent last.
        transcript, line: where it showed; line 0 is the end.
        codes: error code that came, and those expected.
        also: other transcripts where the same code stood in for the same.
    """

    words: str
    what: str
    place: str
    decision: int | None = None
    sent: str = ""
    transcript: str = ""
    line: int = 0
    codes: tuple[int, tuple[int, ...]] | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One transcript, or test by the driver, and how it went.

    Attributes:
        name: of the transcript.
        title: its subject.
        skipped: reason why it was not run; empty if it was.
        findings: none if the board follows the contract.
    """

    name: str
    title: str
    skipped: str = ""
    findings: tuple[Finding, ...] = field(default_factory=tuple)


def finding_of(transcript: Transcript, error: TranscriptMismatchError) -> Finding:
    """Put a mismatch into words: the comments of the transcript above it."""
    remarks = (error.remark, transcript.title)
    return Finding(
        words=plain(error.remark or transcript.title),
        what=error.what,
        place=place_of(*remarks),
        decision=decision_of(*remarks),
        sent=error.sent,
        transcript=transcript.name,
        line=error.line,
        codes=error.codes,
    )


def merged(results: Iterable[Result]) -> list[Finding]:
    """Findings of all results, the same wrong error code for the same expected one but once."""
    found: list[Finding] = []
    for finding in (finding for result in results for finding in result.findings):
        index = next(
            (i for i, one in enumerate(found) if finding.codes is not None and one.codes == finding.codes),
            None,
        )
        if index is None:
            found.append(finding)
        else:
            found[index] = replace(found[index], also=(*found[index].also, finding.transcript))
    return found
