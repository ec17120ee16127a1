"""`crosscal collect`: measure a board and write run.h5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crosscal.commands.benches.simulated_board import simulated_bench
from crosscal.commands.jobs.collection import collect_with_bar
from crosscal.commands.options.bench_name import backend_option
from crosscal.commands.options.measurement import measurement_options, plan_of
from crosscal.commands.options.scheduler import scheduler_option
from crosscal.commands.terminal.progress import console
from crosscal.front_door import open_board


@click.command("collect")
@click.argument("resource")
@backend_option
@click.option(
    "--matrices", type=click.IntRange(1), default=100, show_default=True, help="Matrices to program."
)
@click.option(
    "--vectors",
    type=click.IntRange(1),
    help="Vectors for each.  [default: 120, or all of --vectors-from]",
)
@measurement_options
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Draws matrices and vectors."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("run.h5"),
    show_default=True,
    help="File to write.",
)
@click.option("--resume", is_flag=True, help="Continue a run that was cut off; finished matrices are kept.")
@click.option("--timeout", "timeout_s", type=float, help="Seconds to wait for a reply's first byte.")
@scheduler_option
def command(
    resource: str,
    backend: str | None,
    matrices: int,
    vectors: int | None,
    seed: int,
    output: Path,
    resume: bool,
    timeout_s: float | None,
    scheduler: str | None,
    **measured: Any,
) -> None:
    """Program matrices on the board at RESOURCE, read vectors with each, and write everything to run.h5.

    RESOURCE is a VISA resource name. Every finished matrix is safe as soon as the bar moves: Ctrl-C, a lost
    link or a power cut lose at most the matrix in hand, and --resume goes on from there.

    Ranges come from the board unless they are given: conductances from its limits, inputs from 0 V to its
    protection. They are printed, stand in run.h5 and go with the calibrator that is trained on it.

    On a simulated board of this process (@crosscal) every matrix is measured on a board just switched on:
    the run depends neither on cuts nor on the machine that measures.

    \b
    crosscal collect TCPIP::192.168.1.7::5025::SOCKET --backend @py -o run.h5
    crosscal collect ASRL/dev/ttyACM0::INSTR --backend @py --matrices 200
    crosscal collect python:my_lab:MyBoard --conductance 2uS:20uS \\
      --voltage -0.2V:0.2V
    crosscal collect TCPIP::localhost::INSTR --backend memsys2025@crosscal
    crosscal collect TCPIP::localhost::INSTR --backend bench.toml@crosscal \\
      --scheduler tcp://head:8786
    """
    plan = plan_of(matrices=matrices, vectors=vectors, seed=seed, **measured)
    bench = simulated_bench(backend)
    if bench is not None:
        from crosscal.commands.jobs.simulated_collection import collect_simulated

        outcome = collect_simulated(
            bench, output, plan, resource=resource, timeout_s=timeout_s, resume=resume, scheduler=scheduler
        )
    elif scheduler is not None:
        raise click.BadParameter(
            f"{backend or 'no backend'} with --scheduler: one board cannot be measured by many; a cluster "
            "measures simulated boards, --backend bench.toml@crosscal",
            param_hint="--backend",
        )
    else:
        with open_board(resource, backend=backend, timeout_s=timeout_s) as board:
            console.print(f"{board.identity}: {board.shape[0]} rows, {board.shape[1]} columns")
            outcome = collect_with_bar(board, output, plan, resume=resume)
    if outcome.cells_failed:
        console.print(f"[yellow]{outcome.cells_failed} cells did not reach their target")
    console.print(f"wrote {output}: {outcome.finished} matrices")
