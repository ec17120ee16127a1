"""`crosscal export-c`: a programmed calibrator as one C99 header for a microcontroller."""

from __future__ import annotations

from pathlib import Path

import click

from crosscal.commands.files.arrays import read_matrix
from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.terminal.progress import console, working
from crosscal.core.whole_file import write_whole_text


@click.command("export-c")
@click.argument("calibrator", type=click.Path(path_type=Path))
@click.option(
    "--matrix",
    type=click.Path(path_type=Path),
    required=True,
    help="The target matrix [S] that the board is programmed with: .npy, or text with commas.",
)
@click.option(
    "--read-back",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Conductances [S] that the board measured of its cells after programming, as --matrix.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("calibrator.h"),
    show_default=True,
    help="Header to write.",
)
@click.option(
    "--name", default="calibrator", show_default=True, help="What every name in the header begins with."
)
@click.option(
    "--fixed-point",
    is_flag=True,
    help="Calculate with 16 bits (Q15), for affine and concatsquash: half the flash, fewer instructions.",
)
@click.option("--self-test", is_flag=True, help="Add probes and a function that the target runs at start-up.")
@click.option(
    "--library",
    is_flag=True,
    help="Compile it, too, into a shared library beside the header, for this machine.",
)
@force_option
def command(
    calibrator: Path,
    matrix: Path,
    read_back: Path | None,
    output: Path,
    name: str,
    fixed_point: bool,
    self_test: bool,
    library: bool,
    force: bool,
) -> None:
    """Write what CALIBRATOR runs at every read of one matrix as a C99 header without heap or stdio.

    \b
    int NAME_calibrate(const float *measured_a, float *calibrated_a);

    \b
    returns 0  calibrated
            1  a current is NaN or infinite
            2  a current is larger than any reading of this board
            3  no inputs of the trained window cause these currents
    Unless it returns 0, nothing is written. Both arrays may be the same.

    \b
    crosscal export-c b7.onnx --matrix g.npy -o b7.h --name b7 --self-test
    crosscal export-c b7.onnx --matrix g.npy -o b7.h --name b7 --library
    """
    from crosscal.commands.export_c.header import header_text
    from crosscal.commands.export_c.library import compile_library, library_path
    from crosscal.firmware_models.c_calibrator import require_name

    require_name(name)
    require_output_file(output, force=force)
    if library:
        require_output_file(library_path(output), force=force)
    with working("programming the calibrator"):
        text = header_text(
            calibrator,
            read_matrix(matrix),
            name=name,
            fixed_point=fixed_point,
            self_test=self_test,
            read_back_s=None if read_back is None else read_matrix(read_back),
        )
    write_whole_text(output, text)
    console.print(f"wrote {output}: {name}_calibrate")
    if library:
        with working("compiling"):
            compile_library(output, name)
        console.print(f"wrote {library_path(output)}, for this machine")
