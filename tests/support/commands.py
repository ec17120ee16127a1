"""Commands called in this process, as a terminal would."""

from __future__ import annotations

from click.testing import CliRunner

from crosscal.command_line import crosscal


def call(*arguments: object) -> str:
    """Run a command that succeeds; return what it printed. Errors of the program come through."""
    result = CliRunner().invoke(crosscal, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output
