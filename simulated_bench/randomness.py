"""Random streams of the bench: one per cause, so that no cause shifts the draws of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomStreams:
    """Streams that `seed` and `SIMulation:SEED` restart.

    Each stream is consumed in a fixed order, vector by vector and pulse by pulse; events in time come
    from hashes of the time itself. Therefore a result depends on the work done on the board, and never on how
    it was cut into messages, slices or steps of time.

    Attributes:
        read: noise of the columns' readings.
        write: scatter of write pulses and relaxation after them.
        readback: noise of reading cells back, also to verify them.
        relaxation: programming error of cells that have verified, and the quantiles of their drift.
        cell: white noise of single cells while columns are read.
        drive: noise of the rows' drivers while columns are read.
        flicker, telegraph, fault, amplifier: seeds of hashes, 64 bits, for noise and faults that are
            functions of time.
    """

    read: np.random.Generator
    write: np.random.Generator
    readback: np.random.Generator
    relaxation: np.random.Generator
    cell: np.random.Generator
    flicker: np.uint64
    telegraph: np.uint64
    fault: np.uint64
    drive: np.random.Generator
    amplifier: np.uint64

    @classmethod
    def from_seed(cls, seed: int) -> RandomStreams:
        """Start all streams afresh."""
        # In the order in which causes were added, so that none changes the draws of those before it.
        children = np.random.SeedSequence(seed).spawn(10)
        read, write, readback, relaxation, cell, drive = (
            np.random.default_rng(children[k]) for k in (0, 1, 2, 3, 4, 8)
        )
        flicker, telegraph, fault, amplifier = (
            children[k].generate_state(1, np.uint64)[0] for k in (5, 6, 7, 9)
        )
        return cls(
            read=read,
            write=write,
            readback=readback,
            relaxation=relaxation,
            cell=cell,
            flicker=flicker,
            telegraph=telegraph,
            fault=fault,
            drive=drive,
            amplifier=amplifier,
        )


def fixed_error_streams(board_seed: int) -> tuple[np.random.Generator, ...]:
    """Start the streams of a specimen: channels, broken cells, traps, faulty wires, drivers, cells' laws."""
    return tuple(np.random.default_rng(s) for s in np.random.SeedSequence(board_seed).spawn(6))
