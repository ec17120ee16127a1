"""`crosscal network inspect`: layers, tiles and ranges of a mapped network."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console


@click.command("inspect")
@click.argument("mapped", type=click.Path(path_type=Path))
def command(mapped: Path) -> None:
    """Print the layers of MAPPED, their tiles, and the choices that were made.

    \b
    crosscal network inspect net.mapped
    """
    from crosscal.commands.network.table import layer_table
    from crosscal.training.networks.mapping.mapped_file import load_mapped

    network = load_mapped(mapped)
    out = Console()
    out.print(layer_table(network))
    options, cells = network.options, network.options.cells
    unit = 1e6 if cells.kind == "memristive" else 1e15
    levels = ", ".join(f"{unit * level:.4g}" for level in cells.levels)
    out.print(
        f"levels {levels} {'µS' if cells.kind == 'memristive' else 'fF'} ({cells.reference})", highlight=False
    )
    adc = "none" if options.adc_bits is None else f"{options.adc_bits} bits"
    out.print(f"inputs {options.input_bits} bits, {options.dac_bits} at a time; ADC {adc}", highlight=False)
    for note in network.notes:
        out.print(note, highlight=False)
