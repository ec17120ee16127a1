"""`crosscal daemon`: own a board, serve calibrated currents, notice drift and repair it."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager, nullcontext
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from crosscal.commands.terminal.json_log import start_json_log
from crosscal.commands.terminal.log import show_transitions
from crosscal.core.errors import BoardConnectionError, CrosscalError, StoreBusyError
from crosscal.core.whole_file import write_whole_text
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
    "--rehearse",
    metavar="DURATION",
    help="Rehearse DURATION, such as 30d, on the simulated board SETTINGS, a bench.toml or profile.",
)
@click.option(
    "--calibrator",
    type=click.Path(path_type=Path),
    help="Calibrator of the rehearsed board.  [default: trained first]",
)
@click.option(
    "--swing",
    "swing_c",
    type=float,
    default=10.0,
    show_default=True,
    help="Daily swing of temperature, ± °C.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Draws the rehearsal.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("rehearsal"), help="Folder of its report."
)
@click.option(
    "--units",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write systemd units, dashboard and alert rules to FOLDER, and end.",
)
@click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the log on stderr.",
)
def command(
    settings: Path,
    check: bool,
    rehearse: str | None,
    calibrator: Path | None,
    swing_c: float,
    seed: int,
    output: Path,
    units: Path | None,
    log: str,
) -> None:
    """Own the board of SETTINGS, a daemon.toml, until SIGTERM or Ctrl-C.

    Clients talk to the daemon as to the board, by the same SCPI commands, and get calibrated currents. It
    survives a board that is unplugged, switched off, or comes back with another matrix; it notices drift by
    sentinel vectors, recalibrates, verifies, and keeps a history. The board is at 0 V when it ends.

    SIGHUP reads [drift] and [alarm] again. With --rehearse 30d, SETTINGS is the simulated board to rehearse
    on. The page "Leave a board to the daemon" of the documentation has a whole daemon.toml.

    \b
    Exit codes:
      0    ended as it was told, or nothing wrong with --check
      1    failure
      2    wrong usage
      4    settings, calibrator or store cannot be used
      5    another program has the store, the board or the port
    """
    if units is not None:
        _write_units(units)
        return
    if rehearse is not None:
        # Imported here: a machine beside a physical board need not have the simulated one installed.
        from crosscal.commands.rehearsal.run import parse_duration, run_rehearsal

        duration_s = parse_duration(rehearse)
        run_rehearsal(
            str(settings), duration_s, calibrator=calibrator, swing_c=swing_c, seed=seed, output=output
        )
        return
    if check:
        problems = find_problems(settings)
        for problem in problems:
            click.echo(problem, err=True)
        if not problems:
            click.echo(f"{settings}: nothing wrong")
        click.get_current_context().exit(UNUSABLE if problems else 0)
    if log == "json":
        start_json_log()
    else:
        # Where clients find the board, and how it is.
        show_transitions("crosscal.daemon")
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


def _write_units(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files("crosscal.daemon.deployment").iterdir():
        if not file.name.endswith((".py", ".pyc", "__pycache__")):
            write_whole_text(folder / file.name, file.read_text(encoding="utf-8"))
            click.echo(f"wrote {folder / file.name}")


def _fail(error: CrosscalError, code: int) -> NoReturn:
    click.echo(f"crosscal: {error}", err=True)
    raise click.exceptions.Exit(code)
