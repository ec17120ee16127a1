"""docs/reference/bench.md says what a bench.toml may say."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from crosscal.simulated_bench import Bench, load_settings, profile_names
from crosscal.simulated_bench.settings.bench_settings import (
    ArraySettings,
    BenchSettings,
    BoardSettings,
    NoiseSettings,
    VisaSettings,
    WireSettings,
)
from crosscal.simulated_bench.settings.cells import HeatingSettings, TailSettings
from crosscal.simulated_bench.settings.devices import SinhSettings
from crosscal.simulated_bench.settings.drivers import DriverSettings
from crosscal.simulated_bench.settings.faults import FaultSettings
from crosscal.simulated_bench.settings.front_end import FrontEndSettings
from crosscal.simulated_bench.settings.programming import ProgrammingSettings, PulseSettings
from crosscal.simulated_bench.variability.drift import CmoHfoxDrift, DriftSettings, PcmDrift
from crosscal.simulated_bench.variability.programming_error import ProgrammingErrorSettings
from crosscal.simulated_bench.variability.read_noise import (
    CmoHfoxFlicker,
    FilamentTelegraph,
    FlickerSettings,
    PcmFlicker,
    TelegraphSettings,
)

DOCUMENT = (Path(__file__).parents[3] / "docs" / "reference" / "bench.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)[0]


def test_the_example_builds_a_bench(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    facts = Bench.from_toml(path).facts
    assert (facts.rows, facts.columns, facts.adc_bits, facts.average_max) == (64, 48, 18, 2000)


@pytest.mark.parametrize(
    "table",
    [
        BenchSettings,
        BoardSettings,
        ArraySettings,
        WireSettings,
        SinhSettings,
        ProgrammingSettings,
        PulseSettings,
        NoiseSettings,
        DriverSettings,
        HeatingSettings,
        TailSettings,
        FaultSettings,
        VisaSettings,
    ],
)
def test_the_example_has_every_key(table):
    for key in msgspec.structs.fields(table):
        assert re.search(rf"^(\[(\w+\.)?{key.name}\]|{key.name} = )", EXAMPLE, re.MULTILINE), key.name


def test_every_key_of_the_front_end_is_in_its_table():
    for key in msgspec.structs.fields(FrontEndSettings):
        assert f"`{key.name}`" in DOCUMENT, key.name


VARIABILITY = DOCUMENT.partition("## Time and variability")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    "laws", [ProgrammingErrorSettings, DriftSettings, FlickerSettings, TelegraphSettings]
)
def test_every_law_and_its_keys_are_in_the_table_of_variability(laws):
    for law in get_args(laws):
        tag = law.__struct_config__.tag
        assert tag == "none" or f"`{tag}`" in VARIABILITY, tag
        for key in msgspec.structs.fields(law):
            assert f"`{key.name}" in VARIABILITY, key.name


@pytest.mark.parametrize("law", [PcmDrift, CmoHfoxDrift, PcmFlicker, CmoHfoxFlicker, FilamentTelegraph])
def test_the_table_of_variability_has_the_defaults(law):
    row = next(
        line
        for line in VARIABILITY.splitlines()
        if f"`{law.__struct_config__.tag}` |" in line
        and all(f"`{key.name} = " in line for key in msgspec.structs.fields(law) if key.name != "scale")
    )
    for key in msgspec.structs.fields(law):
        if key.name != "scale":
            said = re.search(rf"`{key.name} = ([^`]+)`", row)
            assert said is not None
            assert tomllib.loads(f"value = {said[1]}")["value"] == key.default, key.name


def test_the_list_of_profiles_is_complete():
    listed = DOCUMENT.partition("| profile |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([^`]+)`", listed)) == set(profile_names())


@pytest.mark.parametrize(
    ("profile", "figures"),
    [
        ("ideal", ("48, ±10 V", "1024, 10000, 10 s", "125")),
        ("lab", ("16, ±10 V", "1024, 4096, 1 s", "70")),
        ("budget", ("12, ±2.5 V", "256, 256, 0.1 s", "60")),
    ],
)
def test_the_table_has_the_figures_of_the_profiles(profile, figures):
    front_end = load_settings("memsys2025", front_end={"profile": profile}).front_end
    said = (
        f"{front_end.dac_bits}, ±{front_end.dac_full_scale_v:g} V",
        f"{front_end.average_max}, {front_end.sequence_max}, {front_end.dwell_max_s:g} s",
        f"{front_end.temperature_max_c:g}",
    )
    assert said == figures
    for figure in figures:
        assert f"| {figure} " in DOCUMENT
