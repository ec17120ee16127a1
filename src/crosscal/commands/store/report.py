"""`crosscal report`: pictures and numbers of a span of time in a daemon's store."""

from __future__ import annotations

import json
from pathlib import Path

import click

from crosscal.commands.files.output import require_output_folder
from crosscal.commands.store.moment import Moment
from crosscal.core.errors import InputError, wanted
from crosscal.core.whole_file import write_whole_text
from crosscal.runtime.store import Store


@click.command("report")
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--since", "since_s", type=Moment(), help="First moment, UTC.  [default: the store's first]")
@click.option("--until", "until_s", type=Moment(), help="Last moment, UTC.  [default: the store's last]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for pictures and numbers."
)
def command(store: Path, since_s: float | None, until_s: float | None, output: Path) -> None:
    """Draw a span of time in a daemon's STORE: error, drift statistic and temperature, with alarms and
    recalibrations marked, and the latest residuals over the array.

    Writes report.png, residuals.png and report.json. A daemon may go on writing meanwhile.

    \b
    crosscal report store --since 2026-11-01 -o november/
    """
    from crosscal.commands.store.pictures import draw_residuals, draw_span, summary

    if since_s is not None and until_s is not None and since_s >= until_s:
        raise click.UsageError("--since lies after --until: give the earlier moment first")
    with Store.read_only(store) as opened:
        readings = opened.sentinels(since_s=since_s, until_s=until_s)
        temperatures = opened.temperatures(since_s=since_s, until_s=until_s)
        events = opened.events(since_s=since_s, until_s=until_s)
        activations = [
            each
            for each in opened.activations()
            if (since_s is None or each.time_s >= since_s) and (until_s is None or each.time_s <= until_s)
        ]
    if not readings:
        raise InputError(
            wanted(
                got=f"no reading of sentinels between these moments in {store}",
                allowed="a span of time in which the daemon watched its board",
                remedy="see crosscal history for the times, which are UTC",
            )
        )
    require_output_folder(output)
    draw_span(readings, temperatures, events, activations, output / "report.png")
    draw_residuals(readings, output / "residuals.png")
    document = summary(readings, events, activations)
    write_whole_text(output / "report.json", json.dumps(document, indent=2) + "\n")
    nmse = document["nmse_median"]
    click.echo(
        f"readings: {document['readings']}, alarms: {document['alarms']}, calibrations taken: "
        f"{document['activations']}, median NMSE: {'unknown' if nmse is None else f'{nmse:.3g}'}"
    )
    click.echo(f"wrote {output}: report.png, residuals.png, report.json")
