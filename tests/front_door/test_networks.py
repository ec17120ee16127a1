"""Networks from an ONNX file to a report, through the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from support.commands import call
from support.made_networks import striped_images, trained_network

from crosscal.commands.network import chips as chips_module
from crosscal.commands.network import modes
from crosscal.commands.network.chips import ChipTask
from crosscal.commands.network.study import row as row_module
from crosscal.commands.network.study.row import StudyRow, name_of
from crosscal.commands.network.task import read_task
from crosscal.core.errors import CrosscalError
from crosscal.core.network.cell_profile import CellProfile
from crosscal.training.networks.graph.torch_module import module_to_onnx
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.mapping.mapped_network import MappedLayer
from crosscal.training.networks.mapping.options import MappingOptions


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that nobody prepared, its data, and the network mapped without any option."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "net.onnx").write_bytes(module_to_onnx(trained_network(), (1, 12, 12)))
    x_test, y_test = striped_images(100, 2)
    np.savez(folder / "data.npz", x_train=striped_images(100, 3)[0], x_test=x_test, y_test=y_test)
    call("network", "map", folder / "net.onnx", "-o", folder / "net.mapped")
    return folder


def test_a_mapping_without_options_keeps_the_accuracy_of_software(files: Path) -> None:
    shown = call(
        "network", "evaluate", files / "net.mapped", "--data", files / "data.npz", "--report", files / "out"
    )
    report = json.loads((files / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["software_accuracy"] > 0.9
    assert report["accuracy"] >= report["software_accuracy"] - 0.05
    assert len(report["accuracy_per_chip"]) == 10
    assert report["accuracy"] == pytest.approx(np.mean(report["accuracy_per_chip"]))
    assert f"accuracy {100 * report['accuracy']:.2f} %" in shown
    assert report["energy_j"] > 0
    assert report["area_m2"] > 0
    page = (files / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "levels (S) 0, 1.333e-05" in page
    assert "None" not in page


def test_finished_chips_are_kept_and_others_are_not_mistaken_for_them(files: Path) -> None:
    data = ["--data", files / "data.npz", "--report", files / "kept", "--inputs", 20, "--mode", "merged"]
    call("network", "evaluate", files / "net.mapped", *data, "--chips", 1)
    path = files / "kept" / "chips.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["chips"][0]["accuracy"] = 0.123
    path.write_text(json.dumps(document), encoding="utf-8")
    call("network", "evaluate", files / "net.mapped", *data, "--chips", 2)
    report = json.loads((files / "kept" / "report.json").read_text(encoding="utf-8"))
    assert report["accuracy_per_chip"][0] == 0.123
    assert report["accuracy_per_chip"][1] > 0.5
    call("network", "evaluate", files / "net.mapped", *data, "--chips", 1, "--seed", 5)
    report = json.loads((files / "kept" / "report.json").read_text(encoding="utf-8"))
    assert report["accuracy_per_chip"][0] > 0.5


@pytest.fixture(scope="module")
def task(files: Path) -> ChipTask:
    options = {"cells": None, "wires": 2.0, "driver": 0.0, "mode": "converted", "age": 0.0, "device": "cpu"}
    known = {"calibrate": None, "known": 9, "calibration": "columns", "vectors": 4}
    return read_task(files / "net.mapped", files / "data.npz", options | known | {"inputs": 20, "seed": 1})


def test_tasks_are_told_apart_by_everything_that_decides_a_score(task: ChipTask, tmp_path: Path) -> None:
    layer = task.network.layers[0]
    samples = tmp_path / "samples.csv"
    samples.write_text("0,1e-6\n", encoding="utf-8")

    def with_layer(changed: MappedLayer) -> ChipTask:
        return replace(task, network=replace(task.network, layers=(changed, *task.network.layers[1:])))

    def with_cells(cells: CellProfile) -> ChipTask:
        return replace(task, settings=replace(task.settings, cells=cells))

    parts = replace(task.settings.parts, cycle_s=1e-9)
    cells = msgspec.structs.replace(task.settings.cells, samples=str(samples))
    found = [
        task.fingerprint(),
        with_layer(replace(layer, codes=tuple(replace(c, tile_rows=64) for c in layer.codes))).fingerprint(),
        with_layer(replace(layer, codes=(*layer.codes, layer.codes[0]))).fingerprint(),
        with_layer(replace(layer, factor=2 * layer.factor)).fingerprint(),
        with_layer(replace(layer, reference=layer.reference + 1)).fingerprint(),
        with_layer(
            replace(layer, inputs=replace(layer.inputs, signed=not layer.inputs.signed))
        ).fingerprint(),
        replace(task, settings=replace(task.settings, parts=parts)).fingerprint(),
        with_cells(cells).fingerprint(),
    ]
    samples.write_text("0,2e-6\n", encoding="utf-8")
    found.append(with_cells(cells).fingerprint())
    assert len(set(found)) == len(found)
    # Without known inputs a calibration decides nothing.
    assert replace(task, vectors=7, calibration="structured").fingerprint() == found[0]


def test_kept_scores_of_an_earlier_way_to_merge_are_not_used(
    task: ChipTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = replace(task, settings=replace(task.settings, mode="merged"))
    options = MappingOptions(cells=task.settings.cells)
    plan = LearningPlan(options=options)
    rows = [
        StudyRow(labels={}, plan=plan, mapping=mapping, chip=each.settings)
        for mapping, each in ((options, merged), (options, task), (None, merged))
    ]
    before = [merged.fingerprint(), task.fingerprint(), *(name_of(row.kept_as) for row in rows)]
    for module in (chips_module, row_module):
        monkeypatch.setattr(module, "MERGED_METHOD", 99)
    after = [merged.fingerprint(), task.fingerprint(), *(name_of(row.kept_as) for row in rows)]
    changed = [one != other for one, other in zip(before, after, strict=True)]
    assert changed == [True, False, True, False, False], "those that nothing merged stay"


def test_calibration_repairs_what_wires_did(files: Path) -> None:
    call(
        *(
            "network",
            "map",
            files / "net.onnx",
            "--ranges-from",
            files / "data.npz",
            "--cells",
            "radar-baked",
        ),
        *("-o", files / "radar.mapped"),
    )
    errors = {}
    for name in ("raw", "columns", "structured"):
        more = [] if name == "raw" else ["--calibrate", files / "data.npz", "--calibration", name]
        call(
            *("network", "evaluate", files / "radar.mapped", "--data", files / "data.npz", "--wires", 4),
            *("--chips", 1, "--inputs", 64, "--report", files / name, *more),
        )
        report = json.loads((files / name / "report.json").read_text(encoding="utf-8"))
        errors[name] = np.mean([layer["output_error"] for layer in report["layers"]])
    assert "structured, 48 vectors for each row of tiles" in report["settings"]["calibration"]
    assert errors["columns"] < 0.7 * errors["raw"]
    assert errors["structured"] < 0.7 * errors["columns"]


def test_a_sweep_keeps_its_chips_and_tells_calibrations_apart(files: Path) -> None:
    command = [
        *("network", "sweep", files / "net.mapped", "--data", files / "data.npz", "--inputs", 20),
        *("--wires", "0,9", "--calibrations", "none,columns", "--chips", 1, "-o", files / "sweep"),
    ]
    shown = call(*command)
    found = json.loads((files / "sweep" / "sweep.json").read_text(encoding="utf-8"))
    assert [row["wires_ohm"] for row in found["rows"]] == [0.0, 9.0]
    assert f"software {100 * found['software']:.1f}" in shown
    kept = {path: path.stat().st_mtime_ns for path in (files / "sweep").glob("*.json")}
    assert len(kept) == 5, "one for each cell of the table, and the table"
    call(*command)
    unchanged = [path for path, time_ns in kept.items() if path.stat().st_mtime_ns == time_ns]
    assert len(unchanged) == 4


def test_a_sweep_refuses_an_unknown_calibration_before_it_begins(files: Path) -> None:
    command = ("network", "sweep", files / "net.mapped", "--data", files / "data.npz", "-o", files / "not")
    with pytest.raises(CrosscalError, match="the calibration 'recalibrate'; allowed: none, columns"):
        call(*command, "--calibrations", "none,recalibrate")
    assert not (files / "not").exists()


def test_modes_are_compared_tile_by_tile_and_by_their_predictions(files: Path) -> None:
    call(
        *("network", "map", files / "net.onnx", "--ranges-from", files / "data.npz", "--no-read-back"),
        *("--cells", "sinh-2bit", "--tile", "64x64", "-o", files / "sinh.mapped"),
    )
    command = [
        *("network", "modes", files / "sinh.mapped", "--data", files / "data.npz", "--wires", 2),
        *("--inputs", 6, "--vectors", 2, "-o", files / "modes"),
    ]
    shown = call(*command)
    found = json.loads((files / "modes" / "modes.json").read_text(encoding="utf-8"))
    assert max(tile["steps_after_gain"] for tile in found["tiles"]) < 0.2
    assert max(tile["steps"] for tile in found["tiles"]) > 0.0, "bent cells: a transfer matrix is not exact"
    assert found["exact and converted agree"] == 1.0
    assert "exact and converted agree: 100.0 % of 6 inputs" in shown
    kept = sorted((files / "modes").glob("exact-*.npy"))
    assert len(kept) == 2, "five images each"
    np.save(kept[0], 9 - np.load(kept[0]))
    call(*command)
    again = json.loads((files / "modes" / "modes.json").read_text(encoding="utf-8"))
    assert again["exact and converted agree"] < 1.0, "images that are kept are not solved again"


def test_modes_are_compared_without_the_noise_of_reads_and_of_amplifiers(files: Path) -> None:
    given = {"cells": "memcapacitor-2bit", "wires": 0.0, "driver": 0.0, "inputs": 4, "seed": 1}
    task = modes._task(files / "net.mapped", files / "data.npz", given)
    run, x = modes._run(task, "converted"), torch.from_numpy(task.x)
    assert torch.equal(run.run(x), run.run(x))


def test_inspect_prints_layers_and_reasons(files: Path) -> None:
    shown = call("network", "inspect", files / "net.mapped")
    assert "128x16" in shown
    assert "scatter of the cells moves weights by" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--adc-bits", "0"], "an ADC of 0 bits"),
        (["--cells", "unobtainium"], "the cells 'unobtainium'"),
        (["--tile", "128x2"], "tiles of 128x2"),
        (["--dac", "9"], "converters of 9 bits"),
        (["--cells", "overlap.toml"], "4e-06 for code 2 after 5e-06; allowed: levels that rise"),
        (["--cells", "missing.toml"], "got 3 levels; allowed: 2, 4, 8 … one per code"),
        (["--ranges-from", "wide.npz"], r"inputs of shape \(20, 20\); allowed: \(1, 12, 12\)"),
    ],
)
def test_bad_options_of_a_mapping_are_one_clear_error(files: Path, options: list[str], message: str) -> None:
    (files / "overlap.toml").write_text("levels_s = [1e-6, 5e-6, 4e-6, 9e-6]", encoding="utf-8")
    (files / "missing.toml").write_text("levels_s = [1e-6, 5e-6, 9e-6]", encoding="utf-8")
    np.savez(files / "wide.npz", x_train=np.zeros((3, 20, 20)))
    options = [str(files / each) if "." in each else each for each in options]
    with pytest.raises(CrosscalError, match=message):
        call("network", "map", files / "net.onnx", "-o", files / "bad.mapped", *options)
    assert not (files / "bad.mapped").exists()


def test_data_of_another_shape_are_one_clear_error(files: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_test=np.zeros((3, 20, 20)), y_test=np.zeros(3, dtype=int))
    with pytest.raises(CrosscalError, match=r"inputs of shape \(20, 20\); allowed: \(1, 12, 12\)"):
        call(
            "network", "evaluate", files / "net.mapped", "--data", tmp_path / "data.npz", "--report", tmp_path
        )


def test_classes_that_the_network_does_not_have_are_one_clear_error(files: Path, tmp_path: Path) -> None:
    x, y = striped_images(8, 3)
    np.savez(tmp_path / "data.npz", x_test=x, y_test=y + 5)
    with pytest.raises(
        CrosscalError, match=r"data with class \d; allowed: 0 to 3, the outputs of the network"
    ):
        call(
            "network", "evaluate", files / "net.mapped", "--data", tmp_path / "data.npz", "--report", tmp_path
        )
    assert not (tmp_path / "chips.json").exists()


def accuracies(files: Path, mapped: str, name: str, *options: object) -> dict:
    call(
        *("network", "evaluate", files / mapped, "--data", files / "data.npz", "--report", files / name),
        *options,
    )
    return json.loads((files / name / "report.json").read_text(encoding="utf-8"))


def test_memcapacitive_chips_with_reset_noise_keep_the_accuracy(files: Path) -> None:
    call(
        *("network", "map", files / "net.onnx", "--ranges-from", files / "data.npz"),
        *("--cells", "memcapacitor-2bit", "-o", files / "charge.mapped"),
    )
    report = accuracies(files, "charge.mapped", "charge", "--chips", 1, "--inputs", 50)
    assert report["accuracy"] > report["software_accuracy"] - 0.1
    assert report["settings"]["cells"]["levels_f"][0] == 4e-16


def test_a_cluster_gives_the_scores_of_a_local_run(files: Path) -> None:
    from distributed import LocalCluster

    local = accuracies(files, "net.mapped", "local", "--chips", 2, "--inputs", 20)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        options = ("--chips", 2, "--inputs", 20, "--scheduler", cluster.scheduler_address)
        shared = accuracies(files, "net.mapped", "shared", *options)
    assert shared["accuracy_per_chip"] == local["accuracy_per_chip"]
    assert [layer["output_error"] for layer in shared["layers"]] == [
        layer["output_error"] for layer in local["layers"]
    ]
