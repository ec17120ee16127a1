"""The worked examples of boards with a Python API, against fakes of their makers' interfaces."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from pathlib import Path

import fake_pyarc2
import numpy as np
import pytest

import crosscal
from crosscal.runtime.board_check.check import CheckPlan, check_board
from crosscal.runtime.board_check.findings import Verdict

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setitem(sys.modules, "pyarc2", fake_pyarc2)
    yield
    for name in ("arc_two", "serial_microcontroller"):
        sys.modules.pop(name, None)


def test_the_channel_map_of_the_daughterboard_is_as_its_wiring_table_says():
    arc_two = importlib.import_module("arc_two")
    assert arc_two.WORDS == fake_pyarc2.WORDS
    assert arc_two.BITS == fake_pyarc2.BITS


def test_arc_two_multiplies_reads_back_and_rests():
    rng = np.random.default_rng(1)
    target_s = rng.uniform(20e-6, 90e-6, (32, 32))
    voltage_v = rng.uniform(-0.2, 0.2, (3, 32))
    with crosscal.open_board("python:arc_two:ArcTwo?firmware=arc2fw.bin") as board:
        arc = fake_pyarc2.Instrument.last
        assert board.program(target_s).cells_failed == 0
        np.testing.assert_allclose(arc.conductance_s, target_s, rtol=board.tolerance)
        np.testing.assert_allclose(board.measure(voltage_v), voltage_v @ arc.conductance_s, rtol=1e-12)
        np.testing.assert_allclose(board.read_conductance(), arc.conductance_s, rtol=1e-12)
        assert arc.disturbed == 0
    assert not arc.channel_v.any()


def test_the_check_finds_nothing_wrong_with_arc_two_and_sees_a_wrong_channel_map(monkeypatch):
    def faults(board):
        board.program(np.random.default_rng(2).uniform(20e-6, 90e-6, (32, 32)))
        plan = CheckPlan(voltage_range_v=(0.0, 0.2))
        return [f.text for f in check_board(board, plan) if f.verdict is Verdict.FAULT]

    resource = "python:arc_two:ArcTwo?firmware=arc2fw.bin"
    with crosscal.open_board(resource) as board:
        assert faults(board) == []
    arc_two = importlib.import_module("arc_two")
    # The last mend of the maker's own software was a wrong bit line in a read.
    monkeypatch.setattr(arc_two, "BITS", [arc_two.BITS[1], arc_two.BITS[0], *arc_two.BITS[2:]])
    with crosscal.open_board(resource) as board:
        board.pulse = lambda *_: None
        fake_pyarc2.Instrument.last.conductance_s = np.random.default_rng(2).uniform(20e-6, 90e-6, (32, 32))
        board.tolerance = 10.0
        assert any("columns are permuted: 1 shows 2, 2 shows 1" in text for text in faults(board))


class Firmware:
    """Firmware of the example's microcontroller, at the other end of a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.cells_s = np.full((8, 6), 5e-6)
        self.codes = np.full(8, 148)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        pending = b""
        while True:
            try:
                pending += os.read(self.master, 4096)
            except OSError:
                return
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                os.write(self.master, self.answer(line.decode().split()).encode() + b"\n")

    def answer(self, words: list[str]) -> str:
        if words[0] == "V":
            self.codes = np.array([int(word) for word in words[1:]])
            return "OK" if ((self.codes >= 50) & (self.codes <= 246)).all() else "ERR code"
        if words[0] == "R":
            current_a = ((self.codes - 148) * 0.4 / 196) @ self.cells_s
            codes = np.clip(np.rint((current_a + 40e-6) / 80e-6 * 4095), 0, 4095)
            return " ".join(str(int(code)) for code in codes)
        if words[0] == "W":
            self.cells_s[int(words[1]), int(words[2])] = float(words[3]) * 1e-9
            return "OK"
        if words[0] == "Z":
            self.codes = np.full(8, 148)
            return "OK"
        return "ERR command"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_microcontroller_on_a_serial_port_is_a_board_in_codes():
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    firmware = Firmware(master)
    rng = np.random.default_rng(1)
    target_s = rng.uniform(2e-6, 20e-6, (8, 6))
    voltage_v = rng.uniform(-0.2, 0.2, (5, 8))
    try:
        with crosscal.open_board(
            f"python:serial_microcontroller:SerialBoard?port={os.ttyname(slave)}"
        ) as board:
            board.program(target_s)
            bound_a = 0.5 * 0.4 / 196 * target_s.sum(axis=0) + 0.5 * 80e-6 / 4095 + 8 * 0.2 * 0.05e-9
            assert (np.abs(board.measure(voltage_v) - voltage_v @ target_s) <= bound_a * (1 + 1e-9)).all()
            assert (firmware.codes != 148).any()
        assert (firmware.codes == 148).all()
    finally:
        os.close(slave)
        os.close(master)
