"""Training and studies of networks through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.made_networks import striped_images

from crosscal.command_line import crosscal
from crosscal.commands.network.study.table_1 import PUBLISHED, table_1_values


def call(*arguments: object) -> str:
    result = CliRunner().invoke(crosscal, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


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


def test_a_study_keeps_its_rows_and_goes_on(data: Path, tmp_path: Path) -> None:
    study = (
        *("network", "study", "columns", "--data", data, "--epochs", 1, "--test-inputs", 20, "--chips", 2),
        *("--train-inputs", 100, "-o", tmp_path),
    )
    call(*study)
    rows = sorted((tmp_path / "rows").iterdir())
    assert len(rows) == 5
    kept = json.loads(rows[0].read_text(encoding="utf-8"))
    rows[0].write_text(json.dumps(kept | {"software": 0.5}), encoding="utf-8")
    rows[1].unlink()
    call(*study)
    found = json.loads((tmp_path / "columns.json").read_text(encoding="utf-8"))
    assert len(found) == 5
    assert any(row["software"] == 0.5 for row in found)
    assert (tmp_path / "columns.md").read_text(encoding="utf-8").count("\n") == 7
    assert (tmp_path / "columns.png").stat().st_size > 5000
