"""A board that drives 0 V or 0.2 V: recalibration drives these levels alone, as its calibrator remembers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import crosscal
from crosscal.command_line import crosscal as command_line
from crosscal.drivers import Board

RESOURCE = "TCPIP::localhost::INSTR"
BENCH = """\
[array]
rows = 6
columns = 9

[noise]
read_a = 1e-7

[programming]
residual_error = 0.02

[front_end]
profile = "ideal"
"""


def test_recalibration_drives_the_levels_that_were_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bench.toml").write_text(BENCH)
    monkeypatch.chdir(tmp_path)
    backend = (RESOURCE, "--backend", "bench.toml@crosscal")
    inputs = ("--voltage", "0V:0.2V", "--inputs", "binary", "--matrices", "6", "--vectors", "60")
    for arguments in (
        ("collect", *backend, *inputs, "-o", "run.h5"),
        ("train", "run.h5", "--calibrator", "affine", "-o", "b7.onnx"),
    ):
        done = CliRunner().invoke(command_line, arguments)
        assert done.exit_code == 0, done.output
    known = crosscal.load_calibrator("b7.onnx").metadata
    assert known is not None
    assert known.input_levels_v == (0.0, 0.2)
    assert known.provenance["inputs"] == "binary"
    assert known.provenance["conductance_draw"] == "uniform"

    np.save("g.npy", np.random.default_rng(3).uniform(20e-6, 95e-6, (6, 9)))
    driven_v = []
    read = Board.read
    monkeypatch.setattr(Board, "read", lambda board, v: driven_v.append(np.array(v)) or read(board, v))
    program = ("--matrix", "g.npy", "--program", "--vectors", "16", "-o", "now.onnx")
    done = CliRunner().invoke(command_line, ("recalibrate", *backend[:1], "b7.onnx", *backend[1:], *program))
    assert done.exit_code == 0, done.output
    assert set(np.unique(np.concatenate(driven_v))) == {0.0, 0.2}
    now = crosscal.load_calibrator("now.onnx").metadata
    assert now is not None
    assert now.input_levels_v == (0.0, 0.2)
