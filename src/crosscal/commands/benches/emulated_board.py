"""A board in the emulator, built and served until it is told to end."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from crosscal.commands.options.emulation import DEFAULT_ARRAY
from crosscal.commands.terminal.progress import console, working


def serve_emulated_board(
    *,
    port: int | None,
    link: Path | None,
    refused: dict[str, bool],
    array: tuple[int, int] | None,
    cells: str | None,
    header: Path | None,
    name: str | None,
) -> None:
    """Build firmware, run it in the emulator and serve its serial line until Ctrl-C or SIGTERM.

    Args:
        port, link: ways in that were asked for; the firmware has a serial line alone.
        refused: options of the other benches, and whether they were given.
        array, cells, header, name: as the options of `emulation`; None where left out.

    Raises:
        click.UsageError: another way in than a serial port, an option of another bench.
        InputError: tools are missing, or the header does not fit the board.
    """
    from crosscal.firmware_models.emulator import EmulatedBoard, Firmware

    given = [option for option, was_given in refused.items() if was_given]
    if given:
        raise click.UsageError(
            f"{', '.join(given)}: not with --qemu; its board is set by --array and --cells"
        )
    if port is not None or link is None:
        raise click.UsageError("the emulated board has one serial line: give --pty LINK, and no --tcp")
    if name is not None and header is None:
        raise click.UsageError("--name: only with --header")
    rows, columns = array or DEFAULT_ARRAY
    firmware = Firmware(
        rows=rows, columns=columns, sinh=cells == "sinh", header=header, name=name or "calibrator"
    )
    with tempfile.TemporaryDirectory(prefix="crosscal-") as folder:
        elf = Path(folder) / "firmware.elf"
        with working("compiling the firmware"):
            firmware.build(elf)
        with EmulatedBoard(elf, link) as board:
            click.echo(board.resource)
            console.print(f"CORTEX-M4: {rows} rows, {columns} columns; Ctrl-C ends")
            board.wait()
    console.print("ended")
