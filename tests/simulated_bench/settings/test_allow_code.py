"""A settings file loads no code of its own unless the user allows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import crosscal
from crosscal.command_line import crosscal as command_line
from crosscal.core.errors import SettingsError
from crosscal.core.user_code import code_is_allowed
from crosscal.simulated_bench import Bench, load_settings

RESOURCE = "TCPIP0::localhost::inst0::INSTR"
CLASS = """
from pathlib import Path

Path(__file__).with_name("ran").touch()


class Plain:
    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        current_a[...] = conductance_s * voltage_v
        slope_s[...] = conductance_s + 0.0 * voltage_v
"""
ALLOW = r"--allow-code, open_board\(…, allow_code=True\) or CROSSCAL_ALLOW_CODE=1"


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bench.toml that names code, and the module that tells whether it was imported."""
    name = f"strangers_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(CLASS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("CROSSCAL_ALLOW_CODE", raising=False)
    path = tmp_path / "bench.toml"
    path.write_text(f'profile = "lab-16x12"\n[device]\nlaw = "{name}:Plain"\n')
    return path


def ran(stranger: Path) -> bool:
    return stranger.with_name("ran").exists()


def test_a_command_named_as_a_law_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = tmp_path / "witness"
    path = tmp_path / "bench.toml"
    path.write_text(
        f'profile = "lab-16x12"\n[device]\nlaw = "os:system"\n'
        f'[device.parameters]\ncommand = "touch {witness}"\n'
    )
    with pytest.raises(SettingsError, match=ALLOW):
        Bench.from_toml(path)
    # Allowed, it is still no class of the device protocol.
    monkeypatch.setenv("CROSSCAL_ALLOW_CODE", "1")
    with pytest.raises(SettingsError, match="no method evaluate"):
        Bench.from_toml(path)
    assert not witness.exists()


def test_no_reader_of_settings_imports_what_was_not_allowed(stranger: Path) -> None:
    for read in (
        load_settings,
        Bench.from_toml,
        lambda path: crosscal.open_board(RESOURCE, backend=f"{path}@crosscal"),
    ):
        with pytest.raises(SettingsError, match=ALLOW):
            read(stranger)
    assert not ran(stranger)


def test_neither_the_form_that_settings_are_written_in_nor_a_base_gets_around_it(stranger: Path) -> None:
    name = stranger.read_text().partition('law = "')[2].partition('"')[0]
    written = stranger.with_name("written.toml")
    written.write_text(f'profile = "lab-16x12"\n[device]\nlaw = "class"\nname = "{name}"\n')
    above = stranger.with_name("above.toml")
    above.write_text('profile = "bench.toml"\nseed = 3\n')
    for path in (written, above):
        with pytest.raises(SettingsError, match=ALLOW):
            Bench.from_toml(path)
    with pytest.raises(SettingsError, match=ALLOW):
        Bench.from_toml(stranger, device={"parameters": {}})  # a key on top is no consent to the file's law
    assert not ran(stranger)


def test_each_way_of_allowing_it_allows_it(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(Bench.from_toml(stranger, allow_code=True).device).__name__ == "Plain"
    with crosscal.open_board(RESOURCE, backend=f"{stranger}@crosscal", allow_code=True) as board:
        assert board.shape == (16, 12)
    assert not code_is_allowed()
    monkeypatch.setenv("CROSSCAL_ALLOW_CODE", "1")
    assert type(Bench.from_toml(stranger).device).__name__ == "Plain"


def test_a_class_that_the_user_types_is_consent(stranger: Path) -> None:
    name = stranger.read_text().partition('law = "')[2].partition('"')[0]
    assert type(Bench.from_toml("lab-16x12", device={"law": name}).device).__name__ == "Plain"


def test_the_command_line_takes_the_option_for_one_command_only(stranger: Path, tmp_path: Path) -> None:
    arguments = ["plot", "iv", str(stranger), "-o", str(tmp_path / "iv.png")]
    refused = CliRunner().invoke(command_line, arguments)
    assert isinstance(refused.exception, SettingsError)
    assert not ran(stranger)
    allowed = CliRunner().invoke(command_line, [*arguments, "--allow-code"])
    assert allowed.exit_code == 0, allowed.output
    assert not code_is_allowed()
