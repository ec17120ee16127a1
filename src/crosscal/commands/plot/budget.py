"""Picture of the error budget of a product by charges (`crosscal plot budget`)."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from crosscal.commands.options.finite_number import FiniteNumber
from crosscal.commands.plot.output import Table, output_options, write_picture


@click.command("budget")
@click.option("--rows", type=click.IntRange(1, 512), default=24, show_default=True)
@click.option("--columns", type=click.IntRange(1, 512), default=32, show_default=True)
@click.option(
    "--device-variation",
    type=FiniteNumber(0, 1),
    default=0.02,
    show_default=True,
    help="Scatter from capacitor to capacitor, rms.",
)
@click.option(
    "--cycle-variation",
    type=FiniteNumber(0, 1),
    default=5e-3,
    show_default=True,
    help="Scatter from read to read, rms.",
)
@click.option("--adc-bits", type=click.IntRange(4, 24), default=10, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@output_options("budget")
def budget(
    rows: int,
    columns: int,
    device_variation: float,
    cycle_variation: float,
    adc_bits: int,
    seed: int,
    output: Path,
    data: Path | None,
) -> None:
    """Draw the causes of error of a product by charges on an array of memcapacitors.

    An array of 6–30 fF is read by charge amplifiers within 20 ns, from drivers of 3 kΩ over wires of 50 Ω a
    cell: 200 fF of feedback for every 12 rows, gain 3000, 1 mV of offset, 50 µV of noise, strays of 1 fF.
    """
    from crosscal.simulated_bench import (
        CapacitanceVariation,
        ChargeAmplifier,
        ChargeParasitics,
        Wires,
        charge_budget,
    )
    from crosscal.simulated_bench.pictures.charge import draw_budget

    rng = np.random.default_rng(seed)
    result = charge_budget(
        rng.uniform(6e-15, 30e-15, (rows, columns)),
        rng.uniform(0.1, 0.5, (8, rows)),
        amplifier=ChargeAmplifier(
            feedback_f=200e-15 * max(rows / 12, 1.0),
            window_s=20e-9,
            gain=3000.0,
            feedback_relative=2e-3,
            offset_v=1e-3,
            noise_v=50e-6,
            temperature_c=25.0,
            adc_bits=adc_bits,
            adc_full_scale_v=1.2,
        ),
        parasitics=ChargeParasitics(
            wires=Wires(row_ohm=50.0, column_ohm=50.0, source_ohm=3e3),
            row_line_f=1e-15,
            column_line_f=1e-15,
            input_f=50e-15,
            leakage_s=1e-9,
        ),
        variation=CapacitanceVariation(device_relative=device_variation, cycle_relative=cycle_variation),
        rng=rng,
    )
    listed = result.rows()
    table: Table = {
        "cause": np.array([name for name, *_ in listed]),
        "rms_c": np.array([rms_c for _, _, rms_c, _ in listed]),
        "part_of_full_scale": np.array([part for *_, part in listed]),
    }
    title = f"error budget of a memcapacitive product, {rows}×{columns} cells of 6–30 fF"
    write_picture(lambda: draw_budget(result, title=title), table, output=output, data=data)
