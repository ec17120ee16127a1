"""Boards with a Python API for tests of whole commands: small, bent, with column errors and noise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from crosscal import LabBoard, LabBoardFacts


class BentBoard(LabBoard):
    """10 rows × 12 columns, 2 to 20 µS, at most 0.2 V; every cell passes G (v + 2 v³), columns differ.

    Args:
        log: file that every matrix written is noted in.
        seed: of the noise.
    """

    facts = LabBoardFacts("lab,bent,1,1", (10, 12), (2e-6, 20e-6), 1e-4, 0.2)

    def __init__(self, log: str = "", seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.log = Path(log) if log else None
        self.cells_s = np.full((10, 12), 5e-6)
        fixed = np.random.default_rng(77)
        self.gain = fixed.normal(0.9, 0.02, 12) * np.linspace(1.0, 0.8, 12)
        self.offset_a = fixed.normal(0.0, 2e-8, 12)

    def read_currents(self, voltage_v: np.ndarray) -> np.ndarray:
        drive_v = voltage_v + 2.0 * voltage_v**3
        noise_a = self.rng.normal(0.0, 5e-9, (len(voltage_v), 12))
        return self.gain * (drive_v @ self.cells_s) + self.offset_a + noise_a

    def write(self, target_s: np.ndarray, tolerance: float) -> None:
        del tolerance
        self.cells_s = target_s.copy()
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(target_s.tolist()) + "\n")

    def rest(self) -> None:
        pass


class Deaf(BentBoard):
    """A board that takes every matrix and writes none."""

    def write(self, target_s: np.ndarray, tolerance: float) -> None:
        del target_s, tolerance


class Restless(BentBoard):
    """A board with channels that change with every matrix: known vectors tell them, other matrices do not."""

    def write(self, target_s: np.ndarray, tolerance: float) -> None:
        super().write(target_s, tolerance)
        self.gain = self.rng.uniform(0.3, 3.0, 12)
        self.offset_a = self.rng.normal(0.0, 2e-6, 12)


def already_programmed(log: str = "") -> BentBoard:
    """Open a board that holds a matrix."""
    board = BentBoard(log)
    board.program(np.linspace(3e-6, 18e-6, 120).reshape(10, 12))
    return board


class Interrupted(BentBoard):
    """A board whose operator presses Ctrl-C at the seventh matrix, once."""

    def write(self, target_s: np.ndarray, tolerance: float) -> None:
        super().write(target_s, tolerance)
        assert self.log is not None
        if len(self.log.read_text(encoding="utf-8").splitlines()) == 7:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)
