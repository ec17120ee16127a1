"""`crosscal rollback`: asks a daemon to go back to an earlier calibration."""

from __future__ import annotations

import time
from pathlib import Path

import click

from crosscal.runtime.store import Store


@click.command("rollback")
@click.argument("store", type=click.Path(path_type=Path))
@click.argument("version", type=int)
def command(store: Path, version: int) -> None:
    """Go back to VERSION of a daemon's STORE.

    The wish is recorded; a daemon that runs takes it at its next check, one that does not when it starts.
    Nothing is removed: the versions after it stay, and can be gone back to in turn.

    \b
    crosscal history store
    crosscal rollback store 3
    """
    Store.request_rollback(store, version, time_s=time.time())
    click.echo(f"version {version} is asked for; the daemon takes it at its next check")
