"""Quantities of `structured` from measured data beside the circuit: input distribution, noise, deviations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from crosscal.core.array_types import Float
from crosscal.core.errors import TrainingError, wanted
from crosscal.runtime import Inverse, InverseTensors
from crosscal.training.calibrators.structured.backend import TorchBackend
from crosscal.training.calibrators.structured.circuit import (
    CircuitForm,
    CircuitUnknowns,
    Relaxation,
    cell_terms,
    physical_unknowns,
)
from crosscal.training.calibrators.structured.circuit_fit import Free, MeasuredVectors, predicted
from crosscal.training.calibrators.structured.reader import ReadRules
from crosscal.training.calibrators.structured.surrogate import CHUNK, SurrogateDesign
from crosscal.training.measurements import Measurements

EXPANSION_ORDERS = 11
_PENALTY = 400.0
"""A bound gives way by a twentieth of the inputs' deviation where the prior alone would by a whole one."""

_MARGIN = 0.15
_WEIGHT_BEYOND = 0.1
"""Of inputs beyond those seen in the fit of the expansion. With 1, one row of lab-12x16 at 0.3 V and the
others at 0 V is calibrated to 0.45 µA; with 0.1 to 0.26 µA."""

_DAMPING = (2.0, 1.0, 0.5, 0.2)
_STEP_TOLERANCE = (0.3, 0.3)
_COMMON_SHARE = 0.15
_ROUNDS = (7, 10, 14, 20, 28, 40)
_RESIDUE = 2e-5
_NOISE_VECTORS, _TRUST_VECTORS, _TRUST_MATRICES = 640, 200, 24
_LEAST_NOISE = 1e-6
_INFLATION_WITHOUT_DOUBT = 1e6
"""An inflation by which no reading is so far from its prediction that a read itself doubts it, for
learning the scale of the posterior's own deviations."""


def design_sizes(rows: int) -> tuple[int, int]:
    """Vectors that a surrogate is fitted to, and how many of them go together."""
    vectors = max(512, -(-int(3.3 * (3 + 6 * rows)) // CHUNK) * CHUNK)
    return vectors, int(_COMMON_SHARE * vectors)


def vector_source(
    data: Measurements, form: CircuitForm, rng: np.random.Generator
) -> Callable[[int], MeasuredVectors]:
    """Hand out usable vectors in a drawn order, from the first again when all were seen."""
    matrix, vector = np.nonzero(data.usable)
    order = rng.permutation(len(matrix))
    start = 0

    def draw(count: int) -> MeasuredVectors:
        nonlocal start
        chosen = order[(start + np.arange(min(count, len(order)))) % len(order)]
        start += len(chosen)
        return _measured(data, form, matrix[chosen], vector[chosen])

    return draw


_FEW_LEVELS = 8
"""Levels of the inputs, binary or ternary ones say, that cubic polynomials cannot be told apart on."""

_LEVELS_SEEN = 10_000


def enough_rounds(form: CircuitForm, free: Free, data: Measurements) -> CircuitForm:
    """Choose rounds so that Kirchhoff's law holds to 2e-5 of the largest input on the heaviest matrix."""
    heaviest = data.conductance_s[np.argmax(data.conductance_s.sum(axis=(1, 2)))]
    matrix = torch.from_numpy(heaviest).float()
    for rounds in _ROUNDS:
        tried = replace(form, rounds=rounds)
        unknowns = physical_unknowns(tried, free)
        relaxation = Relaxation(TorchBackend(), tried, unknowns, cell_terms(tried, unknowns, matrix))
        drive_v = torch.full((1, form.rows, 1), form.largest_v)
        cell_v = relaxation.cell_voltages(drive_v)
        excess_v = drive_v - cell_v - relaxation.lost(relaxation.cell_currents(cell_v))
        if float(excess_v.abs().max()) < _RESIDUE * form.largest_v:
            return tried
    raise TrainingError(
        wanted(
            got=f"a circuit that does not settle in {_ROUNDS[-1]} rounds of relaxation",
            allowed="wires that take less from a cell than some ten times what it keeps",
            remedy="check that the run's inputs, targets and currents belong together",
        )
    )


def input_expansion(
    form: CircuitForm, free: Free, data: Measurements
) -> tuple[Float[np.ndarray, " orders"], Float[np.ndarray, " 5"]]:
    """Find standardised inputs in which currents are as straight as one common bend can make them.

    Returns:
        `v = Σ_k expansion[k] z^k` [V], and the input bounds: inputs seen, penalty beyond them, how far `z`
        may go at all.
    """
    inputs_v = data.voltage_v[data.usable].ravel()
    low_v, high_v = float(inputs_v.min()), float(inputs_v.max())
    inside_v = np.linspace(low_v, high_v, 37)
    inside = _mean_response(form, free, float(inputs_v.mean()), inside_v)
    if not (np.diff(inside) > 0).all():
        inside = inside_v
    # Beyond the inputs seen the law is not known, and its kink at 0 V, where no polynomial follows, may lie
    # right there: currents go on as straight as they are at the ends.
    room_v, step_v = _MARGIN * (high_v - low_v), inside_v[1] - inside_v[0]
    below, above = (inside[1] - inside[0]) * room_v / step_v, (inside[-1] - inside[-2]) * room_v / step_v
    grid_v = np.linspace(low_v - room_v, high_v + room_v, 49)
    knots_v = np.concatenate([grid_v[:1], inside_v, grid_v[-1:]])
    answer = np.interp(grid_v, knots_v, np.concatenate([[inside[0] - below], inside, [inside[-1] + above]]))
    seen = np.interp(inputs_v, grid_v, answer)
    z = (answer - seen.mean()) / seen.std()
    weight = np.where((grid_v >= low_v) & (grid_v <= high_v), 1.0, _WEIGHT_BEYOND)
    expansion = np.polynomial.polynomial.polyfit(z, grid_v, EXPANSION_ORDERS - 1, w=weight)
    low, high = np.interp([low_v, high_v], grid_v, z)
    return expansion, np.array([low, high, _PENALTY, z[0], z[-1]])


def draw_design(
    form: CircuitForm,
    unknowns: CircuitUnknowns,
    data: Measurements,
    expansion: np.ndarray,
    input_bounds: np.ndarray,
    rng: np.random.Generator,
) -> SurrogateDesign:
    """Draw the vectors that surrogates are fitted to from the run's inputs; some go together."""
    vectors, common = design_sizes(form.rows)
    inputs_v = data.voltage_v[data.usable].ravel()
    if len(np.unique(inputs_v[:_LEVELS_SEEN])) <= _FEW_LEVELS:
        # Inputs of a few levels say nothing of what lies between, where reads pass on their way.
        inputs_v = np.concatenate([inputs_v, rng.uniform(inputs_v.min(), inputs_v.max(), inputs_v.size)])
    voltage_v = rng.choice(inputs_v, (vectors, form.rows))
    level_v, apart = rng.choice(inputs_v, (common, 1)), rng.uniform(0.0, 1.0, (common, 1))
    voltage_v[:common] = level_v + apart * (voltage_v[:common] - level_v)
    fine = np.linspace(input_bounds[3], input_bounds[4], 20001)
    inputs = np.interp(voltage_v, np.polynomial.polynomial.polyval(fine, expansion), fine)
    voltage_v = np.polynomial.polynomial.polyval(inputs, expansion)
    alone = inputs[common:].ravel()
    powers = np.stack([alone**p for p in range(4)])
    moments = powers @ powers.T / alone.size
    drive_v = voltage_v * unknowns.input_gain.numpy() + unknowns.input_offset.numpy()
    return SurrogateDesign(
        inputs=inputs,
        common=common,
        drive_v=drive_v,
        orthogonal=np.linalg.inv(np.linalg.cholesky(moments)),
    )


def unexplained_variance(
    form: CircuitForm, free: Free, held: Measurements, rng: np.random.Generator
) -> Float[np.ndarray, " columns"]:
    """Variance of scaled currents that the circuit leaves unexplained on matrices it was not fitted to, (M,).

    A column's own estimate is drawn half-way to the mean of all, as it rests on few vectors.
    """
    matrix, vector = np.nonzero(held.usable)
    chosen = rng.permutation(len(matrix))[:_NOISE_VECTORS]
    data = _measured(held, form, matrix[chosen], vector[chosen])
    expected = torch.cat(
        [
            predicted(form, free, data.conductance_s[at], data.voltage_v[at])
            for at in torch.arange(len(chosen)).split(CHUNK)
        ]
    )
    wrong = ((data.current - expected) / physical_unknowns(form, free).gain).double().numpy()
    variance = (wrong**2).mean(axis=0)
    return 0.5 * (variance + variance.mean()) + _LEAST_NOISE**2


def read_rules(
    form: CircuitForm,
    unknowns: CircuitUnknowns,
    *,
    input_bounds: np.ndarray,
    expansion: np.ndarray,
    steps: int,
) -> ReadRules:
    """Collect the rules for readings of all matrices of the board."""
    damping = [*_DAMPING, *([_DAMPING[-1]] * steps)][:steps]
    return ReadRules(
        input_bounds=input_bounds,
        damping=np.array(damping),
        step_tolerance=np.array(_STEP_TOLERANCE),
        expansion=expansion,
        current_scale=1.0 / (form.unit_a * unknowns.gain.double().numpy()),
        current_shift=form.unit_a * unknowns.offset.double().numpy(),
    )


def deviation_inflation(
    tensors_of_matrix: Callable[[np.ndarray], dict[str, np.ndarray]], held: Measurements
) -> Float[np.ndarray, " 1"]:
    """Root mean square of held-out errors in parts of the deviations that the posterior gives them, (1,)."""
    squares = []
    for k in np.flatnonzero(held.usable.any(axis=1))[:_TRUST_MATRICES]:
        chosen = np.flatnonzero(held.usable[k])[:_TRUST_VECTORS]
        tensors = InverseTensors.from_mapping(tensors_of_matrix(held.conductance_s[k]))
        inverse = Inverse(replace(tensors, inflation=np.array([_INFLATION_WITHOUT_DOUBT])))
        reading = inverse.read(np.ascontiguousarray(held.current_a[k, chosen]), deviation=True)
        wrong = reading.calibrated_a - held.voltage_v[k, chosen] @ held.conductance_s[k]
        squares.append(np.mean((wrong / reading.deviation_a) ** 2))
    inflation = _INFLATION_WITHOUT_DOUBT * np.sqrt(np.mean(squares))
    if not np.isfinite(inflation):
        raise TrainingError(
            wanted(
                got="reads of held-out matrices that do not settle in single precision",
                allowed="readings with some noise, 1e-5 of the largest or more on arrays with more rows than "
                "columns",
                remedy="train affine or concatsquash on this board, or give a simulated one its noise",
            )
        )
    return np.array([inflation])


def _mean_response(form: CircuitForm, free: Free, middle_v: float, grid_v: np.ndarray) -> np.ndarray:
    """Mean column current when one row sweeps the grid and the others rest, averaged over a few rows."""
    exact = {name: value.double() for name, value in free.items()}
    unknowns = physical_unknowns(form, exact)
    matrix = torch.full((form.rows, form.columns), form.middle_s, dtype=torch.float64)
    relaxation = Relaxation(TorchBackend(), form, unknowns, cell_terms(form, unknowns, matrix))
    total = np.zeros(len(grid_v))
    for row in sorted({form.rows // 4, form.rows // 2, 3 * form.rows // 4}):
        drive_v = torch.full((len(grid_v), form.rows, 1), middle_v, dtype=torch.float64)
        drive_v[:, row, 0] = torch.from_numpy(grid_v)
        total += relaxation.currents(drive_v).mean(dim=(1, 2)).numpy()
    return total


def _measured(
    data: Measurements, form: CircuitForm, matrix: np.ndarray, vector: np.ndarray
) -> MeasuredVectors:
    return MeasuredVectors(
        conductance_s=torch.from_numpy(data.conductance_s[matrix]).float(),
        voltage_v=torch.from_numpy(data.voltage_v[matrix, vector]).float(),
        current=torch.from_numpy(data.current_a[matrix, vector] / form.unit_a).float(),
    )
