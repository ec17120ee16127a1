"""Rounds of relaxation that a fitted circuit needs."""

from __future__ import annotations

import numpy as np
import torch

from crosscal.core.errors import TrainingError, wanted
from crosscal.training.calibrators.structured.backend import TorchBackend
from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.calibrators.structured.relaxation import Relaxation
from crosscal.training.measurements import Measurements

_ROUNDS = (7, 10, 14, 20, 28, 40)
"""Those tried, each 1.4 times the one before. More than are needed change errors by 1 %, and preparation
takes 1.7 times as long with 10, 3.3 times with 40 (`python benchmarks/constants.py structured.rounds`)."""

_RESIDUE = 2e-5
"""Relative to the largest input. Insensitive between 2e-6 and 2e-4 where noise is 1e-4 (the same command)."""


def with_enough_rounds(circuit: Circuit, data: Measurements) -> Circuit:
    """Choose rounds so that Kirchhoff's law holds to 2e-5 of the largest input on the heaviest matrix."""
    heaviest = data.conductance_s[np.argmax(data.conductance_s.sum(axis=(1, 2)))]
    matrix = torch.from_numpy(heaviest).float()
    for rounds in _ROUNDS:
        tried = circuit.of_rounds(rounds)
        relaxation = Relaxation(TorchBackend(), tried, matrix)
        drive_v = torch.full((1, tried.form.rows, 1), tried.form.largest_v)
        cell_v = relaxation.cell_voltages(drive_v)
        excess_v = drive_v - cell_v - relaxation.lost(relaxation.cell_currents(cell_v))
        if float(excess_v.abs().max()) < _RESIDUE * tried.form.largest_v:
            return tried
    raise TrainingError(
        wanted(
            got=f"a circuit that does not settle in {_ROUNDS[-1]} rounds of relaxation",
            allowed="wires that take less from a cell than some ten times what it keeps",
            remedy="check that the run's inputs, targets and currents belong together",
        )
    )
