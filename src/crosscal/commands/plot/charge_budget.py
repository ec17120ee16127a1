"""Picture of the error budget of a product by charges (`crosscal plot charge-budget`)."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from crosscal.commands.options.finite_number import FiniteNumber
from crosscal.commands.plot.output import Table, output_options, write_picture


@click.command("charge-budget")
@click.option("--rows", type=click.IntRange(1, 512), default=32, show_default=True)
@click.option("--columns", type=click.IntRange(1, 512), default=24, show_default=True)
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
@output_options("charge_budget")
def charge_budget(
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

    An array of 6–30 fF is read by charge amplifiers within 20 ns, from drivers of 5 kΩ over wires of 50 Ω a
    cell: 200 fF of feedback for every 16 rows, gain 3000, 1 mV of offset, 50 µV of noise, strays of 1 fF.
    """
    from crosscal.simulated_bench import CapacitanceVariation
    from crosscal.simulated_bench import charge_budget as find_budget
    from crosscal.simulated_bench.charge import preset
    from crosscal.simulated_bench.pictures.budget import draw_charge_budget

    rng = np.random.default_rng(seed)
    capacitance_f, voltage_v = preset.draw_array(rows, columns, rng)
    result = find_budget(
        capacitance_f,
        voltage_v,
        amplifier=preset.amplifier_for(rows, adc_bits=adc_bits),
        parasitics=preset.PARASITICS,
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
    write_picture(lambda: draw_charge_budget(result, title=title), table, output=output, data=data)
