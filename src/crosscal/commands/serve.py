"""`crosscal serve`: make an instrument of a board with a Python API."""

from __future__ import annotations

from pathlib import Path

import click

from crosscal.commands.options.ways_in import open_ways_in, require_way_in, serve_until_told, ways_in
from crosscal.commands.terminal.progress import console
from crosscal.firmware_models.serving.powered_board import PoweredBoard
from crosscal.firmware_models.serving.server import BoardServer
from crosscal.lab_hardware import LabHardware
from crosscal.python_resource import PythonResource


@click.command("serve")
@click.argument("board", metavar="MODULE:CLASS")
@ways_in
def command(board: str, port: int | None, host: str, link: Path | None) -> None:
    """Serve a board with a Python API as a SCPI instrument until Ctrl-C.

    MODULE:CLASS names a class derived from crosscal.LabBoard, or any callable
    that returns such a board; MODULE is installed or stands in the present
    folder. Arguments follow a question mark. MATLAB, LabVIEW, PyVISA and
    crosscal's own commands then drive the board over TCP or a serial port. When
    the server ends, every line of the board is brought to 0 V.

    \b
    crosscal serve my_lab:MyBoard --tcp 5025
    crosscal serve 'my_lab:MyBoard?port=COM3' --pty ./board
    """
    require_way_in(port, link)
    with PythonResource.parse(board).open() as opened:
        server = BoardServer(PoweredBoard(LabHardware(opened)))
        try:
            open_ways_in(server, port=port, host=host, link=link)
        except BaseException:
            server.close()
            raise
        rows, columns = opened.shape
        serve_until_told(server, f"{opened.identity}: {rows} rows, {columns} columns", console.print)
