"""Preset of a memcapacitive product's error budget: of `plot charge-budget`, the benchmark and the tests.

All sizes are assumptions, of the order of a 0.18 µm process, chosen so that every cause shows and none hides
the others: at 20 ns the wires have settled to about a percent.
"""

from __future__ import annotations

import numpy as np

from crosscal.simulated_bench.charge.amplifier import ChargeAmplifier
from crosscal.simulated_bench.charge.parasitics import ChargeParasitics
from crosscal.simulated_bench.charge.variation import CapacitanceVariation
from crosscal.simulated_bench.circuit.wires import Wires

# Assumptions: see the module.
ROWS, COLUMNS, VECTORS = 32, 24, 8
CAPACITANCE_F = 6e-15, 30e-15
DRIVE_V = 0.1, 0.5

FEEDBACK_F, ROWS_OF_FEEDBACK = 200e-15, 16
"""For up to so many rows, in proportion beyond: full drive of 16 cells of 30 fF is 1.2 V at the output."""

# Assumptions: see the module.
PARASITICS = ChargeParasitics(
    wires=Wires(row_ohm=50.0, column_ohm=50.0, source_ohm=5e3),
    row_line_f=1e-15,
    column_line_f=1e-15,
    input_f=50e-15,
    leakage_s=1e-9,
)
VARIATION = CapacitanceVariation(device_relative=0.02, cycle_relative=5e-3)


def amplifier_for(rows: int, *, adc_bits: int = 10) -> ChargeAmplifier:
    """Choose the amplifiers of an array by its number of rows."""
    return ChargeAmplifier(
        feedback_f=FEEDBACK_F * max(rows / ROWS_OF_FEEDBACK, 1.0),
        window_s=20e-9,
        gain=3000.0,
        feedback_relative=2e-3,
        offset_v=1e-3,
        noise_v=50e-6,
        temperature_c=25.0,
        adc_bits=adc_bits,
        adc_full_scale_v=1.2,
    )


def draw_array(rows: int, columns: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw capacitances [F], (N, M), and vectors [V], (B, N)."""
    return rng.uniform(*CAPACITANCE_F, (rows, columns)), rng.uniform(*DRIVE_V, (VECTORS, rows))
