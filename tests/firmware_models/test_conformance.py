"""Boards put through the contract: good ones pass, planted faults are named, and the rows end at 0 V."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from conformance_rig import EngineLine
from engine_rig import EngineRig
from reference_board import ALL_GROUPS, FACTS, ReferenceBoard
from support.fake_hardware import FakeHardware

from crosscal.core.errors import BoardConnectionError, BoardTimeoutError, IncompatibleBoardError
from crosscal.firmware_models import BoardFacts
from crosscal.firmware_models.board_settings import BoardSettings
from crosscal.firmware_models.conformance import ANY_BOARD, TRANSCRIPTS, Conformance, Finding, Result, merged
from crosscal.firmware_models.conformance.decisions import DECISIONS, decision_of, place_of, plain
from crosscal.firmware_models.conformance.transcript_format import load_transcripts
from crosscal.firmware_models.data_format import DataFormat
from crosscal.firmware_models.header_tree import HeaderTree
from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.firmware_models.status_registers import ClientStatus


def tried(rig: EngineRig, *, message_based: bool = False, **options: object) -> list[Result]:
    """Put a board through the contract."""
    conformance = Conformance(EngineLine(rig, message_based=message_based), **options)  # pyright: ignore[reportArgumentType]
    results = conformance.run()
    assert conformance.finish() == ""
    return results


def wrong(results: Sequence[Result]) -> list[Finding]:
    return [finding for result in results for finding in result.findings]


@pytest.mark.parametrize("message_based", [False, True], ids=["stream", "messages"])
def test_the_reference_board_passes(message_based: bool) -> None:
    results = tried(EngineRig(), message_based=message_based)
    assert wrong(results) == []
    run = {result.name for result in results if not result.skipped}
    assert {"trigger", "block_order", "programming", "reference/errors_command"} <= run
    assert all(result.skipped for result in results if result.name == "reference/power_on")


OTHERS = {
    "one cell": replace(FACTS, rows=1, columns=1, model="OTHER"),
    "one row": replace(FACTS, rows=1, columns=5, ranges_a=(1e-3,), dac_bits=8, model="OTHER"),
    "many ranges": replace(
        FACTS, rows=7, columns=3, ranges_a=(1e-6, 1e-5, 1e-4), protection_max_v=0.3, average_max=1
    ),
    "no groups": replace(FACTS, capabilities=()),
    "one vector": replace(FACTS, rows=4, sequence_max=1, conductance_min_s=0.0),
    "locks": replace(FACTS, capabilities=(*ALL_GROUPS, "LOCK")),
}


@pytest.mark.parametrize("facts", OTHERS.values(), ids=OTHERS)
def test_a_board_of_another_size_or_other_groups_is_accused_of_nothing(facts: BoardFacts) -> None:
    assert wrong(tried(EngineRig(hardware=FakeHardware(facts)))) == []


def test_the_board_is_left_as_it_was_found_at_0_v() -> None:
    rig = EngineRig(hardware=FakeHardware(replace(FACTS, model="OTHER")))
    client = rig.open_link()
    client.tell(
        "*CLS;:SENS:AVER:COUN 5;APER 2e-3;:FORM REAL,32;:FORM:BORD SWAP;:ARR:PROG:TOL 0.1;:TRIG:SOUR BUS"
    )
    client.tell(
        "SOUR:VOLT:PROT 0.25;:SENS:CURR:RANG 1e-3;:ARR:COND:TARG 1e-4,2e-4,3e-4,4e-4,5e-4,6e-4;*ESE 36"
    )
    before = rig.instrument.settings.state()
    assert wrong(tried(rig)) == []
    assert rig.instrument.settings.state() == before
    assert client.ask("*ESE?;:OUTP?") == "36;0"
    assert max(abs(v) for vector in rig.hardware.driven_v for v in vector) <= 0.125
    assert rig.hardware.true_conductance()[5] == pytest.approx(6e-4, rel=0.2)


def test_cells_of_hardware_are_written_only_if_asked() -> None:
    facts = replace(FACTS, capabilities=("PROG", "READBACK", "SEQ"))
    rig = EngineRig(hardware=FakeHardware(facts))
    rig.hardware.failures = {"begin_programming": AssertionError("cells were written")}
    results = tried(rig)
    assert wrong(results) == []
    assert {r.name: r.skipped for r in results}["programming"] == "writes cells: give --program"


def test_a_smaller_input_is_kept_to() -> None:
    rig = EngineRig(hardware=FakeHardware(replace(FACTS, model="OTHER")))
    tried(rig, largest_v=0.05)
    assert 0.0 < max(abs(v) for vector in rig.hardware.driven_v for v in vector) <= 0.05


@dataclass(frozen=True)
class Fault:
    """A fault planted in a board, and the words that must name it.

    Attributes:
        plant: puts it into the engine; None: `alter` the replies instead.
        words: pattern of the rule that is said to be broken.
        decision: its number.
        most: how many things may be called wrong because of it.
    """

    words: str
    decision: int | None
    plant: Callable[[pytest.MonkeyPatch], None] | None = None
    alter: Callable[[bytes], bytes] = lambda data: data
    most: int = 1


def _no_undefined_headers(patch: pytest.MonkeyPatch) -> None:
    found = HeaderTree.find

    def find(self: HeaderTree, path: str, *, query: bool) -> object:
        try:
            return found(self, path, query=query)
        except ScpiFault:
            return found(self, "*WAI", query=False)

    patch.setattr(HeaderTree, "find", find)


def _output_stays_on(patch: pytest.MonkeyPatch) -> None:
    reset = BoardSettings.reset

    def keep_output(self: BoardSettings) -> None:
        before = getattr(self, "output_on", False)
        reset(self)
        self.output_on = before

    patch.setattr(BoardSettings, "reset", keep_output)


def _lost_status_bit(bit: int) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        answered = ClientStatus.status_byte

        def status_byte(self: ClientStatus, **options: bool) -> int:
            return answered(self, **options) & ~bit

        patch.setattr(ClientStatus, "status_byte", status_byte)

    return plant


def _reversed_blocks(patch: pytest.MonkeyPatch) -> None:
    encode = DataFormat.encode
    patch.setattr(
        DataFormat, "encode", lambda self, values: encode(replace(self, swapped=not self.swapped), values)
    )


def _protection_unheeded(patch: pytest.MonkeyPatch) -> None:
    from crosscal.firmware_models.commands import source

    patch.setattr(source, "_largest", lambda _: 0.0)
    patch.setattr(ReferenceBoard, "round_voltage", lambda _, values, __: array("d", values))


FAULTS = {
    "wrong error number": Fault(
        "-222: a value outside its limits",
        None,
        alter=lambda data: data.replace(b"-222,", b"-220,"),
        most=9,
    ),
    "reversed block order": Fault("Blocks are big-endian", None, plant=_reversed_blocks, most=4),
    "no -113": Fault("-113: no such command", None, plant=_no_undefined_headers, most=25),
    "error bit missing from the status byte": Fault(
        "An error in the queue is bit 2", None, plant=_lost_status_bit(4), most=4
    ),
    "output on after *RST": Fault(r"\*RST switches the output off", 11, plant=_output_stays_on, most=3),
    "protection unheeded": Fault("beyond the protection is -222", None, plant=_protection_unheeded, most=8),
    "short form of the format": Fault(
        r"FORMat\? answers ASC,17",
        18,
        alter=lambda data: re.sub(rb"^REAL,(\d\d)$", rb"REAL", data, flags=re.M),
        most=2,
    ),
    "status as reals": Fault(
        "Status bits are whole numbers",
        None,
        alter=lambda data: re.sub(rb"^2,2$", b"2.0,2.0", data, flags=re.M),
        most=3,
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_named(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault.plant is not None:
        fault.plant(monkeypatch)
    rig = EngineRig(hardware=FakeHardware(replace(FACTS, model="OTHER")))
    found = merged(Conformance(EngineLine(rig, alter=fault.alter)).run())
    named = [finding for finding in found if re.search(fault.words, finding.words)]
    assert named, [finding.words for finding in found]
    assert fault.decision in {finding.decision for finding in named}
    assert len(found) <= fault.most, [(finding.words, finding.what) for finding in found]


def test_a_board_that_falls_silent_is_said_to_and_waited_for_once() -> None:
    silent: list[bool] = []

    def alter(data: bytes) -> bytes:
        silent.extend([True] if b"-104" in data else [])
        return b"" if silent else data

    rig = EngineRig(hardware=FakeHardware(replace(FACTS, model="OTHER")))
    results = Conformance(EngineLine(rig, alter=alter)).run()
    assert "no reply" in wrong(results)[0].what
    last = [r.skipped for r in results if "group" not in r.skipped][-5:]
    assert set(last) == {"the board does not answer any more"}


def test_an_instrument_that_is_no_board_is_told_at_once() -> None:
    line = EngineLine(EngineRig(), alter=lambda data: data.replace(b"3,2", b"HP34401A"))
    with pytest.raises(IncompatibleBoardError, match="other tests rest on them"):
        Conformance(line)


def test_nothing_at_the_other_end_is_told_at_once() -> None:
    with pytest.raises(BoardTimeoutError, match="no reply"):
        Conformance(EngineLine(EngineRig(), alter=lambda _: b""))


def test_a_board_locked_by_another_client_is_left_alone() -> None:
    rig = EngineRig((*ALL_GROUPS, "LOCK"))
    other = rig.open_link()
    assert other.ask("SYST:LOCK:REQ?") == "1"
    with pytest.raises(BoardConnectionError, match="locked by unnamed"):
        Conformance(EngineLine(rig))


def test_titles_of_decisions_are_those_of_the_page(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "remote_interface.md").read_text(encoding="utf-8")
    headings = dict(re.findall(r"^### Decision (\d+): (.+)$", page, flags=re.M))
    assert {str(number): title for number, title in DECISIONS.items()} == headings


def test_remarks_name_decisions_and_sections() -> None:
    remark = "An error of a command discards the rest (decision 5)."
    assert decision_of("nothing", remark) == 5
    assert place_of(remark) == "docs/remote_interface.md, decision 5 (errors inside a message)"
    assert place_of("As ever (Syntax).") == "docs/remote_interface.md, Syntax"
    assert plain(remark) == "An error of a command discards the rest."


def test_sections_that_transcripts_name_are_those_of_the_page(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "remote_interface.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ (.+)$", page, flags=re.M))
    texts = [path.read_text(encoding="utf-8") for path in ANY_BOARD.glob("*.txt")]
    named = {place_of(text).partition(", ")[2] for text in texts}
    assert {name for name in named if name and not name.startswith("decision")} <= headings


def test_transcripts_come_with_the_package_and_by_their_old_name(pytestconfig: pytest.Config) -> None:
    assert len(load_transcripts()) >= 54
    old = pytestconfig.rootpath / "tests" / "firmware_models" / "transcripts"
    # A checkout without links holds the link's text, a source distribution nothing.
    if old.is_file():
        assert old.read_text().endswith("firmware_models/transcripts")
    elif old.exists():
        assert {path.name for path in old.iterdir()} == {path.name for path in TRANSCRIPTS.iterdir()}
