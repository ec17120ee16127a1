"""`crosscal network map`: cut a network's weights into codes of cells."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.network.options import Bits, TileSize, cells_help
from crosscal.commands.terminal.progress import console, working


@click.command("map")
@click.argument("network", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write.")
@force_option
@click.option("--cells", default="wan-2022", show_default=True, help=cells_help)
@click.option("--tile", type=TileSize(), default="128x128", show_default=True, help="Size of the tiles.")
@click.option(
    "--weight-bits", type=int, default=8, show_default=True, help="Bits of a weight, with its sign."
)
@click.option(
    "--representation",
    type=click.Choice(["auto", "offset", "differential"]),
    default="auto",
    show_default=True,
    help="One shifted column for each weight, or a pair; auto takes the one that scatter harms less.",
)
@click.option(
    "--scale",
    default="auto",
    show_default=True,
    help="One digital factor for each column or layer, the trained ones, or the range of all weights, "
    "such as 2; auto takes the trained ones where there are some, one for each column otherwise.",
)
@click.option("--input-bits", type=int, default=8, show_default=True, help="Bits of an input.")
@click.option("--dac", type=int, default=1, show_default=True, help="Bits of the converters of inputs.")
@click.option(
    "--adc-bits", type=Bits(), default="8", show_default=True, help="Bits of the converters of sums, or none."
)
@click.option(
    "--read-back/--no-read-back",
    default=None,
    help="Read cells after writing, and let lower slices make up for the errors of higher ones.  "
    "[default: unless the network was trained for its cells]",
)
@click.option(
    "--ranges-from",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Data whose training inputs (x_train of an npz file) the ranges of converters are taken from, some "
    "hundred; random inputs otherwise.",
)
@click.option(
    "--ranges-inputs", type=click.IntRange(1), default=256, show_default=True, help="Inputs taken from there."
)
def command(
    network: Path,
    output: Path,
    force: bool,
    cells: str,
    tile: tuple[int, int],
    weight_bits: int,
    representation: str,
    scale: str,
    input_bits: int,
    dac: int,
    adc_bits: int | None,
    read_back: bool | None,
    ranges_from: Path | None,
    ranges_inputs: int,
) -> None:
    """Map NETWORK (an ONNX file) to crossbars and write it down.

    Every convolution and product by weights is cut into tiles, its weights into slices of the cells' bits.
    Without options the mapping is made for no data in particular: every input brings its own range.

    \b
    crosscal network map net.onnx -o net.mapped
    crosscal network map net.onnx --ranges-from data.npz --cells radar-baked \\
      --tile 64x64 --adc-bits 6 -o small.mapped
    """
    require_output_file(output, force=force)
    with working("mapping"):
        from crosscal.core.network.cell_profile import load_cell_profile
        from crosscal.training.networks.data import fit_shape, read_data
        from crosscal.training.networks.graph.onnx_reader import read_onnx
        from crosscal.training.networks.mapping.mapped_file import save_mapped
        from crosscal.training.networks.mapping.mapper import map_graph
        from crosscal.training.networks.mapping.options import MappingOptions

        options = MappingOptions(
            cells=load_cell_profile(cells),
            tile_rows=tile[0],
            tile_columns=tile[1],
            weight_bits=weight_bits,
            representation=representation,
            scale=scale,
            input_bits=input_bits,
            dac_bits=dac,
            adc_bits=adc_bits,
            read_back=read_back,
        )
        graph = read_onnx(network)
        inputs = None
        if ranges_from is not None:
            given = read_data(ranges_from, "train", labels=False).x
            few = given[:: max(1, len(given) // ranges_inputs)][:ranges_inputs]
            inputs = fit_shape(few, graph.input_shape)
        mapped = map_graph(graph, options, ranges_from=inputs)
        save_mapped(mapped, output)
    from crosscal.commands.network.table import layer_table

    Console().print(layer_table(mapped))
    for note in mapped.notes:
        console.print(note, highlight=False)
    console.print(f"wrote {output}")
