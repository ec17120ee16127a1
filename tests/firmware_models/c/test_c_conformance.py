"""The engine in C put through the contract, on this machine and on the emulated board."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from c_engine import Instrument
from click.testing import CliRunner
from conformance_rig import EngineLine
from engine_rig import EngineRig
from reference_board import ALL_GROUPS

from crosscal.command_line import crosscal
from crosscal.firmware_models.conformance import Conformance
from crosscal.firmware_models.emulator import EmulatedBoard, Firmware, missing_tools


@pytest.mark.parametrize("message_based", [False, True], ids=["stream", "messages"])
def test_the_engine_in_c_passes(message_based: bool) -> None:
    rig = EngineRig((*ALL_GROUPS, "LOCK"))
    assert isinstance(rig.instrument, Instrument)
    line = EngineLine(rig, message_based=message_based)
    results = Conformance(line).run()
    assert [finding for result in results for finding in result.findings] == []
    with closing(line.link.session):
        assert sum(not result.skipped for result in results) > 40


@pytest.mark.skipif(bool(missing_tools()), reason="the tools that build and emulate firmware are missing")
def test_the_emulated_board_passes(tmp_path: Path) -> None:
    elf = tmp_path / "board.elf"
    Firmware(rows=5, columns=4).build(elf)
    with EmulatedBoard(elf, tmp_path / "port") as board:
        asked = [
            "conformance",
            board.resource,
            "--backend",
            "@py",
            "--json",
            "--timeout",
            "20",
            "--skip",
            "block_silence",
        ]
        done = CliRunner().invoke(crosscal, asked)
    told = json.loads(done.stdout)
    assert [test for test in told["tests"] if test["findings"]] == []
    assert (done.exit_code, told["passed"], told["rows"]) == (0, True, 5)
