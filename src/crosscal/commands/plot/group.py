"""`crosscal plot`: pictures of a simulated board and of its devices."""

from __future__ import annotations

import click

from crosscal.commands.plot.array import currents, voltages
from crosscal.commands.plot.budget import budget
from crosscal.commands.plot.charge_budget import charge_budget
from crosscal.commands.plot.devices import iv, loop
from crosscal.commands.plot.drift import drift
from crosscal.commands.plot.page import command as page
from crosscal.commands.plot.transient import transient


@click.group("plot")
def command() -> None:
    """Draw a simulated board at work, its devices, or all of it as one HTML page.

    BENCH, where a picture takes one, is a bench.toml or the name of a profile; it needs nothing else. The
    board is programmed by its own write-verify first. PNG, SVG or PDF, by the suffix of -o.

    \b
    crosscal plot voltages lab-12x16 -o voltages.png
    crosscal plot currents bench.toml --matrix g.npy --vector v.npy -o i.svg
    crosscal plot page lab-12x16 -o bench.html
    """


for picture in (voltages, currents, transient, drift, iv, loop, budget, charge_budget, page):
    command.add_command(picture)
