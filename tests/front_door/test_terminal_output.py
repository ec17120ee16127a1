"""Output to people: any encoding, any width, a terminal or a pipe, and the last line of an interrupt."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.shell_completion import ShellComplete
from rich.console import Console

from crosscal.command_line import COMMANDS, crosscal
from crosscal.commands.terminal import progress
from crosscal.commands.terminal.encoding import ERRORS, SUBSTITUTES, tolerate_any_encoding
from crosscal.commands.terminal.failure import explain_interrupt
from crosscal.commands.terminal.interrupt import keeping
from crosscal.commands.terminal.log import start_log
from crosscal.commands.terminal.progress import progress_bar
from crosscal.simulated_bench import profile_names
from crosscal.training import calibrator_names


def commands(group: click.Group, *names: str) -> list[tuple[str, ...]]:
    """Names of all commands, of groups within the group too."""
    found: list[tuple[str, ...]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found.append((*names, name))
        if isinstance(command, click.Group):
            found += commands(command, *names, name)
    return found


@pytest.mark.parametrize("names", [(), *commands(crosscal)], ids=" ".join)
def test_help_fits_80_columns_and_shows_no_bound_that_is_not_there(names: tuple[str, ...]) -> None:
    command: click.Command = crosscal
    context = click.Context(crosscal, info_name="crosscal", max_content_width=80, terminal_width=80)
    for name in names:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None
        command = found
        context = click.Context(
            command, info_name=name, parent=context, max_content_width=80, terminal_width=80
        )
    shown = command.get_help(context)
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "None" not in shown


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "utf-8"])
def test_commands_explain_themselves_in_any_encoding(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    code = (
        "import sys; from crosscal.command_line import main\n"
        "for name in ('bench', 'check', 'collect', 'evaluate', 'plot'):\n"
        "    sys.argv = ['crosscal', name, '--help']\n"
        "    try:\n        main()\n    except SystemExit as end:\n        assert not end.code, name\n"
        "print('× µA Ω −40 °C ≤ √2 ━━ │ ─ é 電')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    # click takes ASCII for a sign of a misconfigured machine and writes help as UTF-8 there.
    last = ended.stdout.decode("utf-8" if encoding == "ascii" else encoding).splitlines()[-1]
    if encoding == "ascii":
        assert last == "x uA ohm -40 deg C <= sqrt 2 -- | - e ?"
    if encoding == "utf-8":
        assert last == "× µA Ω −40 °C ≤ √2 ━━ │ ─ é 電"


def test_substitutes_are_plain_and_streams_that_are_not_text_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert all(text.isascii() for text in SUBSTITUTES.values())
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    tolerate_any_encoding()
    assert "1.5 × 3 µS".encode("ascii", ERRORS) == b"1.5 x 3 uS"


def test_a_netlist_is_written_as_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "crosscal", "export-spice", "lab-12x16", "-o", "board.cir"]
    ended = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    text = (tmp_path / "board.cir").read_bytes().decode("utf-8")
    assert text.rstrip().endswith(".end")
    assert "°C" in text


class Clock:
    """Time that a test moves on."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def shown_in(width: int, *, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    monkeypatch.setattr(progress, "console", console)
    return out


def test_a_pipe_gets_a_plain_line_for_each_tenth_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    out, clock = shown_in(80, terminal=False, monkeypatch=monkeypatch), Clock()
    with progress_bar(clock) as bar:
        task = bar.add_task("collecting", total=200, note="")
        for _ in range(200):
            clock.now_s += 0.1
            bar.advance(task)
    lines = out.getvalue().splitlines()
    assert lines[0] == "collecting: 0 of 200"
    assert [line.partition(",")[0] for line in lines[1:]] == [
        f"collecting: {k} of 200" for k in range(20, 201, 20)
    ]
    assert lines[-1] == "collecting: 200 of 200, 20 s"
    assert "\x1b" not in out.getvalue()


def test_slow_work_is_told_of_after_10_s_and_without_news_there_is_no_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, clock = shown_in(80, terminal=False, monkeypatch=monkeypatch), Clock()
    with progress_bar(clock) as bar:
        night = bar.add_task("collecting", total=1000, note="")
        training = bar.add_task("training", total=None, note="")
        for k in range(1, 4):
            clock.now_s = 12.0 * k
            bar.update(night, completed=k)
            bar.update(night, completed=k)
        bar.update(training, note="the circuit fits")
        bar.update(training, note="the circuit fits")
    assert out.getvalue().splitlines() == [
        "collecting: 0 of 1000",
        "training",
        "collecting: 1 of 1000, 12 s",
        "collecting: 2 of 1000, 24 s",
        "collecting: 3 of 1000, 36 s",
        "training, the circuit fits, 36 s",
    ]


def test_label_and_note_can_be_read_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown_in(80, terminal=True, monkeypatch=monkeypatch)
    with progress_bar() as bar:
        label, note = "training structured, circuit", "loss 1.23e-03, best NMSE 4.56e-05, 12 of 34 terms"
        bar.add_task(label, total=400, completed=123, note=note)
    assert f"{label} " in out.getvalue()
    assert "123/400" in out.getvalue()
    assert note in out.getvalue()
    assert all(
        len(line) <= 80 for line in out.getvalue().replace("\r", "\n").splitlines() if "\x1b" not in line
    )


def interrupted_within_click() -> None:
    """Raise what releases of click before 8.1.4 make of an interrupt."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as interrupt:
        interrupt.__notes__ = ["3 matrices are kept"]
        raise click.Abort  # noqa: B904


def test_an_interrupt_says_only_what_is_true_of_the_work_that_is_kept() -> None:
    def interrupted(*notices: str | None) -> str:
        def run(rest: tuple[str | None, ...]) -> None:
            if not rest:
                raise KeyboardInterrupt
            with keeping(lambda: rest[0]):
                run(rest[1:])

        with pytest.raises(KeyboardInterrupt) as caught:
            run(notices)
        return explain_interrupt(caught.value)

    assert interrupted() == "interrupted"
    assert interrupted(None) == "interrupted"
    assert interrupted("3 matrices are kept") == "interrupted; 3 matrices are kept"
    with pytest.raises(click.Abort) as aborted:
        interrupted_within_click()
    assert explain_interrupt(aborted.value) == "interrupted; 3 matrices are kept"
    # A suite knows better than the collection within it how to go on.
    assert interrupted("the suite goes on", "use --resume") == "interrupted; the suite goes on"


def interrupted_collect(folder: Path, *, after: str, number: int) -> tuple[int, str]:
    """Send a signal to a collection once a line has come, and return exit code and last line."""
    command = [sys.executable, "-m", "crosscal", "collect", "TCPIP0::localhost::inst0::INSTR"]
    command += ["--backend", "lab-12x16@crosscal", "--matrices", "2000", "--vectors", "2", "-o", "run.h5"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if after in line:
                break
        process.send_signal(number)
        rest = process.stderr.read()
        return process.wait(), rest.splitlines()[-1]


def test_a_collection_that_is_cut_off_names_the_matrices_it_keeps(tmp_path: Path) -> None:
    # Of 2000 matrices a tenth is far: the line after 10 s would be the next.
    code, last = interrupted_collect(tmp_path, after="collecting: 0 of 2000", number=signal.SIGINT)
    assert code == 130
    if (tmp_path / "run.h5").exists():
        assert "the finished matrices are kept in run.h5: --resume goes on from there" in last
    else:
        assert last == "interrupted"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_collection_whose_terminal_closes_is_interrupted(tmp_path: Path) -> None:
    code, last = interrupted_collect(tmp_path, after="collecting: 0 of", number=signal.SIGHUP)
    assert code == 130
    assert last.startswith("interrupted")


def test_v_logs_transitions_and_vv_no_other_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        for verbose, seen in (
            (0, {"careful"}),
            (1, {"careful", "opened"}),
            (2, {"careful", "opened", "sent"}),
        ):
            start_log(verbose)
            log = logging.getLogger("crosscal.drivers.board")
            log.warning("careful")
            log.info("opened")
            log.debug("sent")
            logging.getLogger("matplotlib").debug("flood")
            logging.getLogger("numba").info("flood")
            shown = {line.split()[-1] for line in capsys.readouterr().err.splitlines()}
            assert shown == seen
    finally:
        logging.getLogger("crosscal").setLevel(logging.NOTSET)
        logging.getLogger().handlers[:] = [
            handler
            for handler in logging.getLogger().handlers
            if type(handler).__name__ != "_StandardErrorHandler"
        ]


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ([], "", set(COMMANDS)),
        (["plot"], "vol", {"voltages"}),
        (["plot", "voltages"], "lab-", {"lab-12x16", "lab-16x12"}),
        (["bench"], "", set(profile_names())),
        (["study"], "mem", {"memsys2025"}),
        (["collect", "X", "--backend"], "mem", {"memsys2025@crosscal"}),
        (["recalibrate", "X", "b.onnx", "--backend"], "@", {"@py"}),
        (["train", "run.h5", "--calibrator"], "", set(calibrator_names())),
        (
            ["evaluate", "--suite", "--calibrators"],
            "affine,",
            {f"affine,{n}" for n in calibrator_names() if n != "affine"},
        ),
        (["evaluate", "--suite", "--boards"], "wires-6", {"wires-6"}),
        (["evaluate", "--truth"], "pcm", {"pcm-24x32"}),
    ],
    ids=lambda value: " ".join(sorted(value) if isinstance(value, set) else value)[:20],
)
def test_a_shell_completes_commands_profiles_boards_and_calibrators(
    words: list[str], incomplete: str, offered: set[str]
) -> None:
    completion = ShellComplete(crosscal, {}, "crosscal", "_CROSSCAL_COMPLETE")
    found = {item.value for item in completion.get_completions(words, incomplete) if item.type == "plain"}
    assert offered <= found
    assert all(name.startswith(incomplete) for name in found)


def test_values_that_hold_arrays_print_on_few_lines(tmp_path: Path) -> None:
    from crosscal.core.run.layout import MatrixRecord, RunPlan
    from crosscal.core.run.writer import RunWriter
    from crosscal.core.run_file import read_run

    plan = RunPlan(
        matrices=1, vectors=300, rows=30, columns=40, inputs="random", seed=1, identity="x", has_truth=False
    )
    record = MatrixRecord(
        target_s=np.ones((30, 40)),
        voltage_v=np.ones((300, 30)),
        current_a=np.ones((300, 40)),
        status=np.zeros((300, 40), dtype=np.uint8),
        range_a=1e-3,
        temperature_c=25.0,
        time_s=time.time(),
        cells_failed=0,
        program_rms_error=0.0,
    )
    settings = {f"SENS:KEY{k}": k for k in range(50)}
    with RunWriter.create(tmp_path / "run.h5", plan, settings) as writer:
        writer.write(0, record)
    shown = repr(read_run(tmp_path / "run.h5"))
    assert "<float64 1×300×40>" in shown
    assert "<50 entries>" in shown
    assert len(shown) < 1000
    assert len(repr(record)) < 500
