"""Fit of the law of a board's cells (`crosscal.runtime.recalibration.cell_law`) to its training run.

Read-backs lie about their targets by the errors of programming and of reading back together. Currents of
known vectors tell the two apart, and they tell the mean of read-backs, row by row and column by column,
where cells scatter too much for the read-backs alone: the numbers sought make the readings of a few matrices
most probable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from crosscal.core.array_types import Float, Matrix
from crosscal.runtime import CellLaw
from crosscal.training.calibrators.read_back_law import blank_law, fit_read_backs
from crosscal.training.fitting.cell_reads import CellReads, Sizes, log_density, read_cells
from crosscal.training.fitting.drive_noise import fit_drive_noise
from crosscal.training.fitting.known_temperature import fit_known_temperature
from crosscal.training.fitting.mean_read_back import refit_mean
from crosscal.training.fitting.reading_noise import fit_reading_noise
from crosscal.training.fitting.temperature_law import fit_temperature_law
from crosscal.training.measurements import Measurements

_CELLS, _FEWEST, _MOST = 12_288, 5, 16
"""Matrices read: as many as have this number of cells in all, between the limits. Surrogates of large arrays
take a second each."""

_USUAL = {"noise": 1e-3, "gain": 1e-3, "offset": 1e-3, "relative": 3e-3, "absolute": 3e-3}
"""Usual sizes: relative to full scale, to a cell, and to a cell of middle conductance."""

_USUAL_FACTOR = 10.0
"""Factor beside the usual that is one standard deviation of a weak prior."""

_STARTS = (0.1, 1.0, 10.0)  # of the noise; insensitive (`python benchmarks/constants.py cell_law`)
_STEPS = (0.3, 0.6, 0.85, 1.18, 1.7, 3.3)
"""Factors of a size that are tried: true sizes of read-backs come out at 0.84, with 0.5 and 2 alone at 0.6
(the same command)."""

_ROUNDS, _LEAST_GAIN = 8, 0.05
"""Insensitive between 4 and 16, 0.005 and 0.5 (the same command)."""

_BESIDE, _FARTHEST = 1.1, 2.0
"""Factor between the three sizes that a parabola goes through, and how many such factors off its peak is
believed. Steps alone leave noise up to 8 % off, and stated deviations with it; with factors from 1.03 to
1.15 it comes out within 2 %, within 3 % where cells scatter too (at 9×11)."""

_LEAST_SIZE = 1e-7
"""Insensitive between 1e-9 and 1e-5 (the same command)."""


_CERTAIN = 4.0
"""Logarithm of the evidence for cells that scatter, from which they are believed to."""


def fit_cell_law(
    tensors_of: Callable[[Matrix], dict[str, np.ndarray]], held: Measurements, learned: Measurements
) -> CellLaw:
    """Learn how cells and read-backs of a board scatter.

    Args:
        tensors_of: fits the surrogate of a target [S], (N, M).
        held: validation matrices; they are preferred, as the circuit was not fitted to them.
        learned: training matrices.
    """
    law = blank_law(np.concatenate([held.conductance_s, learned.conductance_s]))
    fitted, total = fit_read_backs([held, learned], law), np.zeros(len(law.knots_s))
    if fitted is not None:
        mean, total = fitted
        law = replace(law, read_back=mean)
    rows, columns = learned.shape
    chosen = [(data, int(k)) for data in (held, learned) for k in np.flatnonzero(data.usable.sum(axis=1) > 1)]
    count = int(np.clip(_CELLS // (rows * columns), _FEWEST, _MOST))
    reads = [read_cells(tensors_of, data, k, law, total) for data, k in chosen[:count]]
    sizes, scatters = _sizes(reads, law)
    if law.read_back is not None and scatters:
        law, reads = refit_mean(law, reads, sizes)
        sizes, scatters = _sizes(reads, law)
    read_back = law.read_back is not None
    drive_noise_v = fit_drive_noise(reads, sizes, law.middle_s, read_back, scatters=scatters)
    temperature_c = np.array(
        [np.nan if data.temperature_c is None else data.temperature_c[k] for data, k in chosen[:count]]
    )
    temperature = fit_temperature_law(reads, temperature_c, sizes, law.middle_s, read_back, scatters=scatters)
    if temperature is not None:
        temperature = fit_known_temperature(tensors_of, chosen[:count], temperature)
    return replace(
        _with_sizes(law, total, sizes, scatters=scatters),
        drive_noise_v=drive_noise_v,
        reading_noise=fit_reading_noise(tensors_of, learned.repeats),
        temperature=temperature,
    )


def _sizes(reads: list[CellReads], law: CellLaw) -> tuple[Sizes, bool]:
    """Find the sizes that make readings most probable, and whether cells scatter."""
    thinned = [one.thinned() for one in reads]
    quiet, still = _most_probable(thinned, law, scatters=False)
    loud, moved = _most_probable(thinned, law, scatters=True)
    return (loud, True) if moved > still + _CERTAIN else (quiet, False)


def _with_sizes(law: CellLaw, total: Float[np.ndarray, " knots"], sizes: Sizes, *, scatters: bool) -> CellLaw:
    middle_s, programming, read_back = law.middle_s, np.zeros(len(law.knots_s)), law.read_back
    own = np.hypot(sizes["relative"], sizes["absolute"] * middle_s / law.knots_s)
    if scatters:
        programming = own if read_back is None else np.sqrt(np.maximum(total**2 - own**2, 0.0))
    if read_back is not None:
        errors = sizes if scatters else _errors_of(total, law.knots_s, middle_s)
        read_back = replace(read_back, relative=errors["relative"], absolute_s=errors["absolute"] * middle_s)
    return replace(
        law,
        programming=programming,
        offset=sizes["offset"],
        gain=sizes["gain"],
        noise=sizes["noise"],
        read_back=read_back,
    )


def _most_probable(reads: list[CellReads], law: CellLaw, *, scatters: bool) -> tuple[Sizes, float]:
    """Find the most probable sizes, one at a time, and the logarithm of their probability."""
    free = ["noise", "gain", "offset", *(("relative", "absolute") if scatters else ())]
    middle_s, read_back = law.middle_s, law.read_back is not None

    def score(sizes: Sizes) -> float:
        unusual = sum((np.log(sizes[name] / _USUAL[name]) / np.log(_USUAL_FACTOR)) ** 2 for name in free)
        found = sum(log_density(one, sizes, middle_s, read_back, scatters=scatters) for one in reads)
        return found - 0.5 * unusual

    starts = [{**_USUAL, "noise": noise * _USUAL["noise"]} for noise in _STARTS]
    values = [score(start) for start in starts]
    best, value = starts[int(np.argmax(values))], max(values)
    for _ in range(_ROUNDS):
        before = value
        for name in free:
            for step in _STEPS:
                trial = {**best, name: max(best[name] * step, _LEAST_SIZE)}
                if (trial_value := score(trial)) > value:
                    best, value = trial, trial_value
        if value - before < _LEAST_GAIN:
            break
    for name in free:
        at_peak = _at_peak(score, best, value, name)
        if (peak_value := score(at_peak)) > value:
            best, value = at_peak, peak_value
    return best, value


def _at_peak(score: Callable[[Sizes], float], sizes: Sizes, value: float, name: str) -> Sizes:
    """Move one size to the peak of a parabola through the scores of three, in its logarithm."""
    low, high = (score({**sizes, name: sizes[name] * factor}) for factor in (1.0 / _BESIDE, _BESIDE))
    curvature = low - 2.0 * value + high
    if not curvature < 0.0:
        return sizes
    off = np.clip(0.5 * (low - high) / curvature, -_FARTHEST, _FARTHEST)
    return {**sizes, name: max(sizes[name] * float(_BESIDE**off), _LEAST_SIZE)}


def _errors_of(total: Float[np.ndarray, " knots"], knots_s: np.ndarray, middle_s: float) -> Sizes:
    """Divide the deviations of read-backs of exact cells into a relative and an absolute part."""
    design = np.stack([np.ones_like(knots_s), (middle_s / knots_s) ** 2], axis=1)
    weight = 1.0 / np.maximum(total**2, np.finfo(float).tiny)
    found = np.linalg.lstsq(design * weight[:, None], np.ones(len(knots_s)), rcond=None)[0]
    if (found < 0.0).any():
        found = np.array([float(np.mean(total**2)), 0.0])
    return {"relative": float(np.sqrt(found[0])), "absolute": float(np.sqrt(found[1]))}
