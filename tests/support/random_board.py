"""A board whose truth the calibrators do not know: random wires, device law, amplifiers and noise."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from crosscal.core.readout import Readout, Status
from crosscal.simulated_bench import Sinh, Wires, solve_currents
from crosscal.training import Measurements, draw_vectors, parse_inputs

LOW_S, HIGH_S = 16.6e-6, 100e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomBoard:
    """One specimen: gains and offsets of its amplifiers, its wires, its cells."""

    rows: int
    columns: int
    wires: Wires
    device: Sinh
    gain: np.ndarray
    offset_a: np.ndarray
    noise_a: float

    @classmethod
    def drawn(cls, rows: int, columns: int, rng: np.random.Generator) -> RandomBoard:
        """Draw a board whose currents are wrong by some ten percent."""
        return cls(
            rows=rows,
            columns=columns,
            wires=Wires(
                row_ohm=rng.uniform(5, 20),
                column_ohm=rng.uniform(5, 20),
                source_ohm=rng.uniform(50, 200),
                sense_ohm=rng.uniform(10, 50),
            ),
            device=Sinh(a_pos=rng.uniform(0.2, 0.3), b_pos=rng.uniform(3, 4.5), a_neg=0.28, b_neg=4.1),
            gain=1 + 0.02 * rng.standard_normal(columns),
            offset_a=1e-6 * rng.standard_normal(columns),
            noise_a=1e-7,
        )

    def currents_a(self, conductance_s: np.ndarray, voltage_v: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """What the instrument reads, (B, M); `noise` is standard normal of that shape."""
        true_a = solve_currents(conductance_s, voltage_v, wires=self.wires, device=self.device)
        return self.gain * true_a + self.offset_a + self.noise_a * noise

    def measured(
        self, matrices: int, vectors: int, rng: np.random.Generator, inputs: str = "random"
    ) -> Measurements:
        """Measure fresh random matrices with fresh vectors."""
        conductance_s = rng.uniform(LOW_S, HIGH_S, (matrices, self.rows, self.columns))
        segments = parse_inputs(inputs, vectors)
        voltage_v = np.stack([draw_vectors(segments, self.rows, rng) for _ in range(matrices)])
        noise = rng.standard_normal((matrices, vectors, self.columns))
        current_a = np.stack(
            [self.currents_a(g, v, e) for g, v, e in zip(conductance_s, voltage_v, noise, strict=True)]
        )
        return Measurements(
            conductance_s=conductance_s,
            voltage_v=voltage_v,
            current_a=current_a,
            usable=np.ones((matrices, vectors), dtype=bool),
        )


class RandomBoardPort:
    """A `CrossbarPort` on a hidden board; its noise depends on what is asked alone, so that reads repeat.

    Args:
        board: the truth.
        full_scale_a: currents beyond it saturate.
        dead_columns: columns (from 0) whose amplifier gives no reading.
        before_program: called with the number of matrices programmed so far; may raise.
    """

    identity = "crosscal,hidden board,1,0"
    conductance_limits_s = (20e-6, 90e-6)
    temperature_c: float | None = None

    def __init__(
        self,
        board: RandomBoard,
        *,
        full_scale_a: float = 1e-3,
        dead_columns: tuple[int, ...] = (),
        capabilities: frozenset[str] = frozenset({"PROG", "SIM"}),
        before_program: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._board = board
        self._full_scale_a = full_scale_a
        self._dead_columns = list(dead_columns)
        self._before_program = before_program
        self.capabilities = capabilities
        self.programmed: list[np.ndarray] = []

    @property
    def shape(self) -> tuple[int, int]:
        return self._board.rows, self._board.columns

    @property
    def target_s(self) -> np.ndarray:
        return self.programmed[-1]

    @property
    def simulation(self) -> Any:
        return SimpleNamespace(true_conductance_s=self.read_conductance)

    def program(self, conductance_s: np.ndarray) -> Any:
        self._before_program(len(self.programmed))
        self.programmed.append(conductance_s.copy())
        return SimpleNamespace(cells_failed=2, rms_relative_error=0.01)

    def read_conductance(self) -> np.ndarray:
        return 1.01 * self.target_s

    def read(self, voltage_v: np.ndarray) -> Readout:
        rng = np.random.default_rng(zlib.crc32(voltage_v.tobytes()))
        noise = rng.standard_normal((len(voltage_v), self._board.columns))
        current_a = self._board.currents_a(self.target_s, voltage_v, noise)
        over = np.abs(current_a) > self._full_scale_a
        status = np.where(over, int(Status.OVER_RANGE), 0).astype(np.uint8)
        current_a = np.clip(current_a, -self._full_scale_a, self._full_scale_a)
        current_a[:, self._dead_columns] = np.nan
        status[:, self._dead_columns] = int(Status.AMPLIFIER_FAULT)
        return Readout(current_a=current_a, status=status, range_a=self._full_scale_a)

    def measure(self, voltage_v: np.ndarray) -> np.ndarray:
        return self.read(voltage_v).require_usable()

    def settings(self) -> dict[str, Any]:
        return {"SENS:CURR:RANG": self._full_scale_a, "SOUR:VOLT:PROT": 0.5}
