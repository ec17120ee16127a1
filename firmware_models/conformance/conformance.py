"""A board put through the contract: transcripts replayed over any line, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from string import Template

from crosscal.core.errors import BoardConnectionError, BoardError, BoardTimeoutError, wanted
from crosscal.firmware_models.conformance.board_facts import FoundFacts, names_of, read_facts
from crosscal.firmware_models.conformance.findings import Finding, Result, finding_of
from crosscal.firmware_models.conformance.line import RUN_PATIENCE_S, Line, ask
from crosscal.firmware_models.conformance.settings_kept import SettingsKept
from crosscal.firmware_models.conformance.transcript_format import (
    TRANSCRIPTS,
    Send,
    Step,
    Transcript,
    load_transcripts,
    parse_transcript,
)
from crosscal.firmware_models.conformance.transcript_replay import TranscriptMismatchError, replay

ANY_BOARD = TRANSCRIPTS / "any_board"
ASYNCHRONOUS = (101, 102, 103, 104, 105, -240)
"""Reports of the hardware that come when they come (decision 3)."""
PATIENCE_S = 5.0  # for a reply to a command that only looks something up
BLOCK_SILENCE_S = 5.6  # a board gives up an incomplete block after 5 s (decision 16)
SEQUENCE_VALUES_MOST = 1 << 16
"""More values than these are not sent to see that they are too many."""

_SLOW = re.compile(r"PROG|ARR:COND\?", re.IGNORECASE)
_WRITES = re.compile(r"ARR(AY)?:PROG(RAM)?(:START?)?(?![:\w?])", re.IGNORECASE)
# The board that the transcripts of the reference were written for.
_REFERENCE = FoundFacts(
    identity="",
    rows=3,
    columns=2,
    groups=("PROG", "READBACK", "SEQ", "TEMP", "SIM"),
    conductance_limits_s=(1e-6, 1e-3),
    ranges_a=(1e-5, 1e-3, 1e-1),
    dac_bits=16,
    dac_full_scale_v=1.0,
    sequence_most=4096,
    protection_v=0.6,
)

Progress = Callable[[str, int, int], object]


def _nothing(name: str, done: int, total: int) -> None:
    """Show no progress."""
    del name, done, total


class Conformance:
    """Puts one board through the contract.

    Args:
        line: a way to the board that nobody else uses.
        largest_v: largest input to drive [V]; None: half of the protection found on the board.
        program: write cells; None: those of a simulated board.
        patience_s: time that the board has to begin a reply [s].
        wanted: whether to run the test of a name.

    Attributes:
        facts: of the board.

    Raises:
        BoardTimeoutError: the board does not answer.
        IncompatibleBoardError: it is no crossbar test board.
    """

    def __init__(
        self,
        line: Line,
        *,
        largest_v: float | None = None,
        program: bool | None = None,
        patience_s: float = PATIENCE_S,
        wanted: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._line = line
        self._wanted = wanted
        self._patience_s = patience_s
        line.send(b"*CLS\n")
        self._require_unlocked()
        self._kept = SettingsKept.found(line, patience_s)
        self.facts = read_facts(line, patience_s)
        self._program = "SIM" in self.facts.groups if program is None else program
        self._names = names_of(self.facts, largest_v)
        self._last_sent = ""
        self._lost = False

    def transcripts(self) -> list[Transcript]:
        """Transcripts for this board: those of any board, and of the reference board if it is one."""
        found = [
            parse_transcript(path.stem, Template(path.read_text(encoding="utf-8")).substitute(self._names))
            for path in sorted(ANY_BOARD.glob("*.txt"), key=_order)
        ]
        found = [t for t in found if not set(t.lacks) & set(self.facts.groups)]
        if self._is_reference():
            found += [replace(t, name=f"reference/{t.name}") for t in load_transcripts()]
        return [transcript for transcript in found if self._wanted(transcript.name)]

    def run(self, progress: Progress = _nothing) -> list[Result]:
        """Replay all that the board can be put through; rows and settings are left as by `finish`."""
        transcripts = self.transcripts()
        results = []
        for done, transcript in enumerate(transcripts):
            progress(transcript.name, done, len(transcripts))
            results.append(self._result(transcript))
        progress("", len(transcripts), len(transcripts))
        return results

    def finish(self) -> str:
        """Take the rows to 0 V and restore the settings found; return a complaint, or nothing.

        Raises:
            BoardError: the board does not answer.
        """
        try:
            off = self._come_to_rest()
        except BoardTimeoutError:
            self._line.recover()
            off = self._come_to_rest()
        self._kept.restore(self._line, self._patience_s, cells=self._program)
        if "LOCK" in self.facts.groups:
            self._line.send(b"SYST:LOCK:REL\n")
        return "" if off else "OUTPut? does not answer 0 after OUTPut OFF: look whether the rows are at 0 V"

    def _come_to_rest(self) -> bool:
        for message in (
            b"ABOR\n",
            b"OUTP OFF\n",
            b"FORM ASC\n",
            f"SOUR:VOLT:LIST {self._names['zeros']}\n".encode(),
        ):
            self._line.send(message)
        self._drain()
        return ask(self._line, "OUTP?", self._patience_s).strip() == "0"

    def _drain(self) -> None:
        """Find back into step: drop replies up to that of a query asked now."""
        self._line.send(b"ARR:SIZE?\n")
        wanted = self._names["size"].encode() + b"\n"
        received = bytearray()
        while not received.endswith(wanted):
            came = self._line.receive(self._patience_s)
            if not came:
                raise BoardTimeoutError(f"no reply to ARR:SIZE? within {self._patience_s:g} s")
            received += came

    def _is_reference(self) -> bool:
        facts = self.facts
        same = ("rows", "columns", "conductance_limits_s", "ranges_a", "dac_bits", "dac_full_scale_v")
        return (
            all(getattr(facts, name) == getattr(_REFERENCE, name) for name in same)
            and facts.sequence_most == _REFERENCE.sequence_most
            and facts.groups == _REFERENCE.groups
            and "REFERENCE" in facts.identity
        )

    def _result(self, transcript: Transcript) -> Result:
        reason = self._reason_to_skip(transcript)
        findings: tuple[Finding, ...] = ()
        if not reason:
            try:
                self._prepare(locks=transcript.name != "lock")
                self._replay(transcript)
            except TranscriptMismatchError as error:
                findings = (finding_of(transcript, error),)
                self._lost = True
            except BoardError as error:
                if self._lost:
                    reason = "the board does not answer any more"
                else:
                    findings = (self._silence(transcript, error),)
                self._lost = True
        return Result(name=transcript.name, title=transcript.title, skipped=reason, findings=findings)

    def _silence(self, transcript: Transcript, error: BoardError) -> Finding:
        return Finding(
            words="The board answers after whatever was sent to it",
            what=str(error),
            place="docs/remote_interface.md",
            sent=self._last_sent,
            transcript=transcript.name,
        )

    def _replay(self, transcript: Transcript) -> None:
        replay(
            transcript,
            self._send,
            self._receive,
            perform=self._perform,
            tolerated=() if transcript.engine_only else ASYNCHRONOUS,
        )

    def _perform(self, name: str, argument: float | None) -> None:
        if name == "silence":
            self._line.wait(argument or 0.0)

    def _send(self, data: bytes) -> None:
        self._last_sent = data[:200].decode("latin-1").rstrip()
        self._slow = bool(_SLOW.search(self._last_sent))
        self._line.send(data)

    def _receive(self) -> bytes:
        return self._line.receive(max(self._patience_s, RUN_PATIENCE_S if self._slow else 0.0))

    def _prepare(self, *, locks: bool) -> None:
        """Bring the board near its state after power-on, with its own protection."""
        if self._lost:
            self._line.recover()
        try:
            self._send_preparation(locks)
        except BoardTimeoutError:
            # It may wait for the rest of a block, or a stream for its trigger.
            self._line.wait(BLOCK_SILENCE_S)
            self._line.recover()
            self._send_preparation(locks)
        self._lost = False

    def _require_unlocked(self) -> None:
        """See that no other client has the board.

        Raises:
            BoardConnectionError: one has locked it.
        """
        if "LOCK" not in ask(self._line, "SYST:CAP?", self._patience_s).upper().split(","):
            return
        if ask(self._line, "SYST:LOCK:REQ?", self._patience_s).strip() == "0":
            raise BoardConnectionError(
                wanted(
                    got=f"a board locked by {ask(self._line, 'SYST:LOCK:OWN?', self._patience_s)}",
                    allowed="a board that nobody else uses",
                    remedy="end the other program, or wait until its lock ends",
                )
            )

    def _send_preparation(self, locks: bool) -> None:
        lock = [f"SYST:LOCK:{'REQ?' if locks else 'REL'}"] if "LOCK" in self.facts.groups else []
        units = [*lock, "ABOR", "*RST", "OUTP OFF", "*ESE 0", "*SRE 0", "STAT:PRES"]
        units += [f"SOUR:VOLT:PROT {self._names['protection']}"]
        units += ["SIM:FAUL:CLE"] if "SIM" in self.facts.groups else []
        units += ["SIM:TEMP 25"] if self._is_reference() else []
        units += ["ARR:PROG:TOL DEF", "ARR:PROG:ITER DEF"] if "PROG" in self.facts.groups else []
        units += ["CAL:STAT OFF"] if "CAL" in self.facts.groups else []
        for unit in units:
            self._line.send(unit.encode() + b"\n")
        self._drain()
        self._line.send(b"*CLS\n")
        self._drain()
        # The event register keeps what *CLS of some boards leaves.
        ask(self._line, "*ESR?", self._patience_s)

    def _reason_to_skip(self, transcript: Transcript) -> str:
        groups = set(self.facts.groups)
        if not transcript.fits(message_based=self._line.message_based):
            return "for links with message boundaries" if transcript.message_based else "for streams"
        if lacking := sorted(set(transcript.needs) - groups):
            return f"the board has no group {', '.join(lacking)}"
        if transcript.switched_on:
            return "holds on a board just switched on alone"
        if transcript.engine_only:
            return "needs the engine in hand"
        if not self._program and (transcript.programs or any(map(_writes_cells, transcript.steps))):
            return "writes cells: give --program"
        if transcript.name == "sequence_too_long" and self._too_many() > SEQUENCE_VALUES_MOST:
            return f"{self._too_many()} values would have to be sent"
        if transcript.name in ("sequence", "trace") and self.facts.sequence_most < 2:
            return "sequences of this board hold one vector"
        return ""

    def _too_many(self) -> int:
        return int(self._names["sequence_values_too_many"])


def _order(path: Path) -> tuple[bool, str]:
    """Put tests of single error codes first: where others fail for the same reason, these have the words."""
    return not path.stem.startswith("error_"), path.stem


def _writes_cells(step: Step) -> bool:
    return isinstance(step, Send) and _WRITES.search(step.text) is not None
