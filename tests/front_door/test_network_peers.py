"""Study of peers: without CrossSim, with a folder that is none, and with a stand-in for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from support.commands import call
from support.made_networks import small_network, striped_images

from crosscal.command_line import crosscal
from crosscal.commands.network.study import peers
from crosscal.commands.network.study.crosssim import ISAAC, CrossSimRun, isaac_settings, load_crosssim
from crosscal.commands.network.study.peers import OURS, PEER, Peer, cut_evenly, peer_report
from crosscal.core.errors import CrosscalError
from crosscal.core.network.cell_profile import CellProfile, load_cell_profile
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.mapper import map_network
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.running.chip_run import ChipRun

SETTINGS = """
core.rows_max core.cols_max core.weight_bits core.bit_sliced.num_slices core.offset.style
core.mapping.weights.row_partition_strategy core.mapping.weights.col_partition_strategy
core.mapping.inputs.mvm.clipping core.mapping.inputs.mvm.min core.mapping.inputs.mvm.max
xbar.device.cell_bits xbar.device.Rmin xbar.device.Rmax xbar.device.infinite_on_off_ratio
xbar.dac.mvm.model xbar.dac.mvm.signed xbar.dac.mvm.bits xbar.dac.mvm.slice_size
xbar.adc.mvm.model xbar.adc.mvm.signed xbar.adc.mvm.bits xbar.adc.mvm.adc_range_option
xbar.adc.mvm.calibrated_range
"""
"""As CrossSim 3.1 names them."""

STAND_IN = """
from types import SimpleNamespace

class CrossSimParameters(SimpleNamespace):
    made = []

    @classmethod
    def from_json(cls, path):
        cls.made.append(cls())
        for name in SETTINGS.split():
            *groups, last = name.split(".")
            place = cls.made[-1]
            for group in groups:
                place.__dict__.setdefault(group, SimpleNamespace())
                place = getattr(place, group)
            setattr(place, last, None)
        return cls.made[-1]

SETTINGS = """ + repr(SETTINGS)
CONVERT = """
def from_torch(module, parameters):
    return module
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data.npz"
    (x_train, y_train), (x_test, y_test) = striped_images(100, 1), striped_images(40, 2)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Path]:
    """A package of CrossSim's names whose converted networks are the float ones."""
    convert = tmp_path / "peer" / "simulator" / "algorithms" / "dnn" / "torch" / "convert.py"
    convert.parent.mkdir(parents=True)
    convert.write_text(CONVERT, encoding="utf-8")
    (tmp_path / "peer" / "simulator" / "__init__.py").write_text(STAND_IN, encoding="utf-8")
    (tmp_path / "peer" / ISAAC).parent.mkdir()
    (tmp_path / "peer" / ISAAC).write_text("{}", encoding="utf-8")
    yield tmp_path / "peer"
    for name in [each for each in sys.modules if each.split(".")[0] == "simulator"]:
        del sys.modules[name]


def mapped(cells: CellProfile, **options: object) -> MappedNetwork:
    chosen = {"representation": "offset", "scale": "layer", "read_back": False} | options
    x = torch.from_numpy(striped_images(20, 3)[0])
    return map_network(small_network(), (1, 12, 12), MappingOptions(cells=cells, **chosen), ranges_from=x)


def study(data: Path, folder: Path, *options: object) -> tuple[str, dict]:
    small = ("--epochs", 1, "--train-inputs", 100, "--test-inputs", 40)
    shown = call("network", "study", "peers", "--data", data, *small, *options, "-o", folder)
    (report,) = json.loads((folder / "peers.json").read_text(encoding="utf-8"))
    return " ".join(shown.split()), report


def test_without_crosssim_its_row_says_how_to_get_it(data: Path, tmp_path: Path) -> None:
    shown, report = study(data, tmp_path)
    assert "CrossSim, ISAAC mode not run" in shown
    assert "CrossSim is not on PyPI: git clone https://github.com/sandialabs/cross-sim" in shown
    assert [row["name"] for row in report["rows"]] == ["plain torch", OURS]
    assert "predictions_agree" not in report


def test_crosssim_runs_beside_with_the_settings_of_every_layer(
    data: Path, tmp_path: Path, stand_in: Path
) -> None:
    shown, report = study(data, tmp_path, "--crosssim", stand_in)
    plain, ours, peer = report["rows"]
    assert peer["accuracy"] == plain["accuracy"], "the stand-in multiplies in floats"
    assert 1 >= report["predictions_agree"] > 0.7, "codes of 8 bits beside floats"
    assert report["difference"] == pytest.approx(ours["accuracy"] - peer["accuracy"])
    assert f"predictions agree for {100 * report['predictions_agree']:.2f} %" in shown
    layers = sys.modules["simulator"].CrossSimParameters.made
    assert [layer.core.rows_max for layer in layers] == [128] * 5
    assert [layer.xbar.adc.mvm.bits for layer in layers] == [8] * 5
    assert all(layer.core.bit_sliced.num_slices == 4 for layer in layers)


def test_rows_of_tiles_are_cut_evenly_as_crosssim_cuts_them() -> None:
    cells = load_cell_profile("ideal-2bit")
    filled = mapped(cells, tile_rows=40)
    even = cut_evenly(filled)
    heights = []
    for layer, before in zip(even.layers, filled.layers, strict=True):
        codes = layer.codes[0]
        parts = [codes.inputs_of(row) for row in range(codes.tile_counts[0])]
        heights.append({part.stop - part.start for part in parts})
        assert codes.tile_counts == before.codes[0].tile_counts
    assert all(max(each) - min(each) <= 1 for each in heights)
    assert any(layer.codes[0].tile_rows < 40 and layer.codes[0].tile_counts[0] > 1 for layer in even.layers)


def test_a_folder_that_is_no_crosssim_is_one_clear_error_before_any_training(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(CrosscalError, match=r"a folder without .*ISAAC.json; allowed: .*git clone"):
        study(data, tmp_path / "out", "--crosssim", tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_crosssim_that_does_not_load_is_one_clear_error(data: Path, tmp_path: Path, stand_in: Path) -> None:
    (stand_in / "simulator" / "__init__.py").write_text("import no_such_backend", encoding="utf-8")
    with pytest.raises(CrosscalError, match=r"does not load: ModuleNotFoundError.*no_such_backend"):
        study(data, tmp_path / "out", "--crosssim", stand_in)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("deviation_s", [0.0, 0.0, 1e-6, 0.0]),
        ("device_relative", 0.1),
        ("programming_error", "wan-2022-1s"),
        ("samples", "cells.csv"),
        ("cycle_relative", 0.01),
        ("drift", "pcm"),
        ("stuck_low", 0.01),
        ("stuck_high", 0.01),
    ],
)
def test_cells_that_are_not_exact_are_refused_before_any_training(
    key: str, value: object, data: Path, tmp_path: Path, stand_in: Path
) -> None:
    cells = tmp_path / "cells.toml"
    cells.write_text(f"levels_s = [0.0, 1e-6, 2e-6, 3e-6]\n{key} = {json.dumps(value)}\n", encoding="utf-8")
    with pytest.raises(CrosscalError, match=rf"cells with {key}, .*choose --cells ideal-2bit"):
        study(data, tmp_path / "out", "--crosssim", stand_in, "--cells", cells)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--mode merged", "--chips 2", "--known 9", "--crossbar-epochs 1"])
def test_options_without_a_part_in_peers_are_refused(option: str, data: Path, tmp_path: Path) -> None:
    arguments = ["network", "study", "peers", "--data", data, "-o", tmp_path / "out", *option.split()]
    result = CliRunner().invoke(crosscal, [str(each) for each in arguments])
    assert result.exit_code == 2
    assert f"{option.split()[0]} is no option of peers" in result.output


def test_a_setting_that_crosssim_does_not_have_is_named(stand_in: Path) -> None:
    package = stand_in / "simulator" / "__init__.py"
    package.write_text(STAND_IN.replace("xbar.dac.mvm.slice_size", ""), encoding="utf-8")
    network = mapped(CellProfile(levels_s=(0.0, 1e-6, 2e-6, 3e-6)))
    with pytest.raises(CrosscalError, match=r"without the setting xbar\.dac\.mvm\.slice_size.*git clone"):
        CrossSimRun(load_crosssim(stand_in), small_network(), network)


def test_chips_run_on_the_device_that_was_asked_for(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = []

    class Watched(ChipRun):
        def __init__(self, *args: object, device: str = "none", **more: object) -> None:
            devices.append(device)
            super().__init__(*args, device=device, **more)

    monkeypatch.setattr(peers, "ChipRun", Watched)
    study(data, tmp_path)
    assert devices == ["cpu"]


def test_sums_of_one_tile_are_in_the_same_place_of_both_ranges() -> None:
    cells = CellProfile(levels_s=(2e-6, 4e-6, 6e-6, 8e-6))
    network = mapped(cells)
    layer, codes = network.layers[0], network.layers[0].codes[0]
    settings = isaac_settings(layer, network.options)
    # A row at 1, a cell at code 2: 6 µS, three mean steps here, three quarters of the largest there.
    place = (3.0 - codes.adc_range[:, 0]) / np.ptp(codes.adc_range, axis=1)
    low, high = np.array(settings["xbar.adc.mvm.calibrated_range"]).T
    assert (0.75 - low) / (high - low) == pytest.approx(place)
    assert settings["xbar.device.Rmin"] == pytest.approx(125e3)
    assert settings["xbar.device.Rmax"] == pytest.approx(500e3)
    assert settings["core.mapping.inputs.mvm.max"] == layer.inputs.largest
    assert not settings["xbar.device.infinite_on_off_ratio"]


@pytest.mark.parametrize(
    ("levels_s", "options", "message"),
    [
        ((0.0, 1e-6, 2e-6, 3e-6), {"representation": "differential"}, "single shifted columns"),
        ((12e-6, 113e-6, 170e-6, 216e-6), {}, "cells with equidistant levels"),
        ((0.0, 1e-6, 2e-6, 3e-6), {"weight_bits": 7}, "slices of equal width"),
    ],
)
def test_mappings_that_crosssim_does_not_have_are_refused(
    levels_s: tuple[float, ...], options: dict, message: str
) -> None:
    network = mapped(CellProfile(levels_s=levels_s), **options)
    with pytest.raises(CrosscalError, match=message):
        isaac_settings(network.layers[0], network.options)


def test_the_error_of_a_difference_counts_inputs_that_one_alone_gets_right() -> None:
    truth = torch.zeros(100, dtype=torch.int64)
    ours, other = np.zeros(100, dtype=int), np.zeros(100, dtype=int)
    ours[:10], other[5:15] = 1, 1
    report = peer_report(
        [Peer(name=OURS, classes=ours, cpu_s=1.0), Peer(name=PEER, classes=other, cpu_s=2.0)], truth
    )
    assert report["difference"] == 0.0
    assert report["difference_error"] == pytest.approx(np.sqrt(10) / 100)
    assert report["predictions_agree"] == 0.9
    assert report["rows"][0]["sampling_error"] == pytest.approx(0.03)
