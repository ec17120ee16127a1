"""`crosscal bench`: serve a simulated board to other programs."""

from __future__ import annotations

from pathlib import Path

import click

from crosscal.commands.terminal.progress import console
from crosscal.simulated_bench import Bench, BenchServer, PoweredBoard, profile_names

DEFAULT_PROFILE = "lab-16x12"


@click.command("bench")
@click.argument("settings", default=DEFAULT_PROFILE)
@click.option(
    "--tcp",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve on this TCP port; 0: a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: all.")
@click.option(
    "--pty",
    "link",
    type=click.Path(path_type=Path),
    metavar="LINK",
    help="Serve on a serial port of this name.",
)
@click.option("--seed", type=click.IntRange(0), help="Replaces the seed of the settings.")
def command(settings: str, port: int | None, host: str, link: Path | None, seed: int | None) -> None:
    """Serve a simulated crossbar test board until Ctrl-C: over TCP, on a pseudo-terminal, or both.

    SETTINGS is a bench.toml, or the name of a profile. Whatever talks to the physical board talks to this
    one: it obeys the same SCPI commands.

    \b
    crosscal bench --tcp 5025                     then open TCPIP::localhost::5025::SOCKET
    crosscal bench memsys2025 --pty /tmp/board    then open ASRL/tmp/board::INSTR
    """
    if port is None and link is None:
        raise click.UsageError("give a way in: --tcp PORT, --pty LINK, or both")
    if settings not in profile_names() and not Path(settings).exists():
        raise click.BadParameter(
            f"{settings!r} is neither a file nor a profile; profiles: {', '.join(profile_names())}",
            param_hint="SETTINGS",
        )
    bench = Bench.from_toml(settings, **({} if seed is None else {"seed": seed}))
    with console.status("switching the board on; the first time on a machine compiles its circuit"):
        server = BenchServer(PoweredBoard(bench))
    if port is not None:
        server.listen_tcp(host, port)
    if link is not None:
        server.open_pty(link)
    with server:
        for resource in server.resources:
            click.echo(resource)
        console.print(
            f"{bench.facts.model}: {bench.facts.rows} rows, {bench.facts.columns} columns; Ctrl-C ends"
        )
        server.wait()
    console.print("ended")
