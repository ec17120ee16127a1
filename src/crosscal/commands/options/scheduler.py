"""The option `--scheduler`: a Dask cluster that shares the work of a command."""

from __future__ import annotations

import click

scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Share the work over the Dask cluster whose scheduler is at this address, as tcp://host:8786; the "
    "results are the same to the bit. Its workers need crosscal too.",
)
