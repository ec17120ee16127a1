"""`crosscal plot page`: a simulated board in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from crosscal.commands.benches.programmed_bench import programmed_bench
from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.options.bench_options import board_options
from crosscal.commands.terminal.progress import console
from crosscal.core.whole_file import whole_file

if TYPE_CHECKING:
    from crosscal.firmware_models import BoardFacts

NUMBERS_MOST = 4_000_000
"""Voltages and currents of all cells and vectors in one page: about 20 MB."""


@click.command("page")
@board_options(vector="examples")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("bench.html"),
    show_default=True,
    help="HTML file to write.",
)
@force_option
def command(
    bench: str, output: Path, force: bool, matrix: Path | None, seed: int, vector: str, after_s: float
) -> None:
    """Write a board as one HTML page: facts, array, voltages, currents, faults and settings.

    The file needs nothing else, no network and no server: open it in a browser. Choose among the vectors and
    among the maps; point at a cell, or walk with the arrow keys, to read its numbers. The vectors
    are examples (all rows at 0.3 V, a slope, the first row alone, three random ones) unless --vector gives
    some.

    \b
    crosscal plot page lab-12x16 -o bench.html
    crosscal plot page bench.toml --matrix g.npy --vector v.npy -o bench.html
    """
    require_output_file(output, force=force)
    from crosscal.simulated_bench import take_snapshot
    from crosscal.simulated_bench.pictures.page import write_page

    board, target_s = programmed_bench(bench, matrix=matrix, seed=seed, after_s=after_s)
    names, vectors_v = _example_vectors(vector, board.facts, seed)
    room = max(1, NUMBERS_MOST // (3 * target_s.size))
    if len(vectors_v) > room:
        console.print(f"[yellow]the first {room} of {len(vectors_v)} vectors, lest the page be too large")
    snapshot = take_snapshot(board, target_s, vectors_v[:room])
    with whole_file(output) as part:
        write_page(part, board, snapshot, name=Path(bench).stem, vector_names=names[:room])
    console.print(f"wrote {output}, {output.stat().st_size / 1e3:.0f} kB")


def _example_vectors(text: str, facts: BoardFacts, seed: int) -> tuple[list[str], np.ndarray]:
    """Name and make the vectors of a page."""
    from crosscal.commands.benches.programmed_bench import parse_vectors

    if text != "examples":
        vectors_v = parse_vectors(text, facts, seed)
        return [f"vector {k + 1}" for k in range(len(vectors_v))], vectors_v
    rows, rng = facts.rows, np.random.default_rng([seed, 1])
    named: dict[str, Any] = {
        "all rows at 0.3 V": np.full(rows, 0.3),
        "a slope from 0.5 V to 0.1 V": np.linspace(0.5, 0.1, rows),
        "first row alone at 0.5 V": np.eye(rows)[0] * 0.5,
    }
    named |= {f"random, 0.1 V to 0.5 V, {k}": rng.uniform(0.1, 0.5, rows) for k in (1, 2)}
    named["random, both signs"] = rng.uniform(-0.5, 0.5, rows)
    return list(named), np.array(list(named.values()))
