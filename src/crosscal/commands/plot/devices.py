"""Pictures of single devices (`crosscal plot iv`, `crosscal plot loop`)."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from crosscal.commands.options.bench_name import BenchName
from crosscal.commands.options.bench_options import DEFAULT_BENCH
from crosscal.commands.options.finite_number import FiniteNumber
from crosscal.commands.plot.output import Table, output_options, write_picture

POINTS = 401  # of a curve: odd, so that 0 V is one of them


@click.command("iv")
@click.argument("bench", type=BenchName(), default=DEFAULT_BENCH)
@click.option(
    "--volts",
    type=FiniteNumber(0, min_open=True),
    default=0.5,
    show_default=True,
    help="Largest voltage, either way [V].",
)
@output_options("iv")
def iv(bench: str, volts: float, output: Path, data: Path | None) -> None:
    """Draw current over voltage of a board's cells, at the least, a middle and the largest conductance."""
    from crosscal.simulated_bench import Bench
    from crosscal.simulated_bench.pictures.device import draw_law

    board = Bench.from_toml(bench)
    facts = board.facts
    least_s, largest_s = facts.conductance_min_s, facts.conductance_max_s
    conductance_s = np.array([least_s, (least_s + largest_s) / 2, largest_s])
    voltage_v = np.linspace(-volts, volts, POINTS)
    # As one row of cells for each voltage, since a law may depend on the row.
    current_a, slope_s = np.empty((2, POINTS, facts.rows, 3))
    cells_s = np.broadcast_to(conductance_s, (facts.rows, 3)).copy()
    across_v = np.broadcast_to(voltage_v[:, None, None], (POINTS, facts.rows, 3)).copy()
    board.common_device.evaluate(cells_s, across_v, current_a, slope_s)
    table: Table = {
        "conductance_s": conductance_s[:, None],
        "voltage_v": voltage_v,
        "current_a": current_a[:, 0, :].T,
    }
    title = f"{Path(bench).stem}: {board.settings.device.__struct_config__.tag} cells"
    write_picture(
        lambda: draw_law(voltage_v, conductance_s, current_a[:, 0, :].T, title=title),
        table,
        output=output,
        data=data,
    )


@click.command("loop")
@click.argument(
    "device", type=click.Choice(["memristor", "memcapacitor", "meminductor"]), default="memristor"
)
@click.option(
    "--volts",
    type=FiniteNumber(0, min_open=True),
    help="Amplitude of the sine [V].  [default: 1.5, 3 and 0.1 for the three]",
)
@click.option(
    "--frequency",
    "frequency_hz",
    type=FiniteNumber(0, min_open=True),
    help="Of the sine [Hz].  [default: 2, 1e5 and 15e6 for the three]",
)
@output_options("loop_{device}")
def loop(
    device: str, volts: float | None, frequency_hz: float | None, output: Path, data: Path | None
) -> None:
    """Draw the pinched hysteresis loop of a device with memory under a sine.

    Of the meminductor also at twice and four times the frequency, and how far up it stays pinched.
    """
    if device == "memristor":
        _memristor_loop(volts or 1.5, frequency_hz or 2.0, output, data)
    elif device == "memcapacitor":
        _memcapacitor_loop(volts or 3.0, frequency_hz or 1e5, output, data)
    else:
        _meminductor_loop(volts or 0.1, frequency_hz or 15e6, output, data)


def _memristor_loop(volts: float, frequency_hz: float, output: Path, data: Path | None) -> None:
    from crosscal.simulated_bench import Memristor, driven_loop
    from crosscal.simulated_bench.pictures.device import draw_memristor_loop

    time_s = np.linspace(0.0, 3.0 / frequency_hz, 3 * POINTS)
    result = driven_loop(Memristor(), time_s, volts * np.sin(2 * np.pi * frequency_hz * time_s))
    table: Table = {
        "time_s": result.time_s,
        "voltage_v": result.voltage_v,
        "current_a": result.current_a,
        "resistance_ohm": result.resistance_ohm,
    }
    title = f"memristor, sine of {volts:g} V at {_hertz(frequency_hz)}, three periods"
    write_picture(lambda: draw_memristor_loop(result, title=title), table, output=output, data=data)


def _memcapacitor_loop(volts: float, frequency_hz: float, output: Path, data: Path | None) -> None:
    from crosscal.simulated_bench import Memcapacitor
    from crosscal.simulated_bench.pictures.device import draw_charge_loop

    result = Memcapacitor().loop(amplitude_v=volts, frequency_hz=frequency_hz)
    table: Table = {
        "time_s": result.time_s,
        "voltage_v": result.voltage_v,
        "charge_c": result.charge_c,
        "capacitance_f": result.capacitance_f,
    }
    title = f"memcapacitor, sine of {volts:g} V at {_hertz(frequency_hz)}"
    write_picture(
        lambda: draw_charge_loop(result.voltage_v, result.charge_c, result.capacitance_f, title=title),
        table,
        output=output,
        data=data,
    )


def _meminductor_loop(volts: float, frequency_hz: float, output: Path, data: Path | None) -> None:
    from crosscal.simulated_bench import Meminductor, pinch_limit_hz
    from crosscal.simulated_bench.pictures.device import PINCHED, draw_flux_loops

    emulator = Meminductor()
    loops = [emulator.loop(frequency_hz=n * frequency_hz, amplitude_v=volts) for n in (1, 2, 4)]
    swept_hz = np.geomspace(frequency_hz, 20 * frequency_hz, 40)
    pinch_error = np.array([emulator.loop(frequency_hz=f, amplitude_v=volts).pinch_error for f in swept_hz])
    table: Table = {
        "frequency_hz": np.array([[loop.frequency_hz] for loop in loops]),
        "flux_wb": np.array([loop.flux_wb for loop in loops]),
        "current_a": np.array([loop.current_a for loop in loops]),
    }
    if pinch_error[0] <= PINCHED < pinch_error[-1]:
        limit_hz = pinch_limit_hz(
            emulator, amplitude_v=volts, part=PINCHED, from_hz=swept_hz[0], to_hz=swept_hz[-1]
        )
        limit = f"pinched to {100 * PINCHED:g} % up to {1e-6 * limit_hz:.3g} MHz"
    else:
        limit = "pinched at all of these" if pinch_error[-1] <= PINCHED else "nowhere pinched"
    title = f"meminductor emulator, cosine of {volts:g} V; {limit}"
    write_picture(
        lambda: draw_flux_loops(loops, swept_hz, pinch_error, title=title), table, output=output, data=data
    )


def _hertz(frequency_hz: float) -> str:
    from crosscal.simulated_bench.pictures.style import prefixed

    factor, unit = prefixed(np.array([frequency_hz]), "Hz")
    return f"{factor * frequency_hz:g} {unit}"
