"""Programming of memristors by incremental step pulses."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.cells import Cells
from crosscal.simulated_bench.devices import Memristor
from crosscal.simulated_bench.settings.programming import ProgrammingSettings

AIM = 0.7
"""Part of the distance that the next pulse is to make good: less than all, for overshooting costs more.
Insensitive between 0.5 and 1: programming within 1 % takes 2 to 2.2 iterations, at 0.35 3
(`python benchmarks/constants.py step_pulse`)."""

CLIMB_MOST = 8
"""Steps of amplitude that a pulse may be stronger or weaker than the last. Insensitive between 8 and 16; with
4, programming takes 3 iterations instead of 2.2, with 2 it takes 4 (the same command)."""

STEPS_PER_DOUBLING = 3.0
"""Steps of amplitude that about double the effect of a pulse. Insensitive between 2 and 8; with
1, 3 iterations instead of 2.2 (the same command)."""

IDLE_MOST = 5
"""Strongest pulses that may leave a cell nearly where it is before it is given up on. Of no effect on cells
that can be programmed, between 2 and 10; at conductances beyond a memristor's own range more of them only
cost iterations."""

IDLE_PART = 0.05
"""Part of the distance to the target that counts as nearly. Of no effect on cells that can be programmed,
between 0.01 and 0.2 (the same command)."""

FAINTEST = 0.1
"""Part of its conductance that scatter leaves a cell at least: it does not cease to conduct. Of no effect
between 0.01 and 0.3 with a scatter of 0.3 % (the same command)."""


class IncrementalStepPulseWriter:
    """Amplitudes for every cell of an array during one programming run; a `Writer`.

    The board knows nothing of the device but its readings: a cell has an amplitude for each polarity, which
    climbs while pulses do too little and comes down when they do too much, and pulses become shorter with
    every one that overshot. A positive pulse lowers the conductance, a negative one raises it. There is a
    last amplitude and a last pulse: a cell that needs more is given up on, and stays wherever it got to.

    The voltage is that across the cell: the board makes up for the drop of wires and a wide open transistor,
    and the cells that are not selected see none.

    Args:
        settings: the pulses that the board has, and how they scatter.
        device: true law of the cells.
        shape: `(N, M)`.
    """

    def __init__(self, settings: ProgrammingSettings, device: Memristor, shape: tuple[int, int]) -> None:
        pulses = settings.pulses
        self._pulse, self._noise, self._device = pulses, settings.write_noise, device
        most_v = np.array([pulses.reset_max_v, pulses.set_max_v])
        self._last = np.floor((most_v - pulses.first_v) / pulses.step_v + 1e-9).astype(np.int64)
        self._level = np.zeros((2, *shape), dtype=np.int64)
        self._width_s, self._width = np.array(pulses.width_s), np.zeros(shape, dtype=np.int64)
        self._pulses, self._idle = (np.zeros(shape, dtype=np.int64) for _ in range(2))
        self._sets = np.zeros(shape, dtype=bool)
        self.train = pulses.train
        self.given_up = np.zeros(shape, dtype=bool)

    def write(
        self,
        cells: Cells,
        reading_s: Matrix,
        target_s: Matrix,
        where: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """See `Writer.write`."""
        self._sets = reading_s < target_s
        level = np.where(self._sets, self._level[1], self._level[0])
        amplitude_v = self._pulse.first_v + self._pulse.step_v * level
        # Without a reading there is no saying which way: no pulse.
        volts_v = np.where(np.isnan(reading_s), 0.0, np.where(self._sets, -amplitude_v, amplitude_v))
        scatter_s = self._noise * target_s * rng.standard_normal(where.shape)

        def pulsed(conductance_s: Matrix) -> Matrix:
            after_s = 1.0 / self._device.step(1.0 / conductance_s, volts_v, self._width_s[self._width])
            return np.maximum(after_s + scatter_s, FAINTEST * after_s)

        cells.rewrite(pulsed, where)

    def learn(self, before_s: Matrix, after_s: Matrix, target_s: Matrix, where: np.ndarray) -> None:
        """See `Writer.learn`."""
        asked_s, moved_s = target_s - before_s, after_s - before_s
        with np.errstate(invalid="ignore", divide="ignore"):
            did = moved_s / asked_s  # 1 if the pulse did all that was left to do, more if it overshot
            left = (target_s - after_s) / asked_s
            # the pulse that would have done the right part of what is left now
            factor = np.where(did > 0, AIM * np.abs(left) / did, np.inf)
            climb = np.clip(np.rint(STEPS_PER_DOUBLING * np.log2(factor)), -CLIMB_MOST, CLIMB_MOST)
        climb = np.where(left < 0, np.minimum(climb, -1), climb)
        climb = np.nan_to_num(climb).astype(np.int64)
        self._shorten(where & (left < 0))
        for polarity, chosen in enumerate((where & ~self._sets, where & self._sets)):
            level = self._level[polarity]
            strongest = level == self._last[polarity]
            idle = chosen & strongest & ~(did > IDLE_PART)
            self._idle[chosen] = np.where(idle, self._idle + 1, 0)[chosen]
            level[chosen] = np.clip(level + climb, 0, self._last[polarity])[chosen]
        self._pulses[where] += 1
        self.given_up = (self._idle >= IDLE_MOST) | (self._pulses >= self._pulse.most)

    def _shorten(self, where: np.ndarray) -> None:
        """Go on to the next width, and as many steps of amplitude up as about make up for it."""
        shorter = where & (self._width < len(self._width_s) - 1)
        before_s = self._width_s[self._width]
        self._width[shorter] += 1
        doublings = np.log2(before_s / self._width_s[self._width])
        self._level += np.rint(STEPS_PER_DOUBLING * doublings).astype(np.int64)
        np.minimum(self._level, self._last[:, None, None], out=self._level)
