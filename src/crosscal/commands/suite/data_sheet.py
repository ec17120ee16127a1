"""Baselines that know the circuit from its data sheet and have learned nothing: inverse and estimator.

The data sheet gives wires, drivers, amplifiers, the cells' law, noise and the window of the inputs, as a
bench.toml does, and nothing of the specimen; cells are taken to be what they were to become. The inverse
looks for the inputs that give the currents measured; the estimator weighs the currents against their noise,
and against how far inputs reach, as the best linear estimator does around the middle of the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.run_file import Run
from crosscal.simulated_bench import Bench, Wires, sensitivity, solve_currents
from crosscal.simulated_bench.device_factory import build_device
from crosscal.simulated_bench.devices import CellLaw
from crosscal.training import INVERSE, LINEAR_ESTIMATE, Measurements

ROUNDS_MOST = 60
"""Of corrections with the sensitivity at the middle inputs. A slope that is off by a tenth takes six, one by
four fifths these; a board bent further is left where it then stands."""

PART = 1e-6
"""Of the inputs' window that a last correction may be: far below any noise."""


def data_sheet_estimates(bench: Path, run: Run) -> dict[str, np.ndarray]:
    """Estimate the ideal currents of a run by the data sheet of its board [A], (K, V, M), by method.

    Vectors with a saturated or missing reading stay NaN.
    """
    board = Bench.from_toml(bench)
    low_v, high_v = board.settings.array.inputs_v or (run.voltage_v.min(), run.voltage_v.max())
    spread_v = (high_v - low_v) / np.sqrt(12.0)  # of inputs that are uniform
    found = {method: np.full_like(run.current_a, np.nan) for method in (INVERSE, LINEAR_ESTIMATE)}
    usable = Measurements.from_run(run).usable
    for k, target_s in enumerate(run.target_s):
        circuit, noise_a = _by_data_sheet(board, run, k)
        middle_v = np.full(len(target_s), (low_v + high_v) / 2)
        jacobian_s = circuit.sensitivity_s(middle_v)
        precision = jacobian_s.T @ jacobian_s / noise_a**2 + np.eye(len(middle_v)) / spread_v**2
        gains = {
            INVERSE: np.linalg.pinv(jacobian_s),
            LINEAR_ESTIMATE: np.linalg.solve(precision, jacobian_s.T / noise_a**2),
        }
        for method, gain in gains.items():
            measured_a = run.current_a[k, usable[k]]
            inputs_v = circuit.inputs_v(measured_a, middle_v, jacobian_s, gain, (low_v, high_v))
            found[method][k, usable[k]] = inputs_v @ target_s
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Circuit:
    """A circuit as its data sheet tells it.

    Attributes:
        cells_s: targets of the cells [S], (N, M).
        arrays: rows and columns of each array, one for each tile; currents of those above each other add.
        wires: resistances of wires, drivers and amplifiers of an array.
        device: current–voltage law of the cells.
    """

    cells_s: Matrix
    arrays: tuple[tuple[slice, slice], ...]
    wires: Wires
    device: CellLaw

    def currents_a(self, inputs_v: Vectors) -> Currents:
        """Solve for the currents under inputs (B, N) [A], (B, M)."""
        sums_a = np.zeros((len(inputs_v), self.cells_s.shape[1]))
        for rows, columns in self.arrays:
            own_s = np.ascontiguousarray(self.cells_s[rows, columns])
            sums_a[:, columns] += solve_currents(
                own_s, inputs_v[:, rows], wires=self.wires, device=self.device
            )
        return sums_a

    def sensitivity_s(self, inputs_v: np.ndarray) -> np.ndarray:
        """Return the change of each current per volt on each row around inputs (N,) [S], (M, N)."""
        slope_s = np.zeros(self.cells_s.shape[::-1])
        for rows, columns in self.arrays:
            own_s = np.ascontiguousarray(self.cells_s[rows, columns])
            slope_s[columns, rows] = sensitivity(own_s, inputs_v[rows], wires=self.wires, device=self.device)
        return slope_s

    def inputs_v(
        self,
        current_a: Currents,
        middle_v: np.ndarray,
        jacobian_s: np.ndarray,
        gain: np.ndarray,
        window_v: tuple[float, float],
    ) -> Vectors:
        """Estimate inputs (B, N) from currents (B, M): what is bent about the circuit is solved for."""
        inputs_v = np.tile(middle_v, (len(current_a), 1))
        for _ in range(ROUNDS_MOST):
            straight_a = current_a - self.currents_a(inputs_v) + (inputs_v - middle_v) @ jacobian_s.T
            before_v, inputs_v = inputs_v, np.clip(middle_v + straight_a @ gain.T, *window_v)
            if np.abs(inputs_v - before_v).max(initial=0.0) <= PART * (window_v[1] - window_v[0]):
                break
        return inputs_v


def _by_data_sheet(board: Bench, run: Run, k: int) -> tuple[_Circuit, float]:
    """Return the circuit of a run's matrix, and the noise of a reading with the converter's steps [A]."""
    settings = board.settings
    front_end, wires = settings.front_end, settings.wires
    index = int(np.argmin(np.abs(np.subtract(front_end.ranges_a, run.range_a[k]))))
    arrays = tuple((rows, columns) for rows, columns, _ in board.arrays())
    added = sum(columns.start == 0 for _, columns in arrays)  # readings in every sum
    circuit = _Circuit(
        cells_s=run.target_s[k],
        arrays=arrays,
        wires=Wires(
            row_ohm=wires.row_ohm,
            column_ohm=wires.column_ohm,
            source_ohm=wires.source_ohm,
            sense_ohm=wires.sense_ohm + front_end.input_ohm[index],
        ),
        device=build_device(settings.device, run.target_s[k]),
    )
    white_a = board.noise_a(
        aperture_s=float(run.settings["SENS:CURR:APER"]),
        averages=int(run.settings["SENS:AVER:COUN"]),
        range_index=index,
    )
    step_a = 2.0 * front_end.ranges_a[index] / 2**front_end.adc_bits
    return circuit, float(np.hypot(white_a, step_a * np.sqrt(added / 12.0)))
