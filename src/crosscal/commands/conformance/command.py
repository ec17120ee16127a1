"""`crosscal conformance`: put any board through the contract."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console

from crosscal.commands.conformance.driver import DRIVER, TITLE, driver_result
from crosscal.commands.conformance.report import as_json, print_report
from crosscal.commands.conformance.visa_line import VisaLine
from crosscal.commands.options.bench_name import backend_option
from crosscal.commands.options.quantity import QuantityValue
from crosscal.commands.terminal.interrupt import interruptible
from crosscal.commands.terminal.progress import console, progress_bar, working
from crosscal.core.errors import BoardError, InputError, wanted
from crosscal.core.lab_board import PYTHON
from crosscal.drivers.connected_board import DEFAULT_BAUD
from crosscal.drivers.transport.link_opening import open_link
from crosscal.firmware_models.conformance import ANY_BOARD, TRANSCRIPTS, Conformance, Result
from crosscal.firmware_models.conformance.conformance import PATIENCE_S
from crosscal.firmware_models.conformance.transcript_format import titles


@click.command("conformance")
@click.argument("resource", required=False)
@backend_option
@click.option(
    "--program/--no-program",
    default=None,
    help="Write cells too; the target found is written again at the end.  [default: simulated boards only]",
)
@click.option(
    "--voltage",
    "largest_v",
    type=QuantityValue("V"),
    help="Largest input to drive.  [default: half of the board's protection, and never more]",
)
@click.option("--timeout", "timeout_s", type=float, help="Seconds to wait for a reply.  [default: 5]")
@click.option("--baud", type=click.IntRange(50), default=DEFAULT_BAUD, show_default=True)
@click.option("--test", "only", multiple=True, metavar="NAME", help="Run this test alone; may be repeated.")
@click.option("--skip", multiple=True, metavar="NAME", help="Leave this test out; may be repeated.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the results as JSON.")
@click.option("--list", "list_wanted", is_flag=True, help="List the tests, and do nothing.")
def command(
    resource: str | None,
    backend: str | None,
    program: bool | None,
    largest_v: float | None,
    timeout_s: float | None,
    baud: int,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    json_wanted: bool,
    list_wanted: bool,
) -> None:
    """Put the board at RESOURCE through the contract, docs/remote_interface.md.

    Commands, errors, formats, status bits and decisions are tried one by one, and
    said in words where the board answers otherwise. Tests that the board's size,
    its groups or its link leave no room for are named and passed over. Then
    crosscal's own driver uses the board as scripts do.

    Inputs stay within half of the protection found on the board. At the end its
    outputs are at 0 V, and the settings found are restored.

    Exit code 0 if the board follows the contract, 1 if it does not.

    \b
    crosscal conformance ASRL/dev/ttyACM0::INSTR --backend @py --program
    crosscal conformance TCPIP::localhost::INSTR --backend lab-12x16@crosscal
    crosscal conformance --list
    """
    if list_wanted:
        for name, title in _tests().items():
            click.echo(f"{name:34} {title}")
        return
    _require_names((*only, *skip))
    if resource is None:
        raise click.UsageError("give the board's RESOURCE, or --list")
    if resource.startswith(PYTHON):
        raise InputError(
            wanted(
                got=f"{resource!r}, a board with a Python API",
                allowed="an instrument that speaks the contract",
                remedy="make one of it with crosscal serve, and give its resource name",
            )
        )
    options = {"largest_v": largest_v, "program": program, "patience_s": timeout_s or PATIENCE_S}

    def chosen(name: str) -> bool:
        return name not in skip and (not only or name in only)

    facts, results = _try_board(resource, backend, baud, {**options, "wanted": chosen})
    if chosen(DRIVER):
        with working(f"crosscal's driver uses {resource}"):
            results.append(driver_result(resource, backend=backend, timeout_s=timeout_s, largest_v=largest_v))
    if json_wanted:
        click.echo(json.dumps(as_json({"resource": resource, **facts}, results), indent=1))
    else:
        print_report(Console(soft_wrap=False), results)
    if any(result.findings for result in results):
        sys.exit(1)


def _tests() -> dict[str, str]:
    """Titles of all tests, by name."""
    reference = {f"reference/{name}": title for name, title in titles(TRANSCRIPTS).items()}
    return {**titles(ANY_BOARD), DRIVER: TITLE, **reference}


def _require_names(names: tuple[str, ...]) -> None:
    """Refuse names that no test has.

    Raises:
        click.UsageError: there is one.
    """
    if unknown := sorted(set(names) - set(_tests())):
        raise click.UsageError(f"no test {', '.join(unknown)}; crosscal conformance --list names them")


def _try_board(
    resource: str, backend: str | None, baud: int, options: dict[str, Any]
) -> tuple[dict[str, Any], list[Result]]:
    """Put a board through the contract; its facts, and the results."""
    with closing(open_link(resource, backend=backend, baud=baud, timeout_s=options["patience_s"])) as link:
        conformance = Conformance(VisaLine(link), **options)
        facts = conformance.facts
        console.print(
            f"{facts.identity}: {facts.rows} rows, {facts.columns} columns, groups {', '.join(facts.groups)}",
            highlight=False,
        )
        with _at_rest_afterwards(conformance):
            return asdict(facts), _run_with_bar(conformance)


@contextmanager
def _at_rest_afterwards(conformance: Conformance) -> Iterator[None]:
    """Leave the board at 0 V, whatever ends the tests."""
    try:
        yield
    finally:
        try:
            complaint = conformance.finish()
        except BoardError as error:
            complaint = f"the rows may still be driven: {error}"
        if complaint:
            console.print(f"crosscal: {complaint}", style="bold red", highlight=False, soft_wrap=True)


def _run_with_bar(conformance: Conformance) -> list[Result]:
    with progress_bar() as bar, interruptible() as check:
        task = bar.add_task("testing", total=None, note="")

        def show(name: str, done: int, total: int) -> None:
            check()
            bar.update(task, completed=done, total=total, note=name)

        return conformance.run(show)
