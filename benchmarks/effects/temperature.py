"""Effects of temperature on a board's readings, one by one, from −40 to 85 °C.

    python benchmarks/effects/temperature.py realistic-64x64 --after 3600

A matrix is programmed at 25 °C and stands for a time at the temperature; then random vectors are read. Each
effect alone is compared with the same board, of the same cells and the same age, at 25 °C: rms over columns
and vectors, relative to full scale, as it is and after the best gain and offset of each column.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np
from msgspec.structs import asdict, replace

from crosscal.simulated_bench import BenchSettings, load_settings
from crosscal.simulated_bench.budget.contributions import relative_change

TEMPERATURES_C = (-40.0, -10.0, 10.0, 35.0, 45.0, 65.0, 85.0)

EFFECTS = {
    "steepness of the law": ("device", ("steepness_temperature_power",)),
    "conductance of the cells": (
        "device",
        ("temperature_coefficient_per_c", "activation_energy_ev", "activation_energy_low_ev"),
    ),
    "resistance of the wires": ("wires", ("temperature_coefficient_per_c",)),
    "gain and offset of the channels": ("front_end", ("gain_drift_per_c", "offset_drift_per_c")),
    "pace of drift": ("drift", ("activation_energy_ev",)),
}
"""Keys of the settings that each effect is made of, by table."""


def alone(settings: BenchSettings, effect: str) -> BenchSettings:
    """Take all effects of temperature but one away."""
    for other, (table, keys) in EFFECTS.items():
        values = asdict(getattr(settings, table))
        off = {key: None if values[key] is None else 0.0 for key in keys if key in values}
        if other != effect:
            settings = replace(settings, **{table: replace(getattr(settings, table), **off)})
    return settings


def sweep(
    settings: BenchSettings, given: argparse.Namespace
) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Find each effect at every temperature, raw and after the fit, relative to full scale."""
    rng = np.random.default_rng(given.seed)
    array = settings.array
    shape = array.rows, array.columns
    target_s = rng.uniform(array.conductance_min_s, array.conductance_max_s, shape)
    low_v, high_v = array.inputs_v or (0.1, 0.5)
    voltage_v = rng.uniform(low_v, high_v, (given.vectors, array.rows))
    for effect in (*EFFECTS, "all of them"):
        own = settings if effect == "all of them" else alone(settings, effect)
        yield (
            effect,
            [
                relative_change(
                    replace(own, temperature_c=temperature_c),
                    replace(own, temperature_c=25.0),
                    target_s,
                    voltage_v,
                    after_s=given.after,
                )
                for temperature_c in given.temperatures
            ],
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "bench", nargs="?", default="realistic-64x64", help="profile, or path of a bench.toml"
    )
    parser.add_argument("--after", type=float, default=3600.0, help="time at the temperature [s]")
    parser.add_argument("--vectors", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--temperatures", type=lambda text: [float(part) for part in text.split(",")], default=TEMPERATURES_C
    )
    given = parser.parse_args()
    print("| effect | " + " | ".join(f"{each:g} °C" for each in given.temperatures) + " |")
    print("|---|" + "---|" * len(given.temperatures))
    for effect, sizes in sweep(load_settings(given.bench), given):
        print(f"| {effect} | " + " | ".join(f"{raw:.1e} / {fitted:.1e}" for raw, fitted in sizes) + " |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
