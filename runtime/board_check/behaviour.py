"""Behaviour of a board's currents: linearity, repeatability, settling, ranges, read-back and rest."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Currents, Matrix
from crosscal.runtime.board_check.findings import Finding, fault, good, note, unknown

MEMORY = 0.005
"""Share of the largest current that a reading may owe to the vector before it. Settled amplifiers keep less
than 1e-4; one time constant of waiting leaves 0.37."""

SIGNIFICANT = 6.0
"""Least standard errors of a difference that is none of noise: 1e-9 per test by chance, for white noise."""

DRIFT = 0.02
"""Share of the largest current by which a vector's readings may move while it is repeated."""

TRAPPED = 0.2
"""Share of the columns that may move by more, up to ten times: of filamentary cells some have traps, which
change the current of a column by a few per cent at once. What warms up moves all columns."""

RANGES_DIFFER = 0.05
"""Relative difference of two ranges that is a fault. Channel gains of the front ends modelled here differ by
0.5 % before calibration; a wrong feedback resistor is off by more than 5 %."""

LEFT_ON = 0.02
"""Share of the driven current that remains when outputs are off; with more some are still on. Offsets are
taken off, amplifiers settle to 1e-4, and one row of 40 that stays on leaves 0.025."""


def linearity_finding(level: np.ndarray, current_a: np.ndarray, noise_a: np.ndarray) -> Finding:
    """Compare currents at parts of one vector.

    Args:
        level: share of the full vector, ascending to 1, (L,).
        current_a: offset removed [A], (L, M).
        noise_a: standard deviation of one reading of each column [A], (M,).
    """
    test = "linearity"
    full_a = current_a[-1]
    seen = np.abs(full_a) > SIGNIFICANT * noise_a * 2.0
    if not seen.any():
        return unknown(test, "currents are too small for their noise")
    steps_a = np.diff(np.abs(current_a[:, seen]), axis=0)
    falling = (steps_a < -SIGNIFICANT * np.sqrt(2.0) * noise_a[seen]).any(axis=0)
    if falling.any():
        return fault(
            test,
            f"currents of {int(falling.sum())} columns fall while the inputs rise; check for saturation "
            "before the converter and for lines that share a driver",
        )
    share = np.median(current_a[:, seen] / full_a[seen], axis=1)
    bend = float(np.abs(share - level).max())
    return note(
        test,
        f"at half of the inputs {np.interp(0.5, level, share):.3f} of the current flows ({bend:.1%} bent)",
    )


def repeatability_finding(current_a: Currents, full_scale_a: float) -> tuple[Finding, np.ndarray]:
    """Judge repeats of one vector; return the standard deviation of each column too [A], (M,).

    Args:
        current_a: repeats in the order of time [A], (R, M).
        full_scale_a: [A].
    """
    test = "repeatability and noise"
    # Successive differences: a slow drift is told apart from noise.
    noise_a = np.sqrt(np.mean(np.diff(current_a, axis=0) ** 2, axis=0) / 2.0)
    half = len(current_a) // 2
    drift_a = current_a[half:].mean(axis=0) - current_a[:half].mean(axis=0)
    error_a = noise_a * np.sqrt(2.0 / half)
    largest_a = max(float(np.abs(current_a).max()), np.finfo(float).tiny)
    rms_a = float(np.sqrt(np.mean(noise_a**2)))
    text = (
        f"noise {rms_a:.3g} A rms, {rms_a / largest_a:.2g} of the largest current, "
        f"{rms_a / full_scale_a:.2g} of the range"
    )
    moved = np.abs(drift_a) > SIGNIFICANT * error_a + DRIFT * largest_a
    worst_a = float(np.abs(drift_a).max())
    if moved.mean() > TRAPPED or worst_a > 10.0 * DRIFT * largest_a:
        return fault(
            test,
            f"{text}; currents drift by {worst_a:.3g} A while one vector is repeated; wait until the board "
            "is warm, and check the contacts",
        ), noise_a
    if rms_a > 0.2 * largest_a:
        return fault(
            test, f"{text}; readings are mostly noise; average more readings or use a smaller range"
        ), noise_a
    if moved.any():
        columns = ", ".join(str(column + 1) for column in np.flatnonzero(moved)[:8])
        return note(
            test,
            f"{text}; columns {columns} (counted from 1) move by up to {worst_a:.3g} A, as cells with "
            "traps do",
        ), noise_a
    return good(test, text), noise_a


def converter_step(current_a: Currents) -> float:
    """Estimate a step of the converter from readings of different vectors in one range [A].

    No two readings of a column differ by less than a step, unless by nothing.
    """
    largest_a = float(np.nanmax(np.abs(current_a), initial=0.0))
    steps_a = []
    for column_a in current_a.T:
        gaps_a = np.diff(np.unique(np.asarray(column_a[np.isfinite(column_a)], dtype=np.float64)))
        # Equal codes may differ in the last digits of a text.
        gaps_a = gaps_a[gaps_a > 1e-6 * largest_a]
        if gaps_a.size:
            steps_a.append(float(gaps_a.min()))
    return float(np.median(steps_a)) if steps_a else 0.0


def settling_finding(
    after_full_a: Currents, after_same_a: Currents, noise_a: np.ndarray, step_a: float
) -> Finding:
    """Compare a vector's readings after the full inputs with its readings after itself.

    Args:
        after_full_a, after_same_a: [A], (R, M).
        noise_a: standard deviation of one reading [A], (M,).
        step_a: of the converter [A].
    """
    test = "settling"
    memory_a = after_full_a.mean(axis=0) - after_same_a.mean(axis=0)
    error_a = noise_a * np.sqrt(2.0 / len(after_full_a))
    largest_a = float(np.abs(after_full_a).max())
    worst_a = float(np.abs(memory_a).max())
    if (np.abs(memory_a) > SIGNIFICANT * error_a + MEMORY * largest_a + step_a).any():
        return fault(
            test,
            f"a reading keeps {worst_a:.3g} A of the vector before it, {worst_a / largest_a:.1%} of the "
            "largest current; wait longer (SOURce:SEQuence:DWELl) or integrate longer",
        )
    return good(
        test,
        f"a reading keeps less than {max(worst_a, float(error_a.max())) / largest_a:.2g} of the vector "
        "before it",
    )


def range_finding(current_a: dict[float, Currents], noise_a: np.ndarray, step: float) -> Finding:
    """Compare readings of one vector in several ranges.

    Args:
        current_a: range [A] → usable readings, the range's offset removed [A], (R, M).
        noise_a: standard deviation of one reading in the range in use [A], (M,).
        step: of the converter, share of the range.
    """
    test = "range changes"
    if len(current_a) < 2:
        return unknown(test, "these currents fit in one range only")
    ranges = sorted(current_a)
    base_a, other_a = current_a[ranges[0]].mean(axis=0), current_a[ranges[1]].mean(axis=0)
    repeats = len(current_a[ranges[1]])
    spread_a = (current_a[ranges[1]].std(axis=0, ddof=1) + noise_a) / np.sqrt(repeats)
    # Each mean, and each offset taken off, may be half a step wrong.
    step_a = 2.0 * step * (ranges[0] + ranges[1])
    allowed_a = RANGES_DIFFER * np.abs(base_a) + SIGNIFICANT * spread_a + step_a
    worst = float(np.max(np.abs(other_a - base_a) / np.maximum(np.abs(base_a), np.finfo(float).tiny)))
    text = f"{ranges[0]:.3g} A and {ranges[1]:.3g} A differ by up to {worst:.1%}"
    if (np.abs(other_a - base_a) > allowed_a).any():
        return fault(test, f"{text}; calibrate in one range, or mend the amplifiers' feedback")
    return good(test, text)


def read_back_finding(read_back_s: Matrix, target_s: Matrix, slope_s: Matrix) -> Finding:
    """Compare the board's read-back with its target and with its currents, all [S], (N, M)."""
    test = "read-back"
    known = np.isfinite(read_back_s) & (np.abs(target_s) > 0.1 * np.abs(target_s).max())
    if not known.any():
        return fault(test, "no cell is read back as a number")
    ratio = float(np.median(read_back_s[known] / target_s[known]))
    if not 0.3 < ratio < 3.0:
        return fault(
            test, f"cells read back {ratio:.3g} times their target; give siemens, or write the matrix again"
        )
    error = float(np.sqrt(np.mean((read_back_s[known] / target_s[known] - 1.0) ** 2)))
    finite = np.isfinite(slope_s) & known & (read_back_s != 0.0)
    seen = float(np.median(slope_s[finite] / read_back_s[finite])) if finite.any() else np.nan
    spread = target_s[known].std()
    if spread > 0.02 * target_s[known].mean():
        alike = float(np.corrcoef(read_back_s[known], target_s[known])[0, 1])
        if alike < 0.5:
            return fault(
                test,
                f"cells read back do not look like the target (correlation {alike:.2f}); check the channel "
                "map of the read-back",
            )
    return good(
        test, f"cells are {error:.1%} rms from their target; readings see {seen:.3g} of what is read back"
    )


def rest_finding(
    undriven_a: np.ndarray, driven_a: np.ndarray, rested_a: np.ndarray, noise_a: np.ndarray, step_a: float
) -> Finding:
    """Compare currents at rest with those at 0 V and driven ones, all in one range [A], (M,).

    Args:
        undriven_a: at 0 V with the outputs on: the offsets.
        driven_a: at the largest inputs.
        rested_a: one reading with the outputs off.
        noise_a: standard deviation of one reading.
        step_a: of the converter [A].
    """
    test = "rest"
    largest_a = float(np.abs(driven_a - undriven_a).max())
    allowed_a = LEFT_ON * largest_a + SIGNIFICANT * noise_a + step_a
    if not (allowed_a < 0.5 * largest_a).any():
        return unknown(test, "currents are too small for their noise or range")
    left_a = np.abs(rested_a - undriven_a)
    share = float(left_a.max()) / largest_a
    if (left_a > allowed_a).any():
        return fault(
            test,
            f"{share:.0%} of the driven current flows with the outputs off; rest must bring every "
            "line to 0 V",
        )
    return good(test, f"with the outputs off {share:.2g} of the driven current flows")
