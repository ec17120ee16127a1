"""`crosscal bench`: serve a simulated board to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crosscal.commands.benches.emulated_board import serve_emulated_board
from crosscal.commands.options.bench_name import BenchName
from crosscal.commands.options.emulation import emulation, refuse_without_emulation
from crosscal.commands.options.ways_in import open_ways_in, require_way_in, serve_until_told, ways_in
from crosscal.commands.terminal.progress import console, working
from crosscal.core.errors import InputError, wanted
from crosscal.simulated_bench import Bench, BenchServer, PoweredBoard, profile_names

DEFAULT_PROFILE = "lab-16x12"


@click.command("bench")
@click.argument("settings", type=BenchName(), default=DEFAULT_PROFILE)
@ways_in
@click.option("--seed", type=click.IntRange(0), help="Replaces the seed of the settings.")
@emulation
def command(
    settings: str,
    port: int | None,
    host: str,
    link: Path | None,
    seed: int | None,
    qemu: bool,
    **firmware: Any,
) -> None:
    """Serve a simulated crossbar test board until Ctrl-C: over TCP, on a pseudo-terminal, or both.

    SETTINGS is a bench.toml, or the name of a profile. Whatever talks to the physical board talks to this
    one: it obeys the same SCPI commands.

    \b
    crosscal bench --tcp 5025
      then open TCPIP::localhost::5025::SOCKET
    crosscal bench memsys2025 --pty /tmp/board
      then open ASRL/tmp/board::INSTR

    --qemu serves a board in the emulator instead: firmware in C on a Cortex-M4, with a crossbar
    model in place of its converters and, if you give one, an exported calibrator on board.

    \b
    crosscal bench --qemu --pty /tmp/board --array 12x16 --header b7.h --name b7
    """
    require_way_in(port, link)
    if qemu:
        from_settings = {"SETTINGS": settings != DEFAULT_PROFILE, "--seed": seed is not None}
        serve_emulated_board(port=port, link=link, refused=from_settings, **firmware)
        return
    refuse_without_emulation(firmware)
    if settings not in profile_names() and not Path(settings).exists():
        raise InputError(
            wanted(
                got=f"{settings!r}, neither a file nor a profile",
                allowed=f"a bench.toml, or one of {', '.join(profile_names())}",
                remedy="correct the name",
            )
        )
    overrides: dict[str, Any] = {} if seed is None else {"seed": seed}
    bench = Bench.from_toml(settings, **overrides)
    with working("switching the board on"):
        server = BenchServer(PoweredBoard(bench))
    open_ways_in(server, port=port, host=host, link=link)
    facts = bench.facts
    serve_until_told(server, f"{facts.model}: {facts.rows} rows, {facts.columns} columns", console.print)
