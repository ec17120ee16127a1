"""No command, error code or decision of the contract lacks a transcript; the engine has no other commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract import ARRAYS_ASKED, COMMANDS, DECISIONS, ERROR_CODES, WITH_LIMITS

from crosscal.firmware_models.commands import COMMANDS as ENGINE_COMMANDS
from crosscal.firmware_models.conformance.transcript_format import (
    TRANSCRIPTS,
    Expect,
    ExpectError,
    ExpectMatch,
    Send,
    Step,
    Transcript,
    load_transcripts,
)

# Only failing hardware brings these about, which no message can ask for: test_hardware_failures.py does.
WITHOUT_TRANSCRIPT = (-310, 101)

KEYWORDS = ("MINimum", "MAXimum", "DEFault")
NODE = re.compile(r"(\[)?:?(\*?\w+)\]?")
DECISION = re.compile(r"[Dd]ecisions? (\d+(?:(?:,| and) \d+)*)")
# Parameters that a `;` could stand in.
OPAQUE = re.compile(r"\{[^}]*\}|#\d.*|\"[^\"]*\"")
ALL = load_transcripts()


def spelled(header: str) -> re.Pattern[str]:
    """A pattern of all ways to write a header, leading colon included."""
    pattern = ":?"
    for index, (optional, node) in enumerate(NODE.findall(header)):
        short = "".join(letter for letter in node if not letter.islower())
        form = f"{':' if index else ''}(?:{re.escape(node)}|{re.escape(short)})"
        pattern += f"(?:{form})?" if optional else form
    return re.compile(pattern, re.IGNORECASE)


def steps_with_next(transcript: Transcript) -> Iterator[tuple[Step, Step | None]]:
    """Each step with the one behind it."""
    yield from zip(transcript.steps, (*transcript.steps[1:], None), strict=True)


def units_sent(transcript: Transcript) -> Iterator[tuple[str, str]]:
    """Absolute header (with its `?`) and parameters of each unit that is not expected to fail."""
    for step, following in steps_with_next(transcript):
        if not isinstance(step, Send) or isinstance(following, ExpectError):
            continue
        node = ""
        for unit in OPAQUE.sub("...", step.text).split(";"):
            header, _, parameters = unit.strip().partition(" ")
            if not header.startswith("*"):
                header = header[1:] if header.startswith(":") else f"{node}:{header}".lstrip(":")
                node = header.rpartition(":")[0]
            yield header, parameters.strip()


SENT = [
    unit
    for transcript in ALL
    if transcript.groups is None or {"LOCK", "TILE"} & set(transcript.groups)
    for unit in units_sent(transcript)
]


def parameters_sent(header: str, form: str) -> set[str]:
    """Parameters that transcripts send with a header, in its set (S) or query (Q) form; "" for none."""
    pattern = spelled(header)
    return {
        parameters
        for sent, parameters in SENT
        if sent.endswith("?") == (form == "Q") and pattern.fullmatch(sent.rstrip("?"))
    }


@pytest.mark.parametrize(("header", "forms"), COMMANDS.items())
def test_every_command_has_a_transcript(header: str, forms: str) -> None:
    for form in forms:
        assert parameters_sent(header, form), f"no transcript sends {header} in form {form}"


@pytest.mark.parametrize("header", [h for h in COMMANDS if not h.startswith("*")])
def test_every_command_is_sent_in_long_form(header: str) -> None:
    nodes = NODE.findall(header)
    full = ":".join(node.upper() for _, node in nodes)
    without_optional = ":".join(node.upper() for optional, node in nodes if not optional)
    assert {full, without_optional} & {sent.upper().strip(":?") for sent, _ in SENT}


def test_the_engine_has_the_commands_of_the_contract_and_no_others() -> None:
    forms = {
        command.header: ("S" if command.set else "") + ("Q" if command.query else "")
        for command in ENGINE_COMMANDS
        # No reference board has these groups: test_calibration_group.py and the bench's tests do.
        if command.group not in ("CAL", "SEQ, CAL", "AGE")
    }
    assert forms == COMMANDS


@pytest.mark.parametrize("code", [code for code in ERROR_CODES if code not in WITHOUT_TRANSCRIPT])
def test_every_error_code_has_a_transcript(code: int) -> None:
    expected = {found for transcript in ALL for step in transcript.steps for found in codes_expected(step)}
    assert code in expected


def codes_expected(step: Step) -> list[int]:
    """Codes that a step leaves no choice about."""
    if isinstance(step, ExpectError):
        return list(step.codes) if len(step.codes) == 1 else []
    if isinstance(step, ExpectMatch):
        return [int(code) for code in re.findall(rb"-\d{3}(?=,)", step.pattern.pattern)]
    return []


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision_is_named_by_a_transcript_or_a_test(decision: int) -> None:
    named: set[str] = set()
    for path in (*TRANSCRIPTS.glob("*.txt"), *Path(__file__).parent.glob("test_*.py")):
        for numbers in DECISION.findall(path.read_text(encoding="utf-8")):
            named.update(re.findall(r"\d+", numbers))
    assert str(decision) in named


@pytest.mark.parametrize("header", WITH_LIMITS)
def test_every_setting_with_a_range_is_set_and_asked_by_keyword(header: str) -> None:
    for form in "SQ":
        sent = {parameter.upper() for parameter in parameters_sent(header, form)}
        for keyword in KEYWORDS:
            assert sent & {keyword.upper(), keyword[:3].upper()}, f"{header} {keyword} in form {form}"


def replies_to(header: str) -> Iterator[str]:
    """What transcripts expect of a query that comes last in its message."""
    pattern = spelled(header)
    for transcript in ALL:
        for step, following in steps_with_next(transcript):
            if isinstance(step, Send) and isinstance(following, Expect):
                asked, mark, _ = step.text.split(";")[-1].partition("?")
                if mark and pattern.fullmatch(asked):
                    yield following.text


@pytest.mark.parametrize("header", ARRAYS_ASKED)
def test_every_array_is_asked_for_as_text_and_as_a_block(header: str) -> None:
    replies = list(replies_to(header))
    assert any(reply.startswith("{") for reply in replies)
    assert any(not reply.startswith("{") for reply in replies)


@pytest.mark.parametrize("code", [">d", "<d", ">f", "<f"])
def test_every_block_format_goes_in_and_out(code: str) -> None:
    steps = [step for transcript in ALL for step in transcript.steps]
    assert any(isinstance(step, Send) and "{" + code in step.text for step in steps)
    assert any(isinstance(step, Expect) and "{" + code in step.text for step in steps)


def test_the_pattern_of_a_header_takes_exactly_its_forms() -> None:
    pattern = spelled("SOURce:VOLTage[:LEVel]:LIST")
    for header in ("SOUR:VOLT:LIST", ":source:voltage:lev:list", "SOUR:VOLTAGE:LEVEL:LIST"):
        assert pattern.fullmatch(header)
    for header in ("SOUR:VOLTA:LIST", "SOUR:VOLT:LEV", "VOLT:LIST", "SOUR:VOLT:LIST:LEV"):
        assert not pattern.fullmatch(header)
