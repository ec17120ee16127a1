"""Signed weights in the commands: mapped to pairs of columns, programmed, collected and recalibrated for."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import crosscal
from crosscal.command_line import crosscal as command_line
from crosscal.core.errors import InputError
from crosscal.core.run_file import read_run

# The board of the shipped calibrator, 12×16: 8 signed outputs.
RESOURCE, BACKEND = "TCPIP0::localhost::inst0::INSTR", "lab-12x16@crosscal"
WEIGHTS = np.random.default_rng(3).normal(size=(12, 8))


@pytest.fixture(autouse=True)
def _weights_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", WEIGHTS)


def run(*arguments: str) -> None:
    result = CliRunner().invoke(command_line, arguments)
    if result.exception is not None:
        raise result.exception


def test_collect_programs_the_pairs_that_the_function_gives() -> None:
    run(
        *("collect", RESOURCE, "--backend", BACKEND, "--weights", "w.npy", "--conductance", "20uS:90uS"),
        *("--matrices", "1", "--vectors", "4", "-o", "run.h5"),
    )
    pairs = crosscal.signed_pairs(WEIGHTS, (20e-6, 90e-6))
    measured = read_run("run.h5")
    np.testing.assert_array_equal(measured.target_s[0], pairs.conductance_s)
    signed = pairs.combine(measured.current_a[0])
    ideal = measured.voltage_v[0] @ WEIGHTS
    # Uncalibrated: wires, law and gain errors of this board, and yet the signs and sizes are there.
    assert np.corrcoef(signed.ravel(), ideal.ravel())[0, 1] > 0.9


def test_recalibrate_maps_weights_to_the_limits_of_the_board() -> None:
    calibrator = str(files("crosscal") / "shipped" / "demo.onnx")
    run(
        *("recalibrate", RESOURCE, calibrator, "--backend", BACKEND, "--weights", "w.npy", "--program"),
        *("--vectors", "24", "-o", "new.onnx"),
    )
    record = crosscal.load_calibrator("new.onnx").recalibration
    assert record is not None
    expected = crosscal.signed_pairs(WEIGHTS, (16.6e-6, 100e-6)).conductance_s
    programmed = crosscal.load_calibrator("new.onnx").program(expected)
    assert str(programmed.level) != "nothing"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--weights without --conductance"),
        (("--conductance", "20uS:90uS", "--draw", "log-uniform"), "--weights with --draw"),
        (("--matrices-from", "w.npy"), "--matrices-from with --weights"),
        (("--conductance", "20uS:90uS", "--weights", "missing.npy"), "missing.npy"),
    ],
)
def test_weights_that_cannot_be_mapped_are_refused(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run("collect", RESOURCE, "--backend", BACKEND, "--weights", "w.npy", *options)
