"""`crosscal check`: look over a new board before anything is measured with it."""

from __future__ import annotations

import sys
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from crosscal.commands.options.bench_name import backend_option
from crosscal.commands.options.quantity_range import QuantityRange
from crosscal.commands.terminal.interrupt import interruptible
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.errors import InputError, wanted
from crosscal.core.lab_board.board import LabBoard
from crosscal.front_door import open_board
from crosscal.runtime.board_check.check import CheckPlan, check_board
from crosscal.runtime.board_check.findings import Finding, Verdict

_STYLES = {Verdict.GOOD: "green", Verdict.NOTE: "", Verdict.FAULT: "bold red", Verdict.UNKNOWN: "yellow"}


@click.command("check")
@click.argument("resource")
@backend_option
@click.option(
    "--program",
    is_flag=True,
    help="Write one matrix of its own first, and the old target again at the end.",
)
@click.option(
    "--voltage",
    type=QuantityRange("V"),
    metavar="LOW:HIGH",
    help="Inputs to drive.  [default: 0 V to the board's protection]",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Draws vectors and matrix."
)
@click.option("--timeout", "timeout_s", type=float, help="Seconds to wait for a reply's first byte.")
def command(
    resource: str,
    backend: str | None,
    program: bool,
    voltage: tuple[float, float] | None,
    seed: int,
    timeout_s: float | None,
) -> None:
    """Check the board at RESOURCE as an engineer does first with a new one.

    Order of rows and columns, sign, unit, dead lines, linearity, repeatability
    and noise, settling, range changes, read-back against readings, and whether
    the outputs really rest. Nothing is driven beyond the board's protection or
    --voltage. The matrix that is programmed is used, unless --program is given.

    Exit code 0 if nothing is wrong, 1 if a fault was found.

    \b
    crosscal check TCPIP::192.168.1.7::5025::SOCKET --backend @py
    crosscal check python:my_lab:MyBoard --voltage -0.2V:0.2V
    crosscal check TCPIP::localhost::INSTR --backend lab-12x16@crosscal --program
    """
    with open_board(resource, backend=backend, timeout_s=timeout_s) as board:
        protection_v = float(board.protection_v)
        low_v, high_v = voltage or (0.0, protection_v)
        if max(abs(low_v), abs(high_v)) > protection_v:
            raise InputError(
                wanted(
                    got=f"inputs of {low_v:g} to {high_v:g} V",
                    allowed=f"at most {protection_v:g} V in magnitude, the board's protection",
                    remedy="give a smaller --voltage",
                )
            )
        rows, columns = board.shape
        console.print(
            f"{board.identity}: {rows} rows, {columns} columns; inputs {low_v:g} to {high_v:g} V",
            highlight=False,
        )
        plan = CheckPlan(voltage_range_v=(low_v, high_v), program=program, seed=seed)
        findings = _check_with_bar(board, plan)
        if program:
            console.print("the matrix found on the board is restored", highlight=False)
    Console().print(_table(findings))
    if any(finding.verdict is Verdict.FAULT for finding in findings):
        sys.exit(1)


def _check_with_bar(board: Any, plan: CheckPlan) -> list[Finding]:
    with progress_bar() as bar, interruptible() as check:
        task = bar.add_task("checking", total=None, note="")

        def show(step: str, done: int, total: int) -> None:
            check()
            bar.update(task, description=f"checking: {step}", completed=done, total=total)

        return check_board(board, plan, rest=lambda: rested_currents(board), progress=show)


def rested_currents(board: Any) -> np.ndarray | None:
    """Switch the outputs off and read the currents that still flow [A], (M,)."""
    if isinstance(board, LabBoard):
        rested = board.rested()
        return None if rested is None else rested.current_a[0]
    board.output_on = False
    if board.output_on:
        return np.full(board.shape[1], np.inf)
    # The driver's own read would switch the outputs on again.
    board.send("FORM ASC")
    answer = board.query("READ?")
    return np.array([float(value) for value in answer.split(",")])


def _table(findings: list[Finding]) -> Table:
    table = Table(show_header=True, header_style="bold")
    table.add_column("test", no_wrap=True)
    table.add_column("verdict")
    table.add_column("found")
    for finding in findings:
        table.add_row(finding.test, finding.verdict.value, finding.text, style=_STYLES[finding.verdict])
    return table
