"""The command line: it teaches, it explains errors in one line, and its exit codes mean something."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from command_process import crosscal_here as run
from command_process import crosscal_process

from crosscal.command_line import COMMANDS
from crosscal.commands.benches.simulated_board import simulated_bench
from crosscal.commands.terminal.progress import progress_bar, show_log_beside_bar


def test_help_names_every_command_and_the_exit_codes() -> None:
    shown = crosscal_process("--help")
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in COMMANDS)
    assert "Exit codes" in shown.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_every_command_shows_how_to_call_it(name: str) -> None:
    shown = run(name, "--help")
    assert shown.returncode == 0, shown.stderr
    assert f"{name} [OPTIONS]" in shown.stdout


def test_the_heavy_libraries_are_not_imported_for_help() -> None:
    script = (
        "import sys\nsys.argv = ['crosscal', '--help']\n"
        "from crosscal.command_line import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'scipy', 'matplotlib', 'numba', 'onnxruntime', 'pyvisa'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("collect", "TCPIP::127.0.0.1::1::SOCKET", "--backend", "@py", "-o", "x.h5"), 1, "127.0.0.1"),
        (("collect", "TCPIP9::nowhere::INSTR", "--backend", "lab-16x12@crosscal"), 1, "nowhere"),
        (("collect", "ASRL1::INSTR", "--backend", "missing.toml@crosscal"), 1, "missing.toml"),
        (("train", "missing.h5"), 1, "missing.h5"),
        (("evaluate", "missing.onnx", "missing.h5"), 1, "missing.h5"),
        (("train", "x.h5", "--calibrator", "magic"), 2, "magic"),
        (("bench",), 2, "--tcp"),
        (("bench", "no-such-board", "--tcp", "0"), 1, "no-such-board"),
        (("study", "--calibrators", "magic"), 2, "magic"),
        (("frobnicate",), 2, "frobnicate"),
        (("demo", "-o", "taken/inside"), 1, "taken"),
        (("study", "-o", "taken/inside"), 1, "taken"),
        (("study", "no-such-board", "-o", "new"), 1, "no-such-board"),
        (("train", "x.h5", "-o", "no-such-folder/b.onnx"), 1, "no-such-folder"),
        (("train", "x.h5", "-o", "."), 1, "., a folder;"),
        (("train", "x.h5", "-o", "taken"), 1, "--force"),
        (("recalibrate", "ASRL1::INSTR", "b.onnx", "-o", "taken"), 1, "--force"),
        (("recalibrate", "ASRL1::INSTR", "missing.onnx", "-o", "new.onnx"), 1, "missing.onnx"),
    ],
)
def test_an_error_is_one_message_without_a_traceback(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file where a folder is asked for")
    ended = run(*arguments, cwd=tmp_path)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken"], "an error left a file behind"


def test_a_settings_file_with_an_unknown_key_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text('profile = "lab-16x12"\n[wires]\nrow_ohms = 3\n')
    ended = run("collect", "ASRL1::INSTR", "--backend", "bench.toml@crosscal", cwd=tmp_path)
    assert ended.returncode == 1
    assert "row_ohms" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_whoever_has_a_board_needs_nothing_that_simulates_one() -> None:
    script = (
        "import sys, crosscal.commands.collect\n"
        "from crosscal.commands.benches.simulated_board import simulated_bench\n"
        "assert simulated_bench('@py') is None and simulated_bench(None) is None\n"
        "extras = {'pyvisa_sim', 'scipy', 'matplotlib', 'tomli_w', 'distributed'}\n"
        "sys.exit(', '.join(extras & set(sys.modules)) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr


@pytest.mark.parametrize(
    ("backend", "bench"), [("@crosscal", "lab-16x12"), ("a@b/bench.toml@crosscal", "a@b/bench.toml")]
)
def test_a_simulated_board_of_this_process_is_known_by_its_backend(backend: str, bench: str) -> None:
    assert simulated_bench(backend) == bench


def test_what_a_room_logs_is_shown_beside_its_bar_and_not_printed() -> None:
    bar = progress_bar()
    task = bar.add_task("learning", total=None, note="")
    room = logging.getLogger("crosscal.training")
    before = room.level
    with show_log_beside_bar(bar, task, "crosscal.training"):
        logging.getLogger("crosscal.training.calibrators.structured.circuit_fit").info("%d vectors", 640)
    assert bar.tasks[0].fields["note"] == "640 vectors"
    assert (room.level, room.handlers) == (before, [])
