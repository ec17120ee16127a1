"""Training and studies of networks through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.commands import call
from support.made_networks import striped_images

from crosscal.commands.network.study.table_1 import PUBLISHED, table_1_values
from crosscal.core.errors import CrosscalError, TrainingError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data.npz"
    arrays = {}
    for part, count in (("train", 300), ("test", 60)):
        x, y = striped_images(count, count)
        arrays |= {f"x_{part}": (255 * x[:, 0]).astype(np.uint8), f"y_{part}": y}
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("name", PUBLISHED)
def test_table_1_follows_from_parts_within_a_thousandth(name: str) -> None:
    assert table_1_values()[name] == pytest.approx(PUBLISHED[name], rel=1e-3)


def test_table_1_says_that_its_two_figures_describe_different_units() -> None:
    shown = " ".join(call("network", "study", "table-1").split())
    assert "area and energy do not describe the same unit" in shown


def test_a_network_is_trained_mapped_as_trained_and_scored(data: Path, tmp_path: Path) -> None:
    call(
        *("network", "train", data, "--method", "noise", "--epochs", 4, "--rate", 4e-3, "--batch", 32),
        *("-o", tmp_path / "net.onnx"),
    )
    call("network", "map", tmp_path / "net.onnx", "-o", tmp_path / "net.mapped")
    shown = call("network", "inspect", tmp_path / "net.mapped")
    assert "differential" in shown
    call(
        *("network", "evaluate", tmp_path / "net.mapped", "--data", data, "--report", tmp_path, "--chips", 2),
    )
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["accuracy"] > 0.6
    assert not (tmp_path / "net.training").exists()


SMALL = ("--epochs", 1, "--crossbar-epochs", 1, "--test-inputs", 20, "--chips", 2, "--train-inputs", 100)


def study(folder: Path, name: str, *options: object) -> list[dict]:
    call("network", "study", name, *SMALL, *options, "-o", folder)
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def test_a_study_keeps_its_rows_and_goes_on(data: Path, tmp_path: Path) -> None:
    chosen = ("--data", data, "--only", "±2", "--only", "offset", "--only", "0 %", "--only", "explored")
    study(tmp_path, "columns", *chosen)
    rows = sorted((tmp_path / "rows").iterdir())
    assert len(rows) == 2
    kept = json.loads(rows[0].read_text(encoding="utf-8"))
    rows[0].write_text(json.dumps(kept | {"software": 0.5}), encoding="utf-8")
    rows[1].unlink()
    found = study(tmp_path, "columns", *chosen)
    assert [row["labels"]["columns"] for row in found] == ["0 %", "explored"]
    assert any(row["software"] == 0.5 for row in found)
    assert [len(row["columns"]) for row in found] == [5, 5]
    table = (tmp_path / "columns.md").read_text(encoding="utf-8")
    assert "|  | 0 % | explored |\n| --- | --- | --- |\n| software |" in table
    assert (tmp_path / "columns.png").stat().st_size > 5000


def test_a_study_on_a_cluster_has_the_rows_of_a_local_one(data: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    options = ("--data", data, "--only", "scaled", "--only", "offset")
    options = (*options, "--only", "conventional", "--only", "noise-injected")
    local = study(tmp_path / "local", "biased", *options)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        shared = study(tmp_path / "shared", "biased", *options, "--scheduler", cluster.scheduler_address)
    assert len(local) == 2
    assert shared == local


def test_a_training_on_a_cluster_gives_the_network_of_a_local_one(data: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    options = ("network", "train", data, "--method", "noise", "--epochs", 2, "--inputs", 100, "-o")
    call(*options, tmp_path / "local.onnx")
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        call(*options, tmp_path / "shared.onnx", "--scheduler", cluster.scheduler_address)
    assert (tmp_path / "shared.onnx").read_bytes() == (tmp_path / "local.onnx").read_bytes()


def test_rows_of_several_data_sets_in_one_folder_are_not_mistaken_for_each_other(
    data: Path, tmp_path: Path
) -> None:
    arrays = dict(np.load(data))
    np.savez(tmp_path / "other.npz", **arrays | {"y_test": (arrays["y_test"] + 1) % 4})
    both = ("--data", data, "--data", tmp_path / "other.npz")
    rows = study(
        tmp_path / "out", "scatter", *both, "--only", "scaled", "--only", "differential", "--only", "× 0"
    )
    assert [row["labels"]["data"] for row in rows] == ["data", "other"]
    assert rows[0]["software"] != rows[1]["software"]


def test_labels_that_no_row_has_are_one_clear_error(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CrosscalError, match=r"--only 'biased IV'; allowed: .*biased III-A"):
        study(tmp_path, "biased", "--data", data, "--only", "biased IV")


def test_test_data_of_another_shape_are_one_clear_error(data: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(data)) | {"x_test": np.zeros((60, 16, 16), dtype=np.uint8)}
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(CrosscalError, match=r"test inputs of shape \(16, 16\); allowed: \(12, 12\)"):
        study(tmp_path, "biased", "--data", tmp_path / "other.npz")


def test_a_deep_network_is_scored_on_training_and_test_data(data: Path, tmp_path: Path) -> None:
    rows = study(tmp_path, "deep", "--data", data, "--width", 2, "--only", "none", "--only", "neurosim-v2")
    assert [row["labels"]["network"] for row in rows] == ["float", "quantised", "memristive tiles"]
    assert all("training_software" in row for row in rows)
    assert len(rows[2]["training_calibrated"]) == 2
    table = (tmp_path / "deep.md").read_text(encoding="utf-8")
    assert "| software, training | raw, training | calibrated, training | software | raw |" in table


def test_a_training_on_chip_of_another_width_is_refused_and_the_same_one_goes_on(
    data: Path, tmp_path: Path
) -> None:
    options = ("network", "train-on-chip", data, "--inputs", 20, "--test-inputs", 10, "-o", tmp_path)
    call(*options, "--epochs", 1, "--width", 2)
    with pytest.raises(TrainingError, match="a training with other options or data"):
        call(*options, "--epochs", 2, "--width", 3)
    shown = " ".join(call(*options, "--epochs", 2, "--width", 2).split())
    assert "not used" not in shown
    with pytest.raises(TrainingError, match="a training with other options or data"):
        call(*options, "--epochs", 2, "--width", 2, "--cells", "pcm-2bit")
    kept = json.loads((tmp_path / "accuracies.json").read_text(encoding="utf-8"))
    assert list(kept["epochs"]) == ["1", "2"]
    assert kept["options"]["width"] == 2
