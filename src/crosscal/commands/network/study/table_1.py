"""Table I of Diware et al. (AICAS 2023) from ISAAC's parts, with the counts that it implies."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

# As the paper states them.
SLICES, COLUMNS, INPUT_BITS = 4, 128, 8
PUBLISHED = {
    "area (µm²)": 21765.0,
    "energy (pJ)": 3738.0,
    "operations": 1024.0,
    "correct GOP/J, conventional": 96.9,
    "correct GOP/J, biased": 233.4,
}
ACCURACIES = {"correct GOP/J, conventional": 0.354, "correct GOP/J, biased": 0.852}


def table_1_values() -> dict[str, float]:
    """Compute the table from parts and counts."""
    from crosscal.simulated_bench.tiles.parts import UM2, UNIT_OF_AREA, UNIT_OF_ENERGY, Parts

    parts = Parts()
    energy_j = INPUT_BITS * parts.cycle_s * UNIT_OF_ENERGY.power_w(parts)
    operations = COLUMNS * INPUT_BITS
    values = {
        "area (µm²)": SLICES * UNIT_OF_AREA.area_m2(parts) / UM2,
        "energy (pJ)": 1e12 * energy_j,
        "operations": float(operations),
    }
    for name, accuracy in ACCURACIES.items():
        values[name] = accuracy * operations / energy_j / 1e9
    return values


def counts_in_words() -> list[str]:
    """State the counts that each figure implies, and that they differ."""
    from crosscal.simulated_bench.tiles.parts import NAMES, UNIT_OF_AREA, UNIT_OF_ENERGY

    def listed(counts: Any) -> str:
        return ", ".join(f"{getattr(counts, name):g} {name.replace('_', ' ')}" for name in NAMES)

    return [
        f"area: {SLICES} slices, each of {listed(UNIT_OF_AREA)}",
        f"energy: {INPUT_BITS} cycles of {listed(UNIT_OF_ENERGY)}",
        f"operations: {COLUMNS} columns × {INPUT_BITS} input bits, the conversions of one crossbar",
        "area and energy do not describe the same unit: the paper prints no breakdown, and these counts are "
        "fitted to its two figures",
    ]


def table_1() -> Table:
    """Lay the table out beside the published one."""
    table = Table(title="Table I, from ISAAC's parts", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("row")
    for name in ("published", "from parts"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, value in table_1_values().items():
        table.add_row(name, f"{PUBLISHED[name]:g}", f"{value:.5g}")
    return table
