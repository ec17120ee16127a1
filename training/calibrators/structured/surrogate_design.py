"""Input vectors that the surrogate of every matrix is fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

import numpy as np

from crosscal.core.readout import row_groups
from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.measurements import Measurements

CHUNK = 32
"""Vectors relaxed at a time: their cells stay in the cache."""

_SPARSE_SHARE, _COMMON_SHARE = 0.07, 0.22
"""Of all vectors: sparse ones, and sparse ones and those that go together. With fewer of the latter sines on
all rows of memsys2025 at noise 1e-4 come out worse: NMSE 4.2e-6 with a share of 0.075, 2.3e-6 with 0.15:
`crosscal study memsys2025 --calibrators structured --matrices 60 --test-matrices 12 --noise 1e-4`."""

_TALL_SPARSE_SHARE = 0.16
"""Of all vectors, of tall arrays, every second with the rows of a pass driven. With 0.07, as of other arrays,
and no pass among them, two, three and four passes of a 40×24 array err 6, 13 and 13 times as much (NMSE;
`python benchmarks/passes.py --size 40x24 --training 24 --matrices 3`), one pass the same."""

_PASSES = (2, 3, 4)  # a plan chooses among one and these

_MOST_DRIVEN = 0.5
"""Largest share of the rows that a sparse vector drives. Insensitive between 0.5 and 1: one row of
lab-12x16 at 0.3 V comes out at 0.15 to 0.19 µA, without sparse vectors at 0.47 to 0.57 µA, as
`python benchmarks/reading_levels.py FILE` prints."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurrogateDesign:
    """The input vectors that the surrogate of every matrix is fitted to.

    Attributes:
        inputs: standardised, (B, N), B a multiple of `CHUNK`; in the first `common` rows inputs go together
            or most of them rest, in the others they are drawn one by one as in training.
        common: how many go together or are sparse.
        drive_v: their drives [V], (B, N).
        orthogonal: (4, 4): row k holds the powers of the k-th polynomial that is orthonormal over the inputs.
        rounds: rounds of conjugate gradients.
    """

    inputs: np.ndarray
    common: int
    drive_v: np.ndarray
    orthogonal: np.ndarray
    rounds: int = 60


def design_sizes(rows: int, columns: int) -> tuple[int, int]:
    """Vectors that a surrogate is fitted to, and how many of them go together or are sparse."""
    more = _sparse_share(rows, columns) - _SPARSE_SHARE
    drawn = 3.75 if more else 3.3  # for each coefficient: 2.5 of those that are drawn one by one
    vectors = max(512, -(-int(drawn * (3 + 6 * rows)) // CHUNK) * CHUNK)
    return vectors, int((_COMMON_SHARE + more) * vectors)


def _sparse_share(rows: int, columns: int) -> float:
    return _TALL_SPARSE_SHARE if rows > columns else _SPARSE_SHARE


def draw_design(
    circuit: Circuit,
    data: Measurements,
    expansion: np.ndarray,
    input_bounds: np.ndarray,
    rng: np.random.Generator,
) -> SurrogateDesign:
    """Draw design vectors from the run's inputs; some go together, some are sparse."""
    rows, columns = circuit.form.rows, circuit.form.columns
    vectors, common = design_sizes(rows, columns)
    inputs_v = data.voltage_v[data.usable].ravel()
    if data.input_levels_v() is not None:
        # Inputs of a few levels say nothing of what lies between, where reads pass on their way.
        inputs_v = np.concatenate([inputs_v, rng.uniform(inputs_v.min(), inputs_v.max(), inputs_v.size)])
    voltage_v = rng.choice(inputs_v, (vectors, rows))
    sparse = int(_sparse_share(rows, columns) * vectors)
    passes = _PASSES if rows > columns else ()
    rest_v = inputs_v[np.abs(inputs_v).argmin()]
    voltage_v[:sparse] = _sparse(voltage_v[:sparse], rest_v, passes, rng)
    voltage_v[sparse:common] = _together(voltage_v[sparse:common], rng)
    fine = np.linspace(input_bounds[3], input_bounds[4], 20001)
    inputs = np.interp(voltage_v, np.polynomial.polynomial.polyval(fine, expansion), fine)
    voltage_v = np.polynomial.polynomial.polyval(inputs, expansion)
    alone = inputs[common:].ravel()
    powers = np.stack([alone**p for p in range(4)])
    moments = powers @ powers.T / alone.size
    unknowns = circuit.unknowns
    drive_v = voltage_v * unknowns.input_gain.numpy() + unknowns.input_offset.numpy()
    return SurrogateDesign(
        inputs=inputs,
        common=common,
        drive_v=drive_v,
        orthogonal=np.linalg.inv(np.linalg.cholesky(moments)),
    )


def _sparse(
    drawn_v: np.ndarray, rest_v: float, passes: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Keep few of the drawn inputs [V], (B, N), and put the other rows at rest; none to `_MOST_DRIVEN`.

    Of every second vector those of one pass are kept, for arrays that are read in so many.
    """
    count, rows = drawn_v.shape
    share = rng.uniform(0.0, _MOST_DRIVEN, (count, 1))
    driven = rng.random(drawn_v.shape) < share
    groups = [group for number in passes if number <= rows for group in row_groups(rows, number)]
    for k, group in zip(range(0, count, 2), cycle(groups), strict=False):
        driven[k] = np.isin(np.arange(rows), group)
    return np.where(driven, drawn_v, rest_v)


def _together(drawn_v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the inputs of every vector [V], (B, N), towards one of them, some further than others."""
    return drawn_v[:, :1] + rng.uniform(0.0, 1.0, (len(drawn_v), 1)) * (drawn_v - drawn_v[:, :1])
