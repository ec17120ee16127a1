"""`crosscal train` of calibrators that are fitted at once: Ctrl-C keeps what was fitted."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import numpy as np
import pytest
from support.random_board import RandomBoard

from crosscal.commands.jobs.training import train_and_export
from crosscal.training import Measurements, TrainingPlan


@pytest.fixture(scope="module")
def data() -> Measurements:
    rng = np.random.default_rng(31)
    return RandomBoard.drawn(5, 6, rng).measured(12, 24, rng)


class Interrupting(logging.Handler):
    """Sends the signal of Ctrl-C at the log's third line."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 3

    def emit(self, record: logging.LogRecord) -> None:
        del record
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


def test_training_structured_goes_on_after_ctrl_c_to_the_same_file(
    data: Measurements, tmp_path: Path
) -> None:
    plan = TrainingPlan(calibrator="structured", seed=2, options={"vectors": 192})
    whole, cut = tmp_path / "whole.onnx", tmp_path / "cut.onnx"
    train_and_export(plan, data, whole)
    log, handler = logging.getLogger("crosscal.training"), Interrupting()
    log.addHandler(handler)
    try:
        with pytest.raises(KeyboardInterrupt) as interrupt:
            train_and_export(plan, data, cut)
    finally:
        log.removeHandler(handler)
    assert [path.name for path in tmp_path.iterdir() if path != whole] == ["cut.onnx.checkpoint"]
    assert interrupt.value.__notes__ == [
        f"the training so far is kept in {tmp_path / 'cut.onnx.checkpoint'}: --resume goes on from there"
    ]
    train_and_export(plan, data, cut, resume=True)
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.onnx", "whole.onnx"]
