"""A fitted white box as the unknowns of the relaxation network, so that both twins share one graph.

`structured` and `whitebox` differ in how they come to know a board; what follows (relaxation, condensation,
read) is the same, and written once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from crosscal.core.array_types import Float
from crosscal.core.errors import TrainingError
from crosscal.training.structured_backend import TorchBackend
from crosscal.training.structured_circuit import CircuitForm, CircuitUnknowns, Relaxation, cell_terms
from crosscal.training.whitebox_fit import CircuitFit, Reads

ROUNDS_LEAST, ROUNDS_MOST = 3, 40
"""How many rounds of relaxation the graph may take."""

_SHARE_OF_RESIDUAL = 0.1
"""What the relaxation may err by, in parts of what the fit leaves: a hundredth of its variance."""

_LEAST_ERROR = 2e-6
"""Single precision: no number of rounds gets closer, in parts of the largest current."""

_CHECKED = 32


def form_of(fit: CircuitFit, rows: int, columns: int, rounds: int = ROUNDS_LEAST) -> CircuitForm:
    """Describe the fitted circuit's form for an array of N × M."""
    law = fit.circuit.law
    shades, orders = law.coefficients.shape
    return CircuitForm(
        rows=rows,
        columns=columns,
        largest_v=law.scale_v,
        middle_s=law.middle_s,
        half_s=law.half_s,
        orders=orders,
        shades=shades - 1,
        bends=law.kink.size,
        rounds=rounds,
    )


def unknowns_of(fit: CircuitFit, form: CircuitForm, kind: torch.dtype = torch.float32) -> CircuitUnknowns:
    """State the fitted wires, law, gains and offsets in the network's terms."""
    wires, law = fit.circuit.wires, fit.circuit.law
    along_row, along_column = np.arange(form.columns), np.arange(form.rows)
    shared = np.minimum.outer(along_row, along_row) + 1.0
    below = form.rows - np.maximum.outer(along_column, along_column)

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).to(kind)

    return CircuitUnknowns(
        law=tensor(law.coefficients),
        bend=tensor(law.kink),
        row_loss=tensor(wires.row_ohm * shared),
        column_loss=tensor(wires.sense_ohm + wires.column_ohm * below),
        driver=tensor(np.full((form.rows, 1), wires.source_ohm)),
        input_gain=tensor(np.ones(form.rows)),
        input_offset=tensor(np.zeros(form.rows)),
        gain=tensor(fit.gain),
        offset=tensor(fit.offset_a / form.unit_a),
    )


def relaxed_currents(fit: CircuitFit, form: CircuitForm, reads: Reads) -> Float[np.ndarray, "batch columns"]:
    """Currents before the amplifiers [A], (B, M), as the network computes them in single precision."""
    unknowns, backend = unknowns_of(fit, form), TorchBackend(exact=False)
    conductance = torch.from_numpy(reads.conductance_s[reads.matrix].astype(np.float32))
    drive = torch.from_numpy(reads.voltage_v.astype(np.float32))[:, :, None]
    with torch.no_grad():
        relaxation = Relaxation(backend, form, unknowns, cell_terms(form, unknowns, conductance))
        return relaxation.currents(drive)[:, 0].double().numpy() * form.unit_a


def form_with_enough_rounds(fit: CircuitFit, reads: Reads) -> CircuitForm:
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
    form = form_of(fit, rows, columns)
    error_a = np.inf
    while form.rounds <= ROUNDS_MOST:
        error_a = np.sqrt(np.mean((relaxed_currents(fit, form, few) - exact) ** 2))
        if error_a <= allowed_a:
            return form
        form = replace(form, rounds=form.rounds + 1)
    raise TrainingError(
        f"got a circuit whose relaxation errs by {error_a:.1e} A after {ROUNDS_MOST} rounds; "
        f"allowed: {allowed_a:.1e} A; its wires lose too much of the input: train `structured` instead"
    )
