"""The bench's random streams: one per cause, so that no cause shifts the draws of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomStreams:
    """What `seed` and `SIMulation:SEED` restart.

    Each stream is consumed in a fixed order, vector by vector and pulse by pulse; therefore a result depends
    on what was done on the board, and never on how it was cut into messages or slices.

    Attributes:
        read: noise of the columns' readings.
        write: scatter of write pulses and relaxation after them.
        readback: noise of reading cells back, which verifying does too.
    """

    read: np.random.Generator
    write: np.random.Generator
    readback: np.random.Generator

    @classmethod
    def from_seed(cls, seed: int) -> RandomStreams:
        """Start all streams afresh."""
        read, write, readback = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
        return cls(read=read, write=write, readback=readback)


def fixed_error_streams(board_seed: int) -> tuple[np.random.Generator, ...]:
    """Streams of the specimen's fixed errors: channel errors, then stuck cells."""
    return tuple(np.random.default_rng(s) for s in np.random.SeedSequence(board_seed).spawn(2))
