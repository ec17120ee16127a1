"""Prints a memcapacitive product's error budget and the meminductor's loops, as in docs/reference/charge.md.

Run: python benchmarks/charge.py
"""

from __future__ import annotations

import numpy as np

from crosscal.simulated_bench import Meminductor, charge_budget, pinch_limit_hz
from crosscal.simulated_bench.charge import preset

SEED = 1
DRIVE_V = 0.1


def budget() -> None:
    """The preset's array, eight specimens, eight vectors: the numbers of `crosscal plot charge-budget`."""
    rng = np.random.default_rng(SEED)
    capacitance_f, voltage_v = preset.draw_array(preset.ROWS, preset.COLUMNS, rng)
    result = charge_budget(
        capacitance_f,
        voltage_v,
        amplifier=preset.amplifier_for(preset.ROWS),
        parasitics=preset.PARASITICS,
        variation=preset.VARIATION,
        rng=rng,
    )
    print(f"| cause | kind | rms, aC | in % of the charges' rms of {result.full_scale_c * 1e18:.0f} aC |")
    print("|---|---|---|---|")
    for cause, kind, rms_c, part in result.rows():
        print(f"| {cause} | {kind} | {rms_c * 1e18:.1f} | {100 * part:.2f} |")


def loops() -> None:
    """The default emulator at one amplitude."""
    emulator = Meminductor()
    print("\n| frequency, MHz | current at zero flux, % of the peak | lobe, % of height × width |")
    print("|---|---|---|")
    for frequency_hz in (15e6, 20e6, 30e6, 45e6, 60e6, 90e6):
        loop = emulator.loop(frequency_hz=frequency_hz, amplitude_v=DRIVE_V)
        pinch, lobe = 100 * loop.pinch_error, 100 * loop.lobe_part
        print(f"| {frequency_hz / 1e6:g} | {pinch:.2f} | {lobe:.2f} |")
    limit_hz = pinch_limit_hz(emulator, amplitude_v=DRIVE_V)
    print(f"\npinched to 5 % up to {limit_hz / 1e6:.1f} MHz")


if __name__ == "__main__":
    budget()
    loops()
