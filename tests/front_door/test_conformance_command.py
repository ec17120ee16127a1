"""`crosscal conformance` from outside: boards over TCP and a serial port, exit codes, JSON, bad input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crosscal.command_line import crosscal
from crosscal.core.errors import BoardConnectionError, InputError
from crosscal.firmware_models.board_settings import BoardSettings
from crosscal.simulated_bench import Bench, BenchServer, PoweredBoard

REFERENCE_TOML = Path(__file__).parents[1] / "firmware_models" / "reference_board.toml"


QUICK = ("--backend", "@py", "--skip", "block_silence")
"""A silence of seven seconds is waited for elsewhere, by a clock in hand."""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crosscal, ["conformance", *arguments])


@pytest.fixture
def server() -> Iterator[BenchServer]:
    """A small board."""
    bench = Bench.from_toml(REFERENCE_TOML, array={"rows": 4})
    with BenchServer(PoweredBoard(bench)) as server:
        yield server


def test_a_simulated_board_passes_over_tcp(server: BenchServer) -> None:
    server.listen_tcp("127.0.0.1", 0)
    done = run(server.resource, *QUICK)
    assert done.exit_code == 0, done.output
    assert "the board follows the contract" in done.stdout
    assert "testing" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_simulated_board_passes_over_a_serial_port(server: BenchServer, tmp_path: Path) -> None:
    server.open_pty(tmp_path / "board")
    done = run(server.resource, *QUICK, "--json", "--no-program")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["passed"], told["rows"], told["columns"]) == (0, True, 4, 2)
    outcomes = {test["name"]: test["outcome"] for test in told["tests"]}
    assert outcomes["freed_stream"] == outcomes["driver"] == "passed"
    assert outcomes["programming"] == "skipped"


def test_a_fault_is_told_with_its_decision_and_exit_code_1(
    server: BenchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reset = BoardSettings.reset

    def forgetful(settings: BoardSettings) -> None:
        source = getattr(settings, "trigger_source", "IMMediate")
        reset(settings)
        settings.trigger_source = source

    monkeypatch.setattr(BoardSettings, "reset", forgetful)
    server.listen_tcp("127.0.0.1", 0)
    done = run(server.resource, "--backend", "@py", "--test", "reset", "--test", "ranges")
    assert done.exit_code == 1
    assert "1 of 2 tests passed" in done.stdout
    assert "*RST restores the power-on values of drive, sense, trigger and format" in done.stdout
    assert "decision 11 (power-on and `*RST`)" in " ".join(done.stdout.split())


def test_the_tests_are_listed_without_a_board() -> None:
    done = run("--list")
    assert done.exit_code == 0
    assert "block_order" in done.stdout
    assert "reference/power_on" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((), None, "give the board's RESOURCE"),
        (("python:my_lab:MyBoard",), InputError, "crosscal serve"),
        (("TCPIP::127.0.0.1::1::SOCKET", "--backend", "@py"), BoardConnectionError, "127.0.0.1"),
        (("TCPIP::localhost::INSTR", "--voltage", "0V"), None, "more than 0"),
        (("TCPIP::localhost::INSTR", "--test", "nonsense"), None, "--list names them"),
    ],
)
def test_bad_input_is_one_clear_error(
    arguments: tuple[str, ...], error: type[Exception] | None, words: str
) -> None:
    done = run(*arguments)
    assert done.exit_code != 0
    if error is None:
        assert words in done.stderr
    else:
        assert isinstance(done.exception, error)
        assert words in str(done.exception)
