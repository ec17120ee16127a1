"""Report of a recalibration: its findings, and the readings they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crosscal.runtime.recalibration.breaks.naming import Broken, BrokenCell, BrokenLine
from crosscal.runtime.recalibration.conditioning import Spread
from crosscal.runtime.recalibration.posterior import RecalibrationLevel

_ALIKE = 1e-6  # relative: converters of 16 bits tell 1.5e-5 apart, single precision 6e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecalibrationReport:
    """Report of a recalibration: its level, and the readings behind it.

    Attributes:
        level: change since the last one by the evidence; `NOTHING` too is an answer.
        spread: how much, as standard deviations, and that of a reading; lengths relative to full scale.
        evidence: logarithm of how probable the readings are, for every level.
        readings_used, readings_missing: of K · M.
        outliers: of the missing, readings left out because no change of their column explains them.
        silent_columns: columns without one usable reading, from 0; nothing was learned of them.
        broken_cells, broken_rows, broken_columns: cells and lines that lie far off, counted from 1; their
            kinds and probabilities. Cells of a broken row are not named one by one.
        independent_vectors: rank of the known vectors that have readings, about their mean, plus one: fewer
            than K when they repeat or have none.
    """

    level: RecalibrationLevel
    spread: Spread
    evidence: Mapping[RecalibrationLevel, float]
    readings_used: int
    readings_missing: int
    silent_columns: tuple[int, ...]
    independent_vectors: int
    outliers: int = 0
    broken_cells: tuple[BrokenCell, ...] = ()
    broken_rows: tuple[BrokenLine, ...] = ()
    broken_columns: tuple[BrokenLine, ...] = ()

    @classmethod
    def of(
        cls,
        found: tuple[RecalibrationLevel, Spread, Mapping[RecalibrationLevel, float]],
        voltage_v: np.ndarray,
        present: np.ndarray,
        *,
        outliers: int = 0,
        broken: Broken | None = None,
    ) -> RecalibrationReport:
        """Report on `found`, the level with its spreads and the evidence.

        Args:
            found: result of `choose_level`.
            voltage_v: known inputs [V], (K, N). present: whether there is a reading, (K, M).
        """
        level, spread, evidence = found
        cells, rows, columns = broken or ((), (), ())
        if (cells or rows or columns) and level is not RecalibrationLevel.CELLS:
            level = RecalibrationLevel.CELLS
        read_v = voltage_v[present.any(axis=1)]
        about = read_v - read_v.mean(axis=0)
        used = int(present.sum())
        return cls(
            level=level,
            spread=spread,
            evidence=evidence,
            readings_used=used,
            readings_missing=present.size - used,
            outliers=outliers,
            broken_cells=cells,
            broken_rows=rows,
            broken_columns=columns,
            silent_columns=tuple(int(column) for column in np.flatnonzero(~present.any(axis=0))),
            independent_vectors=1
            + int(np.linalg.matrix_rank(about, tol=_ALIKE * max(np.abs(voltage_v).max(), _ALIKE))),
        )
