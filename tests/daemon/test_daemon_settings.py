"""Settings of the daemon: every impossible value is one clear line, and no board is touched."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from daemon.daemon_rig import SHIPPED

from crosscal.command_line import crosscal as command_line
from crosscal.core.errors import CrosscalError, SettingsError
from crosscal.daemon.checking import check
from crosscal.daemon.holdings import Holdings
from crosscal.daemon.settings import DaemonSettings
from crosscal.runtime.store import Store

WHOLE = 'board = "TCPIP::nowhere::1::SOCKET"\ncalibrator = "b7.onnx"\nstore = "store"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SHIPPED, tmp_path / "b7.onnx")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "daemon.toml"
    path.write_text(text)
    return path


def test_names_of_files_refer_to_the_settings_folder(folder: Path) -> None:
    settings = DaemonSettings.load(written(folder, WHOLE))
    assert settings.calibrator_path == folder / "b7.onnx"
    assert settings.store_path == folder / "store"
    assert settings.proxy.listen == "127.0.0.1:5026"
    assert settings.http is None
    assert settings.drift.false_alarms_per_day == 0.1
    assert settings.drift.interval_s == (60.0, 86400.0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bord = 1", "unknown key bord"),
        ('[http]\nlisten = "127.0.0.1:5026"', "127.0.0.1:5026 to listen on twice"),
        ("[drift]\nfalse_alarms_per_day = 0", "false_alarms_per_day = 0"),
        ("[drift]\nfalse_alarms_per_day = nan", "false_alarms_per_day = nan"),
        ("[drift]\nfalse_alarms_per_day = inf", "false_alarms_per_day = inf"),
        ("[drift]\nfalse_alarms_per_day = -0.1", "false_alarms_per_day = -0.1"),
        ("[drift]\nfalse_alarms_per_day = 1e-30", "false_alarms_per_day = 1e-30"),
        ('[drift]\nfalse_alarms_per_day = "few"', "drift.false_alarms_per_day"),
        ("[drift]\nboard_share = 0", "board_share = 0"),
        ("[drift]\nboard_share = nan", "board_share = nan"),
        ('[drift]\nboard_share = "1 %"', "drift.board_share"),
        ("[drift]\nboard_share = 2", "board_share = 2"),
        ("[drift]\nboard_share = -1", "board_share = -1"),
        ("[drift]\ninterval_s = [100, 5]", r"interval_s = \[100.0, 5.0\]"),
        ("[drift]\ninterval_s = [0, 5]", r"interval_s = \[0.0, 5.0\]"),
        ("[drift]\ninterval_s = [1e-9, 5]", r"interval_s = \[1e-09, 5.0\]"),
        ("[drift]\ninterval_s = [nan, 5]", r"interval_s = \[nan, 5.0\]"),
        ("[drift]\ninterval_s = [60, 1e9]", r"interval_s = \[60.0, 1000000000.0\]"),
        ("[drift]\ninterval_s = 5", "drift.interval_s"),
        ("[drift]\ninterval_s = [5]", "drift.interval_s"),
        ("[drift]\ninterval_s = [5, 6, 7]", "drift.interval_s"),
        ('[drift]\nbefore_reads = "no"', "drift.before_reads"),
        ("[drift]\nintervals_s = [60, 90]", "unknown key drift.intervals_s"),
        ('[proxy]\nlisten = "5026"', "listen = '5026'"),
        ('[proxy]\nlisten = "127.0.0.1:70000"', "70000"),
        ('[http]\nlisten = ":80"', "listen = ':80'"),
        ('[alarm]\ncommand = "mail"', "alarm.command"),
        ('[alarm]\ncommand = [""]', "empty program"),
        ("[alarm]\ncommand = [1]", "alarm.command"),
        ('[alarm]\ncommand = ["mail", "a\\u0000b"]', "command = "),
        ('[alarm]\ncomand = ["mail"]', "unknown key alarm.comand"),
    ],
)
def test_impossible_value_is_named_with_what_is_allowed(folder: Path, line: str, told: str) -> None:
    with pytest.raises(SettingsError, match=f"{told}.*allowed"):
        DaemonSettings.load(written(folder, f"{WHOLE}{line}\n"))


def test_everything_that_is_wrong_is_said_at_once(folder: Path) -> None:
    text = 'calibrator = "b7.onnx"\n[drift]\nboard_share = 2\ninterval_s = [9, 1]\n[proxy]\nlisten = "x"\n'
    problems = "\n".join(check(written(folder, text)))
    for told in ("no key board", "no key store", "board_share", "interval_s", "listen"):
        assert told in problems


def test_an_alarm_command_that_this_machine_does_not_have_is_told(folder: Path) -> None:
    text = f'{WHOLE}[alarm]\ncommand = ["no-such-program", "now"]\n'
    assert "no-such-program" in "\n".join(check(written(folder, text)))


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("@nowhere", "no package pyvisa_nowhere"),
        ("py", "no file py"),
        ("bench.toml@crosscal", "no file bench.toml"),
        ("@", "no package pyvisa_"),
    ],
)
def test_a_backend_that_this_machine_does_not_have_is_told(folder: Path, backend: str, told: str) -> None:
    text = f'backend = "{backend}"\n{WHOLE}'
    assert told in "\n".join(check(written(folder, text)))


@pytest.mark.parametrize("backend", ["@py", "lab-12x16@crosscal", "@sim"])
def test_a_backend_that_is_there_is_not(folder: Path, backend: str) -> None:
    text = f'backend = "{backend}"\n{WHOLE}'
    assert check(written(folder, text)) == []


def test_check_opens_nothing_and_answers_by_exit_code(folder: Path) -> None:
    done = CliRunner().invoke(command_line, ["daemon", "--check", str(written(folder, WHOLE))])
    assert (done.exit_code, "nothing wrong" in done.output) == (0, True), done.output
    assert not (folder / "store").exists()
    (folder / "b7.onnx").write_bytes(b"no calibrator")
    done = CliRunner().invoke(command_line, ["daemon", "--check", str(folder / "daemon.toml")])
    assert done.exit_code == 4
    assert "b7.onnx" in done.output


def test_damaged_calibrator_is_told(folder: Path) -> None:
    content = bytearray((folder / "b7.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "b7.onnx").write_bytes(bytes(content))
    assert "damaged" in "\n".join(check(written(folder, WHOLE)))


def test_damaged_store_and_that_of_another_array_are_told(folder: Path) -> None:
    with Store.open(folder / "store") as store:
        store.commit_calibration(b"content", {"board": "B", "shape": [3, 2]}, time_s=0.0)
    path = written(folder, WHOLE)
    assert "3×2" in "\n".join(check(path))
    for file in (folder / "store").rglob("*.onnx"):
        file.write_bytes(b"altered")
    assert "SHA-256" in "\n".join(check(path))
    (folder / "store" / "store.sqlite").write_bytes(b"no database" * 100)
    assert check(path)


def test_code_in_a_settings_file_needs_consent(folder: Path) -> None:
    text = WHOLE.replace("TCPIP::nowhere::1::SOCKET", "python:my_lab:MyBoard")
    with pytest.raises(SettingsError, match="allow"):
        DaemonSettings.load(written(folder, text))


def test_a_daemon_that_may_not_have_its_port_gives_the_rest_back(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = DaemonSettings.load(written(folder, f'{WHOLE}[proxy]\nlisten = "127.0.0.1:{port}"\n'))
        with pytest.raises(CrosscalError, match=str(port)):
            Holdings(settings)
    held = Holdings(settings)
    held.release()
    Holdings(settings).release()
