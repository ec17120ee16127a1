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

RANGES_DIFFER = 0.05
"""Relative difference of two ranges that is a fault. Channel gains of the front ends modelled here differ by
0.5 % before calibration; a wrong feedback resistor is off by more than 5 %."""

LEFT_ON = 0.1
"""Share of the driven current that remains when outputs are off; with more they are still on: offsets are
below 1 % of full scale."""


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
    if (np.abs(drift_a) > SIGNIFICANT * error_a + 0.02 * largest_a).any():
        worst = float(np.abs(drift_a).max())
        return fault(
            test,
            f"{text}; currents drift by {worst:.3g} A while one vector is repeated; wait until the board is "
            "warm, and check the contacts",
        ), noise_a
    if rms_a > 0.2 * largest_a:
        return fault(
            test, f"{text}; readings are mostly noise; average more readings or use a smaller range"
        ), noise_a
    return good(test, text), noise_a


def settling_finding(after_full_a: Currents, after_same_a: Currents, noise_a: np.ndarray) -> Finding:
    """Compare a vector's readings after the full inputs with its readings after itself.

    Args:
        after_full_a, after_same_a: [A], (R, M).
        noise_a: standard deviation of one reading [A], (M,).
    """
    test = "settling"
    memory_a = after_full_a.mean(axis=0) - after_same_a.mean(axis=0)
    error_a = noise_a * np.sqrt(2.0 / len(after_full_a))
    largest_a = float(np.abs(after_full_a).max())
    worst_a = float(np.abs(memory_a).max())
    if (np.abs(memory_a) > SIGNIFICANT * error_a + MEMORY * largest_a).any():
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


def range_finding(current_a: dict[float, Currents], noise_a: np.ndarray) -> Finding:
    """Compare readings of one vector in several ranges.

    Args:
        current_a: range [A] → usable readings [A], (R, M).
        noise_a: standard deviation of one reading in the range in use [A], (M,).
    """
    test = "range changes"
    if len(current_a) < 2:
        return unknown(test, "these currents fit in one range only")
    ranges = sorted(current_a)
    base_a, other_a = current_a[ranges[0]].mean(axis=0), current_a[ranges[1]].mean(axis=0)
    repeats = len(current_a[ranges[1]])
    spread_a = (current_a[ranges[1]].std(axis=0, ddof=1) + noise_a) / np.sqrt(repeats)
    # The port does not tell the converter's step; of 12 bits it is half a thousandth of the range.
    allowed_a = RANGES_DIFFER * np.abs(base_a) + SIGNIFICANT * spread_a + 5e-4 * ranges[1]
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


def rest_finding(driven_a: np.ndarray, rested_a: np.ndarray) -> Finding:
    """Compare currents at rest with driven ones, both [A], (M,)."""
    test = "rest"
    largest_a = float(np.abs(driven_a).max())
    if largest_a == 0.0:
        return unknown(test, "no current answers to the inputs")
    share = float(np.abs(rested_a).max()) / largest_a
    if share > LEFT_ON:
        return fault(
            test,
            f"{share:.0%} of the driven current flows with the outputs off; rest must bring every "
            "line to 0 V",
        )
    return good(test, f"with the outputs off {share:.2g} of the driven current flows (offsets)")
