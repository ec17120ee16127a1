"""A bench.toml: profiles, what goes on top of them, and errors that name the key."""

from pathlib import Path

import pytest

from crosscal.core.errors import SettingsError
from crosscal.simulated_bench import Bench, load_settings, profile_names, settings_text
from crosscal.simulated_bench.settings.bench_toml import front_end_names


def write(folder: Path, text: str, name: str = "bench.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", profile_names())
@pytest.mark.parametrize("front_end", front_end_names())
def test_every_profile_builds_a_bench_on_every_front_end(name, front_end):
    bench = Bench.from_profile(name, front_end={"profile": front_end})
    assert bench.facts.rows * bench.facts.columns == len(bench.true_conductance())


@pytest.mark.parametrize("name", profile_names())
def test_settings_are_read_back_as_they_were_written(name, tmp_path):
    path = write(
        tmp_path,
        f'profile = "{name}"\n[tiles]\nrows = 1\ncolumns = 1\n[device.access]\ngate_v = [2.5, 3.3]\n'
        '[faults]\nlines = [{ line = "ROW", number = 2, cell = 3, kind = "OPEN" }]\n'
        '[array]\nrows = 2\n[board]\nserial = "S-7"\n',
    )
    settings = load_settings(path)
    assert load_settings(write(tmp_path, settings_text(settings), "copy.toml")) == settings


def test_reference_protocol_has_the_published_array():
    settings = load_settings("memsys2025")
    assert (settings.array.rows, settings.array.columns) == (64, 64)
    assert (settings.array.conductance_min_s, settings.array.conductance_max_s) == (16.6e-6, 100e-6)
    # The largest current of such a matrix: noise of 1e-3 of it leaves a reference of 2.0e-3.
    assert settings.noise_full_scale_a == 1.08e-3


def test_full_scale_of_the_noise_is_stated_or_that_of_a_fully_conducting_column(tmp_path):
    table = "rows = 3\ncolumns = 7\nconductance_max_s = 200e-6\n"
    path = write(tmp_path, f"[array]\n{table}")
    assert load_settings(path).noise_full_scale_a == pytest.approx(3 * 200e-6 * 0.5)
    path = write(tmp_path, f"noise.full_scale_a = 1e-3\n[array]\n{table}")
    assert load_settings(path).noise_full_scale_a == 1e-3


def test_own_keys_go_on_top_of_the_profile(tmp_path):
    path = write(
        tmp_path, 'profile = "memsys2025"\nseed = 7\nnoise.read_relative = 1e-3\narray.columns = 5\n'
    )
    settings = load_settings(path)
    assert settings.seed == 7
    assert settings.noise.read_relative == 1e-3
    assert (settings.array.rows, settings.array.columns) == (64, 5)


def test_noise_is_switched_off_in_one_line(tmp_path):
    path = write(tmp_path, 'profile = "memsys2025"\nnoise.read_relative = 0\n')
    assert Bench.from_toml(path).noise_a(aperture_s=1e-3) == 0.0


def test_a_file_may_stand_on_another_file(tmp_path):
    write(tmp_path, 'profile = "memsys2025"\ntemperature_c = 40\n', "rig.toml")
    (tmp_path / "below").mkdir()
    path = write(tmp_path / "below", 'profile = "../rig.toml"\nseed = 9\n')
    settings = load_settings(path)
    assert (settings.temperature_c, settings.seed, settings.array.rows) == (40.0, 9, 64)


def test_files_that_stand_on_each_other_are_refused(tmp_path):
    path = write(tmp_path, 'profile = "bench.toml"\n')
    with pytest.raises(SettingsError, match="profile"):
        load_settings(path)


def test_another_law_drops_the_constants_of_the_profiles_law(tmp_path):
    path = write(tmp_path, 'profile = "memsys2025"\n[device]\nlaw = "ohmic"\n')
    assert load_settings(path).device.__struct_config__.tag == "ohmic"


def test_constants_of_the_profiles_law_can_be_changed_one_by_one(tmp_path):
    path = write(tmp_path, 'profile = "memsys2025"\ndevice.b_pos = 3.0\n')
    device = load_settings(path).device
    assert (device.a_pos, device.b_pos) == (0.225, 3.0)  # pyright: ignore[reportAttributeAccessIssue]


def test_another_law_of_the_weather_drops_the_coefficients_of_the_profiles_law(tmp_path):
    write(tmp_path, 'profile = "pcm-24x32"\ndrift.scale = 0.5\n', "rig.toml")
    kept = write(tmp_path, 'profile = "rig.toml"\ndrift.mean_most = 0.2\n', "kept.toml")
    drift = load_settings(kept).drift
    assert (drift.scale, drift.mean_most) == (0.5, 0.2)  # pyright: ignore[reportAttributeAccessIssue]
    other = write(tmp_path, 'profile = "rig.toml"\ndrift.law = "cmo-hfox"\n', "other.toml")
    assert load_settings(other).drift.scale == 1.0  # pyright: ignore[reportAttributeAccessIssue]


def test_a_stretched_law_serves_a_board_of_larger_conductances(tmp_path):
    text = 'profile = "memsys2025"\nprogramming_error = {law = "joshi-2020", full_scale_s = 100e-6}\n'
    law = load_settings(write(tmp_path, text)).programming_error
    deviation_s = law.deviation_s(100e-6)  # pyright: ignore[reportAttributeAccessIssue]
    assert deviation_s == pytest.approx(1.05538e-6)


def test_another_front_end_drops_what_the_profile_changed_in_its_own(tmp_path):
    write(tmp_path, 'profile = "memsys2025"\nfront_end.adc_bits = 20\n', "rig.toml")
    kept = write(tmp_path, 'profile = "rig.toml"\nfront_end.dac_bits = 16\n', "kept.toml")
    assert (load_settings(kept).front_end.adc_bits, load_settings(kept).front_end.dac_bits) == (20, 16)
    other = write(tmp_path, 'profile = "rig.toml"\nfront_end.profile = "lab"\n', "other.toml")
    assert load_settings(other).front_end.adc_bits == 18


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("noize.read_relative = 1", "noize"),
        ("noise.read_relativ = 1", "read_relativ"),
        ("noise.read_relative = -1e-4", "noise.read_relative"),
        ("noise.read_relative = nan", "noise.read_relative"),
        ("noise.read_a = inf", "noise.read_a"),
        ('noise.read_a = "much"', "noise.read_a"),
        ("array.rows = 0", "array.rows"),
        ("array.rows = 2.5", "array.rows"),
        ("array.conductance_min_s = 1e-3", "conductance_min_s"),
        ("wires.row_ohm = -1", "wires.row_ohm"),
        ('device.law = "magic"', "device.law"),
        ("device.a_pos = 0", "device.a_pos"),
        ("programming.pulse_gain = 0", "programming.pulse_gain"),
        ("front_end.adc_bits = 1", "front_end.adc_bits"),
        ('front_end.profile = "gold"', "front_end.profile"),
        ("front_end.ranges_a = [1e-3, 1e-4]", "ranges_a"),
        ("front_end.ranges_a = []", "front_end.ranges_a"),
        ("front_end.input_ohm = [1]", "input_ohm"),
        ("front_end.protection_max_v = 100", "protection_max_v"),
        ("front_end.aperture_min_s = 0.5", "aperture_min_s"),
        ("front_end.dwell_max_s = 1e-9", "dwell_max_s"),
        ('board.capabilities = ["PROG", "FLY"]', "capabilities"),
        ('board.serial = "a,b"', "serial: got 'a,b'"),
        ('board.model = ""', "model: got ''"),
        ('board.firmware = "1\\n"', "firmware"),
        ("faults.cells = [{row = 65, column = 1, kind = 'OPEN'}]", "faults.cells"),
        ("faults.cells = [{row = 1, column = 1, kind = 'LOOSE'}]", "kind"),
        ("faults.amplifiers = [65]", "faults.amplifiers"),
        ("faults.stuck_low_fraction = 0.6\nfaults.stuck_high_fraction = 0.6", "stuck_low_fraction"),
        ('programming_error.law = "magic"', "programming_error.law: got 'magic'; allowed: .*joshi-2020"),
        ('programming_error.law = "wan-2022-1s"', "programming_error.full_scale_s: got 4e-05 S; .*0.0001 S"),
        ('drift.law = "pcm"', "drift.full_scale_s: got 2.5e-05 S; .*larger drift.full_scale_s"),
        ('flicker.law = "pcm"', "flicker.full_scale_s"),
        ('programming_error.law = "polynomial"', "coefficients_s"),
        (
            'programming_error = {law = "polynomial", coefficients_s = [1e-6, -2e-6], full_scale_s = 1e-3}',
            "coefficients_s: got -1e-06 S",
        ),
        (
            'programming_error = {law = "falcone-2025", full_scale_s = 1e-4, scale = -1}',
            "programming_error.scale",
        ),
        ('drift = {law = "pcm", full_scale_s = 1e-4, start_s = 0}', "drift.start_s"),
        ('drift = {law = "pcm", full_scale_s = 1e-4, mean_least = 0.2}', "mean_least: got 0.2; .*mean_most"),
        ('drift = {law = "cmo-hfox", spread_s = -1e-6}', "drift.spread_s"),
        ('drift = {law = "cmo-hfox", start_s = 0.5}', "drift.start_s"),
        ('drift = {law = "cmo-hfox", nu = 0.5}', "drift.nu"),
        (
            'drift = {law = "filamentary", full_scale_s = 1e-4, end_s = 1.0}',
            "start_s: got 1 s; .*below end_s",
        ),
        (
            'drift = {law = "filamentary", full_scale_s = 1e-4, early_s = [2e-5]}',
            "early_s and late_s: .*do not shrink",
        ),
        (
            'programming_error = {law = "wan-2022-1day", full_scale_s = 1e-4}\n'
            'drift = {law = "filamentary", full_scale_s = 1e-4}',
            "programming_error.law: got 'wan-2022-1day'.*'wan-2022-1s'",
        ),
        ('telegraph = {law = "filamentary", low_change = 0.6}', "low_change: got 0.6"),
        ('telegraph = {law = "filamentary", low_ohm = 1e7}', r"low_ohm: got 1e\+07"),
        ('telegraph = {law = "filamentary", cell_share = 1.5}', "telegraph.cell_share"),
        ('telegraph = {law = "filamentary", slowest_s = 1e-3}', "fastest_s"),
        ("noise.cell_relative = 2", "noise.cell_relative"),
        ("faults.open_per_hour = -1", "faults.open_per_hour"),
        ("device.activation_energy_ev = 5", "device.activation_energy_ev"),
        ("temperature_c = -300", "temperature_c"),
        ("seed = -1", "seed"),
        ('seed = "one"', "seed"),
    ],
)
def test_an_impossible_setting_is_an_error_that_names_the_key(tmp_path, line, named):
    path = write(tmp_path, f'profile = "memsys2025"\n{line}\n')
    with pytest.raises(SettingsError, match=named) as caught:
        load_settings(path)
    assert "bench.toml" in str(caught.value)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(SettingsError, match="array"):
        load_settings(write(tmp_path, "seed = 1\n"))


def test_neither_file_nor_profile_lists_the_profiles(tmp_path):
    with pytest.raises(SettingsError, match="memsys2025"):
        load_settings(tmp_path / "absent.toml")
    with pytest.raises(SettingsError, match="lab-16x12"):
        Bench.from_profile("lab")


def test_text_that_is_no_toml_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(write(tmp_path, "[array\n"))
