"""Row wires as ladders of impedances, with capacitors from their nodes to ground, at one frequency."""

from __future__ import annotations

import numpy as np


class Ladders:
    """Wires of equal segments that differ in their sources.

    Args:
        count: nodes of a wire, M.
        segment_ohm: impedance of each segment [Ω], complex.
        source_ohm: resistance before the first segment of each wire [Ω], (L,).
        ground_s: admittance of each node to ground [S], complex.

    Attributes:
        impedance_ohm: voltage of each node per ampere into each node, the source at 0 V [Ω], (L, M, M).
        reaching: voltage of each node per volt of the source, nothing else connected, (L, M).
    """

    def __init__(self, count: int, segment_ohm: complex, source_ohm: np.ndarray, ground_s: complex) -> None:
        lines = len(source_ohm)
        ohm = np.full((count, lines), segment_ohm, dtype=np.complex128)
        ohm[0] += source_ohm  # towards the source of each node
        damping, behind_s = np.empty_like(ohm), np.zeros(lines, dtype=np.complex128)
        for j in range(count - 1, -1, -1):  # from the open end
            total_s = ground_s + behind_s
            damping[j] = 1 / (1 + ohm[j] * total_s)
            behind_s = total_s * damping[j]
        self.reaching = np.cumprod(damping, axis=0).T
        passed = np.zeros((count, lines), dtype=np.complex128)  # of the current into each node
        node_v = np.empty((count, count, lines), dtype=np.complex128)
        for j in range(count - 1, -1, -1):
            passed[j] += 1
            passed *= damping[j]
            node_v[j] = passed * ohm[j]
        for j in range(1, count):
            node_v[j] += damping[j] * node_v[j - 1]
        self.impedance_ohm = np.ascontiguousarray(node_v.transpose(2, 0, 1))
