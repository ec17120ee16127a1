"""`crosscal train` on runs that contradict themselves, and on those from which nothing good is learned."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.random_board import RandomBoard, RandomBoardPort

from crosscal.command_line import crosscal
from crosscal.core.errors import CrosscalError
from crosscal.training import CollectionPlan, collect

PLAN = {"vectors": 30, "conductance_range_s": (20e-6, 90e-6), "voltage_range_v": (0.1, 0.5)}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with run.h5 and holdout.h5 of one board."""
    folder = tmp_path_factory.mktemp("runs")
    port = RandomBoardPort(RandomBoard.drawn(6, 8, np.random.default_rng(12)))
    for name, matrices, seed in (("run.h5", 24, 1), ("holdout.h5", 6, 2)):
        collect(port, folder / name, CollectionPlan(matrices=matrices, seed=seed, **PLAN))
    return folder


@pytest.fixture
def folder(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of those runs, as the current folder."""
    for path in measured.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crosscal, arguments)


def refused(*arguments: str) -> str:
    """Run a command that must fail, and return its error."""
    result = run(*arguments)
    assert isinstance(result.exception, CrosscalError), result.output
    return str(result.exception)


def succeeded(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def spoil(path: Path, dataset: str, change) -> None:
    """Change a dataset of a run.h5."""
    with h5py.File(path, "r+") as file:
        file[dataset][...] = change(file[dataset][...])


@pytest.mark.parametrize(
    ("dataset", "change", "correction"),
    [
        ("current_a", lambda a: 1e6 * a, "unit"),
        ("current_a", lambda a: -a, "sign"),
        ("voltage_v", lambda v: v[:, :, ::-1], "rows"),
        ("current_a", lambda a: a[:, :, ::-1], "columns"),
        ("current_a", lambda a: a[:, ::-1], "vectors"),
        ("target_s", lambda g: g[np.random.default_rng(1).permutation(len(g))], "matrices"),
    ],
)
def test_a_run_that_contradicts_itself_trains_nothing_until_its_fault_is_corrected(
    folder: Path, dataset: str, change, correction: str
) -> None:
    spoil(folder / "run.h5", dataset, change)
    train = ("train", "run.h5", "--calibrator", "affine", "-o", "b.onnx")
    assert f"--correct {correction}" in refused(*train)
    assert "contradicts itself" in refused(*train, "--force")
    assert not (folder / "b.onnx").exists()
    assert "corrected: " in succeeded(*train, "--correct", correction)
    assert (folder / "b.onnx").exists()


def test_a_run_that_contradicts_itself_is_trained_on_only_when_that_is_accepted(folder: Path) -> None:
    spoil(folder / "run.h5", "current_a", lambda a: a[:, ::-1])
    succeeded("train", "run.h5", "--calibrator", "affine", "-o", "b.onnx", "--accept-worse")
    assert (folder / "b.onnx").exists()


def test_a_calibrator_worse_than_affine_is_not_written_unless_that_is_accepted(folder: Path) -> None:
    """One epoch of a network at a hopeless learning rate, on currents that gain and offset explain."""

    def affine_readings(file: h5py.File) -> np.ndarray:
        ideal_a = file["voltage_v"][...] @ file["target_s"][...]
        return 0.9 * ideal_a + 1e-6

    with h5py.File(folder / "run.h5", "r+") as file:
        file["current_a"][...] = affine_readings(file)
    train = ("train", "run.h5", "--calibrator", "concatsquash", "--epochs", "1", "-o", "b.onnx")
    said = refused(*train)
    assert "affine" in said
    assert "95 %" in said
    assert "--accept-worse" in said
    assert not (folder / "b.onnx").exists()
    refused(*train, "--force", "--resume")
    assert not (folder / "b.onnx").exists()
    succeeded(*train, "--resume", "--accept-worse")
    assert (folder / "b.onnx").exists()


def test_an_evaluation_on_the_run_trained_on_says_so(folder: Path) -> None:
    """By the readings themselves: a renamed file, and one with further matrices, are told as well."""
    succeeded("train", "run.h5", "--calibrator", "affine", "-o", "b.onnx")
    assert "trained on" not in succeeded("evaluate", "b.onnx", "holdout.h5")
    (folder / "run.h5").rename(folder / "other.h5")
    shown = succeeded("evaluate", "b.onnx", "other.h5", "--report", "out")
    assert "24 matrices, trained on this run" in " ".join(shown.split())
    assert json.loads((folder / "out" / "report.json").read_text())["matrices_trained_on"] == 24


def test_an_evaluation_on_some_of_the_matrices_trained_on_says_how_many(folder: Path) -> None:
    with h5py.File(folder / "run.h5") as run_file, h5py.File(folder / "holdout.h5", "r+") as holdout:
        for name in ("target_s", "voltage_v", "current_a"):
            holdout[name][:2] = run_file[name][:2]
    succeeded("train", "run.h5", "--calibrator", "affine", "-o", "b.onnx")
    assert "6 matrices, trained on 2 of them" in " ".join(
        succeeded("evaluate", "b.onnx", "holdout.h5").split()
    )


def test_an_evaluation_on_a_corrected_run_says_that_it_was_trained_on(folder: Path) -> None:
    spoil(folder / "run.h5", "voltage_v", lambda v: v[:, :, ::-1])
    succeeded("train", "run.h5", "--calibrator", "affine", "-o", "b.onnx", "--correct", "rows")
    shown = succeeded("evaluate", "b.onnx", "run.h5")
    assert "trained on this run" in " ".join(shown.split())
