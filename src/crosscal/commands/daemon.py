"""`crosscal daemon`: own a board, serve calibrated currents, notice drift and repair it."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType

import click

from crosscal.commands.terminal.json_log import start_json_log
from crosscal.core.errors import BoardConnectionError, CrosscalError, StoreBusyError
from crosscal.daemon.checking import check as find_problems
from crosscal.daemon.service import Daemon
from crosscal.daemon.settings import DaemonSettings

UNUSABLE = 4
"""Settings, calibrator or store that cannot be used: a person has to look."""
BUSY = 5
"""Another program has the store, the board or the port."""


@click.command("daemon")
@click.argument("settings", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Say all that is wrong with SETTINGS; open no board.")
@click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the log on stderr.",
)
def command(settings: Path, check: bool, log: str) -> None:
    """Own the board of SETTINGS, a daemon.toml, until SIGTERM or Ctrl-C.

    Clients talk to the daemon as to the board, by the same SCPI commands, and get calibrated currents. It
    survives a board that is unplugged, switched off, or comes back with another matrix; it notices drift by
    sentinel vectors, recalibrates, verifies, and keeps a history. The board is at 0 V when it ends.

    \b
    crosscal daemon daemon.toml
    crosscal daemon --check daemon.toml
    crosscal daemon --log json daemon.toml

    SIGHUP reads [drift] and [alarm] again.

    \b
    Exit codes:
      0    ended as it was told, or nothing wrong with --check
      1    failure
      2    wrong usage
      4    settings, calibrator or store cannot be used
      5    another program has the store, the board or the port
    """
    if check:
        problems = find_problems(settings)
        for problem in problems:
            click.echo(problem, err=True)
        if not problems:
            click.echo(f"{settings}: nothing wrong")
        click.get_current_context().exit(UNUSABLE if problems else 0)
    if log == "json":
        start_json_log()
    try:
        daemon = Daemon(DaemonSettings.load(settings), path=settings)
    except (StoreBusyError, BoardConnectionError) as error:
        _fail(error, BUSY)
    except CrosscalError as error:
        _fail(error, UNUSABLE)
    with daemon, _http(daemon):
        _serve(daemon)


def _http(daemon: Daemon) -> AbstractContextManager[object]:
    """Serve status, metrics and page, where the settings ask for them."""
    settings = daemon.settings
    if settings.http is None:
        return nullcontext()
    # Imported here: without [http] its packages need not be installed.
    from crosscal.daemon.web.serving import HttpServer

    return HttpServer(settings.http, daemon.status, settings.store_path, monotonic=daemon.monotonic)


def _serve(daemon: Daemon) -> None:
    def on_end(number: int, frame: FrameType | None) -> None:
        del number, frame
        daemon.stop()

    def on_reload(number: int, frame: FrameType | None) -> None:
        del number, frame
        daemon.reload()

    handlers = {signal.SIGINT: on_end, signal.SIGTERM: on_end}
    if hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = on_reload
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        daemon.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(error: CrosscalError, code: int) -> None:
    click.echo(f"crosscal: {error}", err=True)
    click.get_current_context().exit(code)
