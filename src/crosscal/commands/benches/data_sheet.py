"""Baselines that know the circuit from its data sheet and have learned nothing: inverse and estimator.

The data sheet gives wires, drivers, amplifiers, the cells' law, noise and the window of the inputs, as a
bench.toml does, and nothing of the specimen; cells are taken to be what they were to become. The inverse
looks for the inputs that give the currents measured; the estimator weighs the currents against their noise,
and against how far inputs reach, as the best linear estimator does around the middle of the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.errors import SolverError
from crosscal.core.run_file import Run
from crosscal.simulated_bench import Bench, Wires, sensitivity, solve_currents
from crosscal.simulated_bench.device_factory import build_device
from crosscal.simulated_bench.devices import CellLaw
from crosscal.training import INVERSE, LINEAR_ESTIMATE, Measurements

ROUNDS_MOST = 60
"""Of corrections with the sensitivity at the middle inputs, accelerated. Half of the readings of 64×64 sinh
cells take a dozen; the few that still move after these are left where they moved least, and carry most of the
error."""

REMEMBERED = 20
"""Corrections that the acceleration combines. On one matrix of 64×64 sinh cells at noise 1e-4 the estimate's
NMSE is 0.27 with none, 4.9e-3 with 5, 3.2e-4 with 10 and 2.9e-4 with these."""

RIDGE = 1e-10
"""Of the squares of the corrections combined, against rounding. Readings that settle are alike with 1e-8."""

DATA_SHEET_METHOD = 2
"""Number of the way to compute the estimates, raised when they change, so that kept scores are found again.
2: corrections are accelerated; readings of 64×64 sinh cells settle that were left far from a solution."""

PART = 1e-6
"""Of the inputs' window that a last correction may be: far below any noise."""


def data_sheet_estimates(
    bench: str | Path, run: Run, done: Callable[[], object] = lambda: None
) -> dict[str, np.ndarray]:
    """Estimate the ideal currents of a run by the data sheet of its board [A], (K, V, M), by method.

    Vectors with a saturated or missing reading stay NaN. `done` is called after each matrix.
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
        done()
    return found


def data_sheet_beside(bench: str | Path, run: Run) -> dict[str, np.ndarray]:
    """Do as `data_sheet_estimates`; an unsolved circuit costs these baselines alone, with a word."""
    with progress_bar() as bar:
        task = bar.add_task("estimates by the data sheet", total=len(run.target_s), note="")
        try:
            return data_sheet_estimates(bench, run, lambda: bar.advance(task))
        except SolverError as error:
            console.print(f"[yellow]no baselines from the data sheet: {error}", soft_wrap=True)
            return {}


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
        """Estimate inputs (B, N) from currents (B, M): what is bent about the circuit is solved for.

        Reference: D. G. Anderson, "Iterative procedures for nonlinear integral equations", Journal of the ACM
        12 (1965).
        """
        found_v, open_now = np.tile(middle_v, (len(current_a), 1)), np.arange(len(current_a))
        least_v, at_v = np.full(len(current_a), np.inf), found_v.copy()
        tried = _Tried()
        for _ in range(ROUNDS_MOST):
            wrong_a = current_a[open_now] - self.currents_a(at_v) + (at_v - middle_v) @ jacobian_s.T
            next_v = np.clip(middle_v + wrong_a @ gain.T, *window_v)
            size_v = np.abs(next_v - at_v).max(axis=1)
            better = size_v < least_v[open_now]
            found_v[open_now[better]], least_v[open_now[better]] = next_v[better], size_v[better]
            moving = size_v > PART * (window_v[1] - window_v[0])
            if not moving.any():
                break
            open_now = open_now[moving]
            at_v = np.clip(tried.combined(at_v, next_v, moving), *window_v)
        return found_v


class _Tried:
    """Corrections tried before, combined to the one that least of a correction would follow."""

    def __init__(self) -> None:
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []

    def combined(self, at_v: Vectors, next_v: Vectors, kept: np.ndarray) -> Vectors:
        """Remember corrections of inputs (B, N), and return where those kept, (B,), are tried next."""
        wrong_v = next_v - at_v
        if self._last is not None:
            self._steps.append((wrong_v - self._last[0], next_v - self._last[1]))
        self._steps = [(change[kept], moved[kept]) for change, moved in self._steps[-REMEMBERED:]]
        self._last = wrong_v[kept], next_v[kept]
        if not self._steps:
            return next_v[kept]
        changes, moves = (np.stack(part, axis=1) for part in zip(*self._steps, strict=True))
        squares = changes @ changes.transpose(0, 2, 1)
        scale = np.trace(squares, axis1=1, axis2=2)[:, None, None]
        ridge = (RIDGE * scale + np.finfo(float).tiny) * np.eye(len(self._steps))
        weights = np.linalg.solve(squares + ridge, changes @ wrong_v[kept][:, :, None])
        return next_v[kept] - (moves * weights).sum(axis=1)


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
