"""Fitted white box as the unknowns of the relaxation network, so that both twins share one graph.

`structured` and `whitebox` differ in how they come to know a board; all that follows (relaxation, surrogate,
read) is the same, and written once.
"""

from __future__ import annotations

import numpy as np
import torch

from crosscal.core.array_types import Float
from crosscal.core.errors import TrainingError
from crosscal.training.calibrators.structured.backend import TorchBackend
from crosscal.training.calibrators.structured.circuit import (
    SPREADS,
    Circuit,
    CircuitForm,
    legendre_powers,
)
from crosscal.training.calibrators.structured.relaxation import Relaxation
from crosscal.training.calibrators.whitebox.cell_model_form import CellModelForm
from crosscal.training.calibrators.whitebox.circuit_fit import CircuitFit
from crosscal.training.calibrators.whitebox.reads import Reads

ROUNDS_LEAST, ROUNDS_MOST = 3, 40
"""How many rounds of relaxation the graph may take."""

_SHARE_OF_RESIDUAL = 0.1
"""Allowed error of the relaxation, relative to the fit's residual: a hundredth of its variance."""

_LEAST_ERROR = 2e-6
"""Single precision: no number of rounds gets closer, in parts of the largest current."""

_CHECKED = 32  # readings. Insensitive between 8 and 64 (`python benchmarks/constants.py _CHECKED`)

_LEAST_WIRE_OHM = 1e-4
"""The network's wires are logarithms: none is quite 0 Ω."""


def form_of(fit: CircuitFit, rows: int, columns: int, rounds: int = ROUNDS_LEAST) -> CircuitForm:
    """Describe the network that holds the fitted circuit, for an array of N × M."""
    law = fit.circuit.law
    return CircuitForm(
        rows=rows,
        columns=columns,
        largest_v=law.scale_v,
        middle_s=law.middle_s,
        half_s=law.half_s,
        rounds=rounds,
    )


def network_of(fit: CircuitFit, form: CircuitForm) -> Circuit:
    """State the fitted wires, law, gains and offsets as the network's parameters, float64."""
    blank = Circuit.blank(form, torch.float64)
    wires_ohm = np.maximum(fit.circuit.wires.as_array(), _LEAST_WIRE_OHM)
    powers = legendre_powers(form.voltage_degree).double().numpy()
    law = CellModelForm(
        conductance_terms=form.conductance_degree + 1,
        voltage_terms=form.voltage_degree,
        kink_terms=form.kink_degree,
    ).applied(fit.circuit.law)
    series = np.linalg.solve(powers.T, law.coefficients.T).T
    # The network's law is a deviation from ohmic cells of their nominal conductance.
    series[0, 0] -= 1.0
    found = {
        "wires": np.log(wires_ohm / blank.unknowns.wires_ohm.numpy()),
        "law": series / SPREADS["law"],
        "kink": law.kink / SPREADS["kink"],
        "gain": (fit.gain - 1.0) / SPREADS["gain"],
        "offset": fit.offset_a / form.unit_a / SPREADS["offset"],
    }
    return blank.changed({name: torch.from_numpy(values) for name, values in found.items()})


def relaxed_currents(network: Circuit, reads: Reads) -> Float[np.ndarray, "batch columns"]:
    """Currents before the amplifiers [A], (B, M), as the network computes them in single precision."""
    single = network.single()
    conductance = torch.from_numpy(reads.conductance_s[reads.matrix].astype(np.float32))
    drive = torch.from_numpy(reads.voltage_v.astype(np.float32))[:, :, None]
    with torch.no_grad():
        relaxation = Relaxation(TorchBackend(), single, conductance)
        return relaxation.currents(drive)[:, 0].double().numpy() * single.form.unit_a


def network_with_enough_rounds(fit: CircuitFit, reads: Reads) -> Circuit:
    """Find how many rounds bring the network as close to the exact solution as the fit's own residual asks
    for.

    Raises:
        TrainingError: no number of rounds does.
    """
    rows, columns = reads.conductance_s.shape[1:]
    few = reads.of(np.unique(np.linspace(0, len(reads.matrix) - 1, _CHECKED).astype(int)))
    exact = fit.circuit.solve(few.conductance_s, few.matrix, few.voltage_v)
    largest_a = np.abs(exact).max()
    allowed_a = max(_SHARE_OF_RESIDUAL * fit.residual_a, _LEAST_ERROR * largest_a)
    network = network_of(fit, form_of(fit, rows, columns))
    error_a = np.inf
    for rounds in range(ROUNDS_LEAST, ROUNDS_MOST + 1):
        network = network.of_rounds(rounds)
        error_a = np.sqrt(np.mean((relaxed_currents(network, few) - exact) ** 2))
        if error_a <= allowed_a:
            return network
    raise TrainingError(
        f"got a circuit whose relaxation errs by {error_a:.1e} A after {ROUNDS_MOST} rounds; "
        f"allowed: {allowed_a:.1e} A; its wires lose too much of the input: train `structured` instead"
    )
