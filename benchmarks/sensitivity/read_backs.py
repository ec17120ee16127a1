"""Laws of cells and of their read-backs over the values of a constant.

Cells of a board of 8×12 scatter by 3 % about their targets, read-backs by 1 % about the cells; wires of 2 Ω,
bent cells, read noise of 1e-4 of the largest current. Printed: fitted over true deviations of programming and
of read-backs; where the circuit is fitted to cells as they were read back, the error of readings of
validation matrices that are calibrated for the cells read back.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from sensitivity.calibrators import CELLS, WIRES
from sensitivity.table import Varied

from crosscal.runtime import Inverse, InverseTensors
from crosscal.simulated_bench import solve_currents
from crosscal.training import Measurements, TrainingPlan, train
from crosscal.training.fitting.cell_law import fit_cell_law
from crosscal.training.fitting.trainer import TrainingResult

MATRICES, VECTORS, ROWS, COLUMNS = 24, 40, 8, 12
SCATTER, READ_BACK, NOISE = 0.03, 0.01, 1e-4

LAW = "training.fitting.cell_law"
MEANS = "training.calibrators.read_back_law"
CIRCUIT = "training.calibrators.structured.cells_read_back"


def varied() -> list[Varied]:
    """Constants with their experiments."""
    return [
        Varied(f"{MEANS}._KNOTS", (3, 5, 9), laws, trained),
        Varied(f"{MEANS}._ROUNDS", (1, 3, 6), laws, trained),
        Varied(f"{MEANS}._CLIPPED", (3.0, 5.0, 8.0), laws, trained),
        Varied(f"{LAW}._STARTS", ((1.0,), (0.1, 1.0, 10.0), (0.01, 0.1, 1.0, 10.0)), laws, trained),
        Varied(f"{LAW}._STEPS", ((0.5, 2.0), (0.3, 0.6, 0.85, 1.18, 1.7, 3.3)), laws, trained),
        Varied(f"{LAW}._ROUNDS", (2, 4, 8, 16), laws, trained),
        Varied(f"{LAW}._LEAST_GAIN", (0.005, 0.05, 0.5), laws, trained),
        Varied(f"{LAW}._LEAST_SIZE", (1e-9, 1e-7, 1e-5), laws, trained),
        Varied("training.fitting.cell_reads._VECTORS", (24, 40, 48), laws, trained),
        Varied(f"{CIRCUIT}._SHARES", ((1.0,), (0.5, 1.0), (0.25, 0.5, 0.75, 1.0)), residual, trained),
        Varied(f"{CIRCUIT}._VECTORS", (80, 320, 1280), residual, trained),
    ]


@cache
def board() -> Measurements:
    """Measure matrices that are programmed and read back inexactly."""
    rng = np.random.default_rng(9)
    target_s = rng.uniform(16.6e-6, 100e-6, (MATRICES, ROWS, COLUMNS))
    real_s = target_s * (1.0 + SCATTER * rng.standard_normal(target_s.shape))
    voltage_v = rng.uniform(0.0, 0.5, (MATRICES, VECTORS, ROWS))
    current_a = np.stack(
        [
            solve_currents(cells_s, inputs_v, wires=WIRES, device=CELLS)
            for cells_s, inputs_v in zip(real_s, voltage_v, strict=True)
        ]
    )
    noise_a = NOISE * current_a.max()
    return Measurements(
        conductance_s=target_s,
        voltage_v=voltage_v,
        current_a=current_a + noise_a * rng.standard_normal(current_a.shape),
        usable=np.ones((MATRICES, VECTORS), dtype=bool),
        read_back_s=real_s * (1.0 + READ_BACK * rng.standard_normal(real_s.shape)),
    )


@cache
def trained() -> TrainingResult:
    """Train a calibrator with the constants as they are."""
    return _trained()


def _trained() -> TrainingResult:
    return train(TrainingPlan(calibrator="structured", seed=1), board())


def laws() -> str:
    """Fit the laws of cells and read-backs."""
    result = trained()
    law = fit_cell_law(result.calibrator.surrogate_tensors, result.validation, result.training)
    relative = np.nan if law.read_back is None else law.read_back.relative
    return f"programming {law.programming.mean() / SCATTER:.3f}, read-backs {relative / READ_BACK:.3f}"


def residual() -> str:
    """Train, and read the board's matrices with their cells as they were read back."""
    result = _trained()
    data = result.validation
    if data.read_back_s is None:
        return "no read-backs"
    informed = replace(data, conductance_s=data.read_back_s)
    errors = []
    for k in range(informed.matrices):
        programmed = result.calibrator.surrogate_tensors(informed.conductance_s[k])
        found = Inverse(InverseTensors.from_mapping(programmed)).read(informed.current_a[k])
        ideal_a = informed.voltage_v[k] @ informed.conductance_s[k]
        errors.append(found.calibrated_a - ideal_a)
    return f"error {np.sqrt(np.mean(np.square(errors))) / board().current_a.max():.5f} of the largest current"
