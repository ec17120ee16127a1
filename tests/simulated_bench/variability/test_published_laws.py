"""Cells become what the publications say, sharply enough to notice any coefficient that is 10 % off.

For every law, equal cells are written at some conductances and looked at at some ages; the share of them
below the published 5th, 16th, 50th, 84th and 95th percentile is counted. Right coefficients stay within 4.5
standard deviations of such a count; with any one of them 10 % off, larger or smaller, some count is beyond 6.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import published_laws as law
import pytest
from published_laws import READ_S, Published

from crosscal.core.errors import SettingsError
from crosscal.simulated_bench import BenchSettings, load_settings
from crosscal.simulated_bench.cells import Cells
from crosscal.simulated_bench.randomness import RandomStreams
from crosscal.simulated_bench.variability.fluctuation import CellState, Fluctuation, ReadTiming

AGREES, DISAGREES = 4.5, 6.0

CASES = {
    "wan-2022-1s": Published(
        percentile=law.scattered(lambda us: law.wan_1s(us / 40)), levels_us=(0.2, 8, 20, 32, 40), ages_s=(0,)
    ),
    "wan-2022-1day": Published(
        percentile=law.scattered(lambda us: law.wan_1day(us / 40)),
        levels_us=(0.2, 8, 20, 32, 40),
        ages_s=(0,),
    ),
    "joshi-2020": Published(
        percentile=law.scattered(lambda us: law.joshi(us / 25)), levels_us=(0.1, 6, 15, 25), ages_s=(0,)
    ),
    "falcone-2025": Published(percentile=law.even(law.falcone), levels_us=(0.04, 40, 90), ages_s=(0,)),
    "drift pcm": Published(
        percentile=law.pcm_drift, levels_us=(0.1, 0.25, 1.25, 3, 7.5, 22.5), ages_s=(3600, 1e7)
    ),
    "drift cmo-hfox": Published(percentile=law.cmo_drift, levels_us=(20, 80), ages_s=(1, 100, 1e6)),
    "drift filamentary": Published(
        percentile=law.filament_drift, levels_us=(0.04, 12, 28, 40), ages_s=(60, 86400)
    ),
    "flicker pcm": Published(percentile=law.pcm_flicker, levels_us=(0.1, 1.25, 25), ages_s=(20, 1e5)),
    "flicker cmo-hfox": Published(percentile=law.cmo_flicker, levels_us=(9, 80), ages_s=(1, 1e5)),
    "white": Published(percentile=law.white, levels_us=(5, 80), ages_s=(0,)),
}
"""Where each law is looked at; a coefficient counts somewhere among its levels."""

CELLS = {"drift filamentary": 120_000, "drift pcm": 24_000, "flicker pcm": 12_000, "flicker cmo-hfox": 12_000}
USUALLY = 32_000
"""Cells per level. The constant of the 1 s polynomial moves the filaments' drift by 3 %: it takes more."""

ROWS = 4000
AGES = {"start_s", "end_s"}
"""Where a logarithm begins and ends: 10 % of them hardly matter; `test_ageing.py` checks them exactly."""


def table_of(name: str) -> tuple[str, dict[str, Any]]:
    if name == "white":
        return "noise", {"cell_relative": 0.01}
    first, _, second = name.partition(" ")
    return (first, {"law": second}) if second else ("programming_error", {"law": first})


def settings_of(name: str, **changed: Any) -> BenchSettings:
    levels_us = CASES[name].levels_us
    columns = len(levels_us) * max(1, CELLS.get(name, USUALLY) // ROWS)
    cells = {"conductance_min_s": 1e-9, "conductance_max_s": max(levels_us) * 1e-6}
    table, keys = table_of(name)
    return load_settings(
        "memsys2025", array={"rows": ROWS, "columns": columns} | cells, **{table: keys | changed}
    )


def coefficients() -> list[tuple[str, str, int | None]]:
    """Every number of every law: its name, and its place where there are several."""
    found: list[tuple[str, str, int | None]] = [("white", "cell_relative", None)]
    for name in CASES.keys() - {"white"}:
        table = getattr(settings_of(name), table_of(name)[0])
        for field in table.__struct_fields__:
            value = getattr(table, field)
            if isinstance(value, tuple):
                found += [(name, field, place) for place in range(len(value))]
            elif field == "activation_energy_ev":
                continue  # says nothing at 25 °C; test_realistic_effects.py has it
            elif isinstance(value, float) and (field not in AGES or name == "drift pcm"):
                found.append((name, field, None))
    return sorted(found, key=str)


def altered(name: str, field: str, place: int | None, factor: float) -> BenchSettings:
    value = getattr(getattr(settings_of(name), table_of(name)[0]), field)
    if place is None:
        return settings_of(name, **{field: value * factor})
    numbers = [number * factor if k == place else number for k, number in enumerate(value)]
    return settings_of(name, **{field: numbers})


def distance(name: str, settings: BenchSettings) -> float:
    """Write equal cells at every level of a case, let them age, and compare with what was published."""
    case, streams = CASES[name], RandomStreams.from_seed(11)
    cells = Cells(settings, rng=np.random.default_rng(0))
    fluctuation = Fluctuation(settings, streams, traps=np.random.default_rng(0))
    repeats = cells.shape[1] // len(case.levels_us)
    target_s = np.broadcast_to(np.tile(case.levels_us, repeats) * 1e-6, cells.shape)
    everywhere = np.ones(cells.shape, dtype=bool)
    cells.shift(target_s - cells.conductance_s(25.0), everywhere)
    cells.renew(everywhere, streams.relaxation)
    cells.relax(everywhere, streams.relaxation)

    def sample(age_s: float) -> np.ndarray:
        cells.time_s = float(age_s)
        nominal_s = cells.conductance_s(25.0)
        if fluctuation.active:
            duration_s = READ_S if name != "white" else settings.noise.aperture_s
            now = CellState(
                conductance_s=nominal_s, written_s=cells.written_s, age_s=cells.age_s, time_s=age_s
            )
            pace = ReadTiming(duration_s=duration_s, spacing_s=duration_s)
            nominal_s = nominal_s * fluctuation.factors(now, pace, 1)[0]
        return nominal_s.reshape(-1, len(case.levels_us)) * 1e6

    return case.distance(sample)


@pytest.mark.parametrize("name", CASES)
def test_cells_follow_the_published_law(name):
    assert distance(name, settings_of(name)) < AGREES


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("name", "field", "place"), coefficients())
def test_a_coefficient_that_is_a_tenth_off_is_noticed(name, field, place, sign):
    """Where a tenth is refused, such as for a negative deviation, half of it must do, or a fifth."""
    for part in (0.1, 0.05, 0.02):
        try:
            settings = altered(name, field, place, 1 + sign * part)
        except SettingsError:
            continue
        assert distance(name, settings) > DISAGREES
        return
    assert (field, sign) == ("full_scale_s", -1), "a law may be refused only for the range of conductances"
