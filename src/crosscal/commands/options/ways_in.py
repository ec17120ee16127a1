"""Options that say how a served board is reached: a TCP port, a serial port, or both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from crosscal.firmware_models.serving.server import BoardServer

F = TypeVar("F", bound=Callable[..., Any])


def ways_in(command: F) -> F:
    """Add `--tcp`, `--host` and `--pty` to a command, as `port`, `host` and `link`."""
    for option in (
        click.option(
            "--pty",
            "link",
            type=click.Path(path_type=Path),
            metavar="LINK",
            help="Serve on a serial port of this name.",
        ),
        click.option(
            "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: all."
        ),
        click.option(
            "--tcp",
            "port",
            type=click.IntRange(0, 65535),
            metavar="PORT",
            help="Serve on this TCP port; 0: a free one.",
        ),
    ):
        command = option(command)
    return command


def require_way_in(port: int | None, link: Path | None) -> None:
    """Refuse a server that nobody could reach.

    Raises:
        click.UsageError: neither way in was given.
    """
    if port is None and link is None:
        raise click.UsageError("give a way in: --tcp PORT, --pty LINK, or both")


def open_ways_in(server: BoardServer[Any], *, port: int | None, host: str, link: Path | None) -> None:
    """Open the ways in that were asked for; their resource names are the server's then."""
    if port is not None:
        server.listen_tcp(host, port)
    if link is not None:
        server.open_pty(link)


def serve_until_told(server: BoardServer[Any], title: str, say: Callable[[str], object]) -> None:
    """Print the resource names and serve until Ctrl-C or SIGTERM.

    Args:
        server: with its ways in open.
        title: of the served board, for people.
        say: prints a notice.
    """
    with server:
        for resource in server.resources:
            click.echo(resource)
        say(f"{title}; Ctrl-C ends")
        server.wait()
    say("ended")
