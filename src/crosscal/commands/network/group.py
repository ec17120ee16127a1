"""`crosscal network`: whole networks on crossbars."""

from __future__ import annotations

import click

from crosscal.commands.network.evaluate import command as evaluate
from crosscal.commands.network.inspect import command as inspect
from crosscal.commands.network.map import command as map_
from crosscal.commands.network.modes import command as modes
from crosscal.commands.network.study.command import command as study
from crosscal.commands.network.sweep import command as sweep
from crosscal.commands.network.train import command as train
from crosscal.commands.network.train_on_chip import command as train_on_chip


@click.group("network")
def command() -> None:
    """Map a neural network to crossbars, and find out how good it is there.

    A network is any ONNX file of convolutions, matrix products, pooling, normalisation and activations.
    Products by weights go to tiles of cells; all else stays digital.

    \b
    crosscal network map net.onnx -o net.mapped
    crosscal network evaluate net.mapped --data data.npz --report out/
    """


for each in (train, train_on_chip, map_, inspect, evaluate, sweep, modes, study):
    command.add_command(each)
