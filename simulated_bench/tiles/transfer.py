"""Transfer matrix of one tile: column currents per volt on each row, with wires, at the read voltage."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import numpy as np

from crosscal.simulated_bench.circuit.direct_current.linear_response import transfer_matrix
from crosscal.simulated_bench.circuit.direct_current.solver import solve_dc
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices import CellLaw, Ohmic, Sinh, cell_current

PATTERNS = 4
"""Pairs of drives, one the complement of the other, from which chords and gains are taken: with 2 to 8
pairs the worst tile of LeNet-5 is as far from the solver within 0.01 ADC steps (`crosscal network modes`)."""

CACHED_BYTES = 1 << 28
"""Tiles of two networks of LeNet-5's size with 128×128 cells."""


def law_of(name: str) -> CellLaw:
    """Return the law of cells by its name in a profile."""
    return Sinh() if name == "sinh" else Ohmic()


def nominal_conductance(chord_s: np.ndarray, law: CellLaw, read_v: float) -> np.ndarray:
    """Return nominal conductances of cells that a read at `read_v` finds to be `chord_s` [S]."""
    ratio = float(cell_current(law, 1.0, read_v)) / read_v
    return chord_s / ratio


def tile_transfer(conductance_s: np.ndarray, *, wires: Wires, law: CellLaw, read_v: float) -> np.ndarray:
    """Solve one tile for all inputs of 0 or `read_v`.

    Ohmic cells are exact. Others are replaced by their chords at the voltages that they have when about
    half of the rows are driven. Cells of the other half are bent by small voltages of the other sign, which
    one matrix cannot hold too: every column has a gain that brings it to the currents solved for.

    Args:
        conductance_s: nominal conductances [S], (N, M).
        wires: of the tile.
        law: of the cells.
        read_v: voltage of a driven row [V].

    Returns:
        Current of each column per volt on each row [S], (N, M).
    """
    if _without_resistance(wires):
        return conductance_s * (float(cell_current(law, 1.0, read_v)) / read_v)
    if isinstance(law, Ohmic):
        return np.ascontiguousarray(transfer_matrix(conductance_s, wires=wires).T)
    voltage_v = read_v * _drives(len(conductance_s))
    solution = solve_dc(conductance_s, voltage_v, wires=wires, device=law)
    cell_v = solution.word_v - solution.bit_v
    chord_s = _chords(conductance_s, cell_v, driven=voltage_v > 0, law=law)
    transfer_s = np.ascontiguousarray(transfer_matrix(chord_s, wires=wires).T)
    return transfer_s * _gains(voltage_v @ transfer_s, solution.current_a)


def _drives(rows: int) -> np.ndarray:
    half = np.random.default_rng(0).random((PATTERNS, rows)) < 0.5
    return np.concatenate([half, ~half])


def _chords(conductance_s: np.ndarray, cell_v: np.ndarray, *, driven: np.ndarray, law: CellLaw) -> np.ndarray:
    current_a = cell_current(law, np.broadcast_to(conductance_s, cell_v.shape), cell_v)
    chord_s = np.where(driven[:, :, None], current_a / np.where(cell_v == 0, 1.0, cell_v), 0.0)
    return chord_s.sum(axis=0) / PATTERNS  # a row is driven in one pattern of each pair


def _gains(found_a: np.ndarray, solved_a: np.ndarray) -> np.ndarray:
    """Return the gain of each column, (M,), with the least squared error; 1 where no current flows."""
    power = (found_a * found_a).sum(axis=0)
    return np.where(power > 0, (found_a * solved_a).sum(axis=0) / np.where(power > 0, power, 1.0), 1.0)


def _without_resistance(wires: Wires) -> bool:
    ends = np.concatenate([np.atleast_1d(wires.source_ohm), np.atleast_1d(wires.sense_ohm)])
    return not wires.row_ohm and not wires.column_ohm and not ends.any() and not wires.faults


class TransferCache:
    """Transfer matrices by the content of their tiles; the oldest go first when the cache is full."""

    def __init__(self, most_bytes: int = CACHED_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._found: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def transfer(self, conductance_s: np.ndarray, *, wires: Wires, law: CellLaw, read_v: float) -> np.ndarray:
        """Return `tile_transfer`, solved once for each content; without resistance nothing is kept."""
        if _without_resistance(wires):
            return tile_transfer(conductance_s, wires=wires, law=law, read_v=read_v)
        key = hashlib.blake2b(np.ascontiguousarray(conductance_s).tobytes(), digest_size=20)
        key.update(repr((conductance_s.shape, wires, law, read_v)).encode())
        name = key.digest()
        if name in self._found:
            self._found.move_to_end(name)
            return self._found[name]
        solved = tile_transfer(conductance_s, wires=wires, law=law, read_v=read_v)
        self._found[name] = solved
        self._bytes += solved.nbytes
        while self._bytes > self._most and len(self._found) > 1:
            self._bytes -= self._found.popitem(last=False)[1].nbytes
        return solved
