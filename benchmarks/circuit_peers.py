"""Other ways to solve a crossbar, for comparison: nodal analysis with sparse LU, and plain line relaxation.

Both are written for this benchmark, without anything from the solver under test, and take the wires as four
plain numbers above zero. The device is the sinh cell with its default constants, or a resistor.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from scipy import sparse
from scipy.sparse.linalg import splu

STEP_V = 1e-12  # below this a step is rounding


def sinh_cell(conductance_s: np.ndarray, voltage_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rises = voltage_v > 0
    scale_s = np.where(rises, 0.225, 0.2801) * conductance_s
    rate = np.where(rises, 4.12, 4.10)
    return scale_s * np.sinh(rate * voltage_v), scale_s * rate * np.cosh(rate * voltage_v)


class SparseNewton:
    """Newton's method on all node voltages; each step factorises one sparse matrix."""

    def __init__(self, conductance_s: np.ndarray, ohms: tuple[float, float, float, float]) -> None:
        self.conductance_s = conductance_s
        row_ohm, column_ohm, source_ohm, sense_ohm = ohms
        n, m = conductance_s.shape
        self._cells = n * m
        node = np.arange(n * m).reshape(n, m)
        drivers_s, outputs_s = np.zeros((n, m)), np.zeros((n, m))
        drivers_s[:, 0], outputs_s[-1] = 1 / (row_ohm + source_ohm), 1 / (column_ohm + sense_ohm)
        rows = _wires(node[:, :-1], node[:, 1:], row_ohm, n * m) + sparse.diags(drivers_s.ravel())
        columns = _wires(node[:-1], node[1:], column_ohm, n * m) + sparse.diags(outputs_s.ravel())
        self._wires = sparse.block_diag([rows, columns], format="csc")
        self._driver_s, self._output_s = drivers_s[0, 0], outputs_s[-1, 0]

    def _matrix(self, slope_s: np.ndarray) -> sparse.csc_matrix:
        diagonal = sparse.diags(slope_s.ravel())
        return self._wires + sparse.bmat([[diagonal, -diagonal], [-diagonal, diagonal]], format="csc")

    def ohmic(self, voltage_v: np.ndarray) -> np.ndarray:
        """Currents (B, M) of all vectors by one factorisation."""
        n, m = self.conductance_s.shape
        right = np.zeros((2 * self._cells, len(voltage_v)))
        right[np.arange(n) * m] = self._driver_s * voltage_v.T
        nodes_v = splu(self._matrix(self.conductance_s)).solve(right)
        return self._output_s * nodes_v[-m:].T

    def sinh(self, voltage_v: np.ndarray) -> np.ndarray:
        """Currents (M,) of one vector, from a cold start."""
        n, m = self.conductance_s.shape
        drive_a = np.zeros(2 * self._cells)
        drive_a[np.arange(n) * m] = self._driver_s * voltage_v
        nodes_v = np.concatenate([np.repeat(voltage_v, m), np.zeros(self._cells)])
        for _ in range(100):
            across_v = (nodes_v[: self._cells] - nodes_v[self._cells :]).reshape(n, m)
            cell_a, slope_s = sinh_cell(self.conductance_s, across_v)
            left_a = drive_a - self._wires @ nodes_v - np.concatenate([cell_a.ravel(), -cell_a.ravel()])
            step_v = splu(self._matrix(slope_s)).solve(left_a)
            nodes_v += step_v
            if np.abs(step_v).max() < STEP_V:
                return self._output_s * nodes_v[-m:]
        raise ArithmeticError("the sparse Newton method did not converge")

    def transient(
        self, drive: Callable[[float], np.ndarray], time_s: np.ndarray, capacitance_f: float
    ) -> np.ndarray:
        """Currents (T, M) of sinh cells by TR-BDF2 with one step per interval, from 0 V everywhere."""
        m = self.conductance_s.shape[1]
        nodes_v, current_a = np.zeros(2 * self._cells), np.zeros((len(time_s), m))
        part = 2 - math.sqrt(2)
        for k in range(1, len(time_s)):
            step_s = time_s[k] - time_s[k - 1]
            per_s = 2 / (part * step_s) * capacitance_f
            before_a, _ = self._inflow(nodes_v, drive(time_s[k - 1]))
            middle_v = self._implicit(
                nodes_v, per_s, per_s * nodes_v + before_a, drive(time_s[k - 1] + part * step_s)
            )
            past_v = (middle_v - (1 - part) ** 2 * nodes_v) / (part * (2 - part))
            per_s = (2 - part) / ((1 - part) * step_s) * capacitance_f
            nodes_v = self._implicit(middle_v, per_s, per_s * past_v, drive(time_s[k]))
            current_a[k] = self._output_s * nodes_v[-m:]
        return current_a

    def _inflow(self, nodes_v: np.ndarray, voltage_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Currents into the capacitors, and slopes of the cells."""
        n, m = self.conductance_s.shape
        across_v = (nodes_v[: self._cells] - nodes_v[self._cells :]).reshape(n, m)
        cell_a, slope_s = sinh_cell(self.conductance_s, across_v)
        inflow_a = -self._wires @ nodes_v - np.concatenate([cell_a.ravel(), -cell_a.ravel()])
        inflow_a[np.arange(n) * m] += self._driver_s * voltage_v
        return inflow_a, slope_s

    def _implicit(
        self, nodes_v: np.ndarray, per_s: float, past_a: np.ndarray, voltage_v: np.ndarray
    ) -> np.ndarray:
        """Voltages at which `per_s · v` is what flows in and what is past."""
        for _ in range(100):
            inflow_a, slope_s = self._inflow(nodes_v, voltage_v)
            matrix = self._matrix(slope_s) + per_s * sparse.identity(2 * self._cells, format="csc")
            step_v = splu(matrix).solve(inflow_a + past_a - per_s * nodes_v)
            nodes_v = nodes_v + step_v
            if np.abs(step_v).max() < 1e-9:
                return nodes_v
        raise ArithmeticError("the sparse Newton method did not converge")


def _wires(one: np.ndarray, other: np.ndarray, ohm: float, count: int) -> sparse.csc_matrix:
    """Laplacian of wire segments between nodes `one` and `other`."""
    value = np.full(one.size, 1 / ohm)
    off = sparse.coo_matrix((value, (one.ravel(), other.ravel())), shape=(count, count))
    between = off + off.T
    return sparse.csc_matrix(sparse.diags(np.asarray(between.sum(axis=1)).ravel()) - between)


def line_relaxation(
    conductance_s: np.ndarray, voltage_v: np.ndarray, ohms: tuple[float, float, float, float]
) -> np.ndarray:
    """Currents (B, M) of sinh cells by plain line Gauss–Seidel–Newton, started cold, on all processors."""
    current_a = np.empty((len(voltage_v), conductance_s.shape[1]))
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        shares = [(voltage_v[k::threads], current_a[k::threads]) for k in range(threads)]
        list(pool.map(lambda share: _relax(conductance_s, share[0], *ohms, share[1]), shares))
    return current_a


@njit(cache=True, nogil=True, error_model="numpy")
def _relax(
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: float,
    sense_ohm: float,
    current_a: np.ndarray,
) -> None:
    n, m = conductance_s.shape
    longest = max(n, m)
    below, right = np.empty(longest), np.empty(longest)
    row_s, column_s = 1 / row_ohm, 1 / column_ohm
    driver_s, output_s = 1 / (row_ohm + source_ohm), 1 / (column_ohm + sense_ohm)
    for b in range(len(voltage_v)):
        word_v, bit_v = np.empty((n, m)), np.zeros((n, m))
        for i in range(n):
            word_v[i] = voltage_v[b, i]
        moved = 1.0
        while moved > STEP_V:
            moved = 0.0
            for i in range(n):
                for j in range(m):
                    cell_a, slope_s = _sinh(conductance_s[i, j], word_v[i, j] - bit_v[i, j])
                    before_s = driver_s if j == 0 else row_s
                    diagonal = before_s + slope_s + (row_s if j < m - 1 else 0.0)
                    fed = slope_s * word_v[i, j] - cell_a
                    if j == 0:
                        fed += driver_s * voltage_v[b, i]
                    else:
                        diagonal -= row_s * below[j - 1]
                        fed += row_s * right[j - 1]
                    below[j], right[j] = row_s / diagonal, fed / diagonal
                for j in range(m - 1, -1, -1):
                    new_v = right[j] + (below[j] * word_v[i, j + 1] if j < m - 1 else 0.0)
                    moved = max(moved, abs(new_v - word_v[i, j]))
                    word_v[i, j] = new_v
            for j in range(m):
                for i in range(n):
                    cell_a, slope_s = _sinh(conductance_s[i, j], word_v[i, j] - bit_v[i, j])
                    after_s = output_s if i == n - 1 else column_s
                    diagonal = after_s + slope_s + (column_s if i > 0 else 0.0)
                    fed = slope_s * bit_v[i, j] + cell_a
                    if i > 0:
                        diagonal -= column_s * below[i - 1]
                        fed += column_s * right[i - 1]
                    below[i], right[i] = column_s / diagonal, fed / diagonal
                for i in range(n - 1, -1, -1):
                    new_v = right[i] + (below[i] * bit_v[i + 1, j] if i < n - 1 else 0.0)
                    moved = max(moved, abs(new_v - bit_v[i, j]))
                    bit_v[i, j] = new_v
        for j in range(m):
            current_a[b, j] = output_s * bit_v[n - 1, j]


@njit(cache=True, nogil=True, error_model="numpy")
def _sinh(conductance_s: float, volt: float) -> tuple[float, float]:
    if volt > 0:
        scale_s, rate = 0.225 * conductance_s, 4.12
    else:
        scale_s, rate = 0.2801 * conductance_s, 4.10
    rising = math.exp(rate * volt)
    return scale_s * 0.5 * (rising - 1 / rising), scale_s * rate * 0.5 * (rising + 1 / rising)
