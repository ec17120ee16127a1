"""`crosscal history`: calibrations of a store, decisions and alarms; versions compared and copied out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.store.comparison import compare_calibrations
from crosscal.core.whole_file import whole_file
from crosscal.runtime.store import CalibrationVersion, Store
from crosscal.runtime.store.records import utc_text

_LATEST_EVENTS = 20  # a screen


@click.command("history")
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
@click.option("--compare", nargs=2, type=int, metavar="ONE OTHER", help="Tell how two versions differ.")
@click.option("--version", "chosen", type=int, help="Version that -o copies out.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Calibrator file to copy a version to.")
@click.option("--check", is_flag=True, help="Check every page, row and file; failure if something is wrong.")
@force_option
def command(
    store: Path,
    as_json: bool,
    compare: tuple[int, int] | None,
    chosen: int | None,
    output: Path | None,
    check: bool,
    force: bool,
) -> None:
    """Show what a daemon's STORE remembers: calibrations, decisions and alarms, times in UTC.

    A daemon may go on writing meanwhile; nothing is changed.

    \b
    crosscal history store
    crosscal history store --json
    crosscal history store --compare 3 5
    crosscal history store --version 3 -o b7-then.onnx
    """
    if (chosen is None) != (output is None):
        raise click.UsageError("--version and -o go together: the version to copy, and where to")
    if output is not None:
        require_output_file(output, force=force)
    with Store.read_only(store) as opened:
        if check:
            problems = opened.integrity()
            for problem in problems:
                click.echo(problem, err=True)
            if problems:
                click.get_current_context().exit(1)
            click.echo("everything is as it was written")
        elif compare is not None:
            one, other = compare
            document = compare_calibrations(opened.calibration(one), opened.calibration(other))
            click.echo(json.dumps(document, indent=2) if as_json else _difference(one, other, document))
        elif chosen is not None and output is not None:
            content = opened.calibration(chosen)
            with whole_file(output) as part:
                part.write_bytes(content)
            click.echo(f"wrote {output}: version {chosen}")
        elif as_json:
            click.echo(json.dumps(_document(opened), indent=2))
        else:
            _show(opened)


def _document(store: Store) -> dict[str, Any]:
    current, pending = store.current(), store.pending_rollback()
    return {
        "current": None if current is None else current.version,
        "requested": None if pending is None else pending.version,
        "size_bytes": store.size_bytes,
        "versions": [
            {
                "version": each.version,
                "time": utc_text(each.time_s),
                "sha256": each.sha256,
                "size_bytes": each.size_bytes,
                "meta": dict(each.meta),
            }
            for each in store.versions()
        ],
        "activations": [
            {"time": utc_text(each.time_s), "version": each.version, "reason": each.reason}
            for each in store.activations()
        ],
        "events": [
            {"time": utc_text(each.time_s), "kind": each.kind, "text": each.text, "data": dict(each.data)}
            for each in store.events()
        ],
    }


def _show(store: Store) -> None:
    current, pending = store.current(), store.pending_rollback()
    table = Table(box=box.SIMPLE_HEAD, title=f"{store.path}, {store.size_bytes / 1e6:.1f} MB")
    for name in ("version", "time (UTC)", "reason", "error before → after (A)", "file (MB)"):
        table.add_column(name)
    for each in store.versions():
        mark = " (in use)" if current is not None and each.version == current.version else ""
        table.add_row(
            f"{each.version}{mark}",
            utc_text(each.time_s),
            str(each.meta.get("reason", "")),
            _errors(each),
            f"{each.size_bytes / 1e6:.2f}",
        )
    console = Console()
    console.print(table)
    if pending is not None:
        console.print(f"version {pending.version} was asked for at {utc_text(pending.time_s)}, not taken yet")
    for event in store.events(latest=_LATEST_EVENTS):
        console.print(f"{utc_text(event.time_s)}  {event.kind}: {event.text}", highlight=False, markup=False)


def _errors(version: CalibrationVersion) -> str:
    before, after = (version.meta.get(f"rms_error_{when}_a") for when in ("before", "after"))
    known = isinstance(before, float) and isinstance(after, float)
    return f"{before:.2e} → {after:.2e}" if known else ""


def _difference(one: int, other: int, document: dict[str, Any]) -> str:
    lines = [f"version {other} relative to version {one}: {document['matrix']}"]
    for name, value in document["changes"].items():
        lines.append(f"  {name}: {value:.3g}")
    return "\n".join(lines)
