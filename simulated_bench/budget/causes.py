"""Causes of error of a board, each with the settings of the same board without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from msgspec.structs import asdict, replace

from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.settings.cells import HeatingSettings, TailSettings
from crosscal.simulated_bench.settings.devices import OhmicSettings
from crosscal.simulated_bench.settings.faults import FaultSettings
from crosscal.simulated_bench.settings.programming import ProgrammingSettings
from crosscal.simulated_bench.temperature import REFERENCE_TEMPERATURE_C
from crosscal.simulated_bench.variability.drift import NoDrift
from crosscal.simulated_bench.variability.programming_error import NoProgrammingError
from crosscal.simulated_bench.variability.read_noise import NoFlicker, NoTelegraph

FINE_BITS = 48
"""Of a converter, as those of the front end `ideal`: far finer than any noise."""

Without = Callable[[BenchSettings], BenchSettings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A cause of error.

    Attributes:
        name: in words.
        without: gives the settings of the same board without it; unchanged where it has none.
        aside: taken away from both boards first: noise that adds in squares would hide it.
        cells: those that the board without it is read with: as the whole board has them, written exactly, or
            written by the board without it.
    """

    name: str
    without: Without
    aside: Without | None = None
    cells: Literal["kept", "exact", "own"] = "kept"


def causes_of(settings: BenchSettings) -> Iterator[tuple[Cause, BenchSettings, BenchSettings]]:
    """List the causes that a board has, each with settings of the board with it and without it.

    Both have fine converters, lest every small cause be lost in the steps; the steps themselves are a cause.
    """
    fine = _fine(settings)
    for cause in CAUSES:
        having = fine if cause.aside is None else cause.aside(fine)
        lacking = cause.without(having)
        if lacking != having:
            yield cause, having, lacking
    stepped = replace(settings, front_end=replace(settings.front_end, inl_lsb=0.0))
    if settings.front_end.adc_bits < FINE_BITS:
        yield STEPS, stepped, _fine(stepped)


def _fine(settings: BenchSettings) -> BenchSettings:
    """Give a board fine converters, with curves as much off as before."""
    front_end = settings.front_end
    finer = 2.0 ** (FINE_BITS - front_end.adc_bits)
    inl_lsb = front_end.inl_lsb * finer
    return replace(settings, front_end=replace(front_end, adc_bits=FINE_BITS, inl_lsb=inl_lsb, dnl_lsb=0.0))


def _table(table: str, **keys: Any) -> Without:
    """Make a rule that sets keys of a table."""
    return lambda settings: replace(settings, **{table: replace(getattr(settings, table), **keys)})


def _whole(**tables: Any) -> Without:
    """Make a rule that replaces tables."""
    return lambda settings: replace(settings, **tables)


def _ohmic(settings: BenchSettings) -> BenchSettings:
    """Keep what cells have in common with ohmic ones; a spread of the law goes with the law."""
    own = asdict(settings.device)
    kept = ("temperature_coefficient_per_c", "activation_energy_ev", "activation_energy_low_ev", "access")
    return replace(settings, device=OhmicSettings(**{key: own[key] for key in kept}))


def _straight_inputs(settings: BenchSettings) -> BenchSettings:
    front_end = settings.front_end
    return replace(settings, front_end=replace(front_end, input_ohm=(0.0,) * len(front_end.ranges_a)))


def _without_programming_error(settings: BenchSettings) -> BenchSettings:
    front_end = replace(settings.front_end, readback_error=0.0)
    exact = replace(settings, programming=ProgrammingSettings(), programming_error=NoProgrammingError())
    return replace(exact, front_end=front_end, tails=TailSettings())


_quiet_array = _table("noise", read_relative=0.0, read_a=0.0)
_quiet_amplifiers = _table("front_end", noise_a=0.0, noise_corner_hz=0.0)

CAUSES = (
    Cause(
        name="wires, drivers' and sense resistance",
        without=_table("wires", row_ohm=0.0, column_ohm=0.0, source_ohm=0.0, sense_ohm=0.0),
    ),
    Cause(name="bent law of the cells", without=_ohmic),
    Cause(name="spread of the cells' law", without=_table("device", steepness_spread=0.0)),
    Cause(name="temperature away from 25 °C", without=_whole(temperature_c=REFERENCE_TEMPERATURE_C)),
    Cause(name="self-heating and thermal crosstalk", without=_whole(heating=HeatingSettings())),
    Cause(name="error of programming", without=_without_programming_error, cells="exact"),
    Cause(name="tails of the programming error", without=_table("tails", spread=0.0), cells="own"),
    Cause(name="drift", without=_whole(drift=NoDrift())),
    Cause(name="faulty cells, lines and amplifiers", without=_whole(faults=FaultSettings())),
    Cause(name="white noise of the cells", without=_table("noise", cell_relative=0.0)),
    Cause(name="1/f noise of the cells", without=_whole(flicker=NoFlicker())),
    Cause(name="telegraph noise of the cells", without=_whole(telegraph=NoTelegraph())),
    Cause(name="white noise of the array", without=_quiet_array, aside=_quiet_amplifiers),
    Cause(name="noise of the amplifiers", without=_quiet_amplifiers, aside=_quiet_array),
    Cause(name="input resistance of the amplifiers", without=_straight_inputs),
    Cause(name="input offset of the amplifiers", without=_table("front_end", input_offset_v=0.0)),
    Cause(
        name="gain and offset of the channels",
        without=_table(
            "front_end", gain_error=0.0, offset_error=0.0, gain_drift_per_c=0.0, offset_drift_per_c=0.0
        ),
    ),
    Cause(name="nonlinearity of the converter", without=_table("front_end", inl_lsb=0.0)),
    Cause(name="spread of the drivers' resistance", without=_table("drivers", source_spread=0.0)),
    Cause(name="gain and offset of the drivers", without=_table("drivers", gain_error=0.0, offset_v=0.0)),
    Cause(name="noise of the drivers", without=_table("drivers", noise_v=0.0)),
    Cause(name="noise of the reference", without=_table("drivers", reference_noise=0.0)),
    Cause(name="steps of the drivers", without=_table("front_end", dac_bits=FINE_BITS)),
)
"""In the order of the signal's way, wires first."""

STEPS = Cause(name="steps of the converter", without=_fine)
