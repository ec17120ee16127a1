"""Scatter of a memcapacitive crossbar: between devices, between cycles, and of its amplifiers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitanceVariation:
    """Scatter of the capacitances about their programmed values; the defaults are none.

    Factors are log-normal with mean 1, so that a capacitance stays above 0 however large the scatter.

    Attributes:
        device_relative: between devices, the same at every read; rms, relative.
        cycle_relative: between reads of one device; rms, relative.

    Raises:
        RangeError: a value that is negative or not finite.
    """

    device_relative: float = 0.0
    cycle_relative: float = 0.0

    def __post_init__(self) -> None:
        for name in ("device_relative", "cycle_relative"):
            if not 0.0 <= getattr(self, name) < math.inf:
                got = f"CapacitanceVariation.{name} = {getattr(self, name)!r}"
                raise RangeError(wanted(got=got, allowed="finite, 0 or more", remedy="correct it"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeDraws:
    """Everything random in a batch of reads, as standard normal numbers.

    Whatever is switched off is drawn all the same: a cause taken away leaves the others as they were, and an
    error budget can compare reads that differ in one cause alone.

    Attributes:
        device: of each cell, (N, M).
        feedback, offset: of each amplifier, (M,).
        cycle: of each cell in each read, (B, N, M).
        reset, noise: of each reading, (B, M).
    """

    device: np.ndarray
    feedback: np.ndarray
    offset: np.ndarray
    cycle: np.ndarray
    reset: np.ndarray
    noise: np.ndarray

    @classmethod
    def draw(cls, batch: int, shape: tuple[int, int], rng: np.random.Generator) -> ChargeDraws:
        """Draw for `batch` reads of an N×M array."""
        rows, columns = shape
        return cls(
            device=rng.standard_normal(shape),
            feedback=rng.standard_normal(columns),
            offset=rng.standard_normal(columns),
            cycle=rng.standard_normal((batch, rows, columns)),
            reset=rng.standard_normal((batch, columns)),
            noise=rng.standard_normal((batch, columns)),
        )

    def signed(
        self, device: int, feedback: int, offset: int, cycle: int, reset: int, noise: int
    ) -> ChargeDraws:
        """Turn the signs of whole groups: as likely as the draws themselves."""
        return ChargeDraws(
            device=device * self.device,
            feedback=feedback * self.feedback,
            offset=offset * self.offset,
            cycle=cycle * self.cycle,
            reset=reset * self.reset,
            noise=noise * self.noise,
        )


def factors(relative: float, normal: np.ndarray) -> np.ndarray:
    """Turn standard normal numbers into log-normal factors of mean 1 and standard deviation `relative`."""
    variance = math.log1p(relative**2)
    return np.exp(math.sqrt(variance) * normal - variance / 2)
