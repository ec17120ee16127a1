"""Table of a mapped network's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from crosscal.training.networks.mapping.mapped_network import MappedNetwork


def layer_table(network: MappedNetwork) -> Table:
    """Lay out layers, tiles and their use."""
    from crosscal.training.networks.reporting.report import layer_rows

    options = network.options
    rows = layer_rows(network)
    table = Table(
        title=f"{network.tiles} tile{'s'[: network.tiles > 1]} of "
        f"{options.tile_rows}x{options.tile_columns}, "
        f"{options.representation}, {options.weight_bits}-bit weights "
        f"in {options.slices} slices of {options.cells.bits} bits",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("layer", overflow="fold")
    for name in ("matrix", "tiles", "cells used", "weights off by"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        groups = f"{row['groups']} × " if row["groups"] > 1 else ""
        table.add_row(
            row["name"],
            f"{groups}{row['inputs']}x{row['outputs']}",
            str(row["tiles"]),
            f"{100 * row['utilisation']:.0f} %",
            f"{100 * row['weight_error']:.2g} %",
        )
    return table
