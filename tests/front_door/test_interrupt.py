"""Ctrl-C that reaches a program where Python drops exceptions."""

from __future__ import annotations

import signal

import pytest

from crosscal.commands.terminal.interrupt import interruptible


class _EndsDuringCtrlC:
    """Stands for a destructor that happens to run when Ctrl-C comes."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_interrupt_that_a_destructor_drops_is_raised_at_the_next_step_and_prints_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted() -> None:
        with interruptible() as check:
            dropped = _EndsDuringCtrlC()
            del dropped
            check()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().err == ""


class _Fails:
    """Stands for a destructor that fails for a reason of its own."""

    def __del__(self) -> None:
        raise ValueError("a destructor's own")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_other_errors_of_destructors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr("sys.unraisablehook", lambda lost: told.append(lost.exc_type))
    with interruptible():
        failing = _Fails()
        del failing
    assert told == [ValueError]
