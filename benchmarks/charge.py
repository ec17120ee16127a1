"""Prints a memcapacitive product's error budget and the meminductor's loops, as in docs/reference/charge.md.

Run: python benchmarks/charge.py
"""

from __future__ import annotations

import numpy as np

from crosscal.simulated_bench import (
    CapacitanceVariation,
    ChargeAmplifier,
    ChargeParasitics,
    Meminductor,
    Wires,
    charge_budget,
    pinch_limit_hz,
)

SEED = 1
DRIVE_V = 0.1


def budget() -> None:
    """32×24 cells of 6–30 fF, eight specimens, eight vectors."""
    rng = np.random.default_rng(SEED)
    result = charge_budget(
        rng.uniform(6e-15, 30e-15, (32, 24)),
        rng.uniform(0.1, 0.5, (8, 32)),
        amplifier=ChargeAmplifier(
            feedback_f=400e-15,
            window_s=20e-9,
            gain=3000.0,
            feedback_relative=2e-3,
            offset_v=1e-3,
            noise_v=50e-6,
            temperature_c=25.0,
            adc_bits=10,
            adc_full_scale_v=1.2,
        ),
        parasitics=ChargeParasitics(
            wires=Wires(row_ohm=50.0, column_ohm=50.0, source_ohm=5e3),
            row_line_f=1e-15,
            column_line_f=1e-15,
            input_f=50e-15,
            leakage_s=1e-9,
        ),
        variation=CapacitanceVariation(device_relative=0.02, cycle_relative=5e-3),
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
