"""Wiring of a board: order of rows and columns, sign, unit, dead lines, by its transfer matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.runtime.board_check.findings import Finding, fault, good, unknown
from crosscal.runtime.board_check.transfer import Transfer

DEAD = 0.02
"""Least share of the typical response of a line that is not dead. Wire resistance leaves the far corner of a
128×64 array with 6 Ω wires a quarter of its current; a disconnected line leaves noise. Insensitive between
0.005 and 0.1."""

SCALES = (0.15, 4.0)
"""Healthy range of apparent over programmed conductance. A sinh cell passes 1.74 times its nominal current
at 0.5 V, wires take up to two thirds; wrong units are a factor of a thousand."""

CERTAIN = 0.5
"""Correlation of the patterns of transfer matrix and target that makes the order certain. By chance two
arrays of 50 cells or more stay below (3.5 standard errors of 1/√50)."""

SIGNIFICANT = 3.0
"""Standard errors of a line's summed slopes that it may answer by noise alone."""

MARGIN = 0.25
"""Share of a line's unexplained variance that another place must leave to be believed. Lines in their place
leave 0.02 to 0.1 (2 % programming error, bent cells), misplaced ones 0.5 to 1; insensitive between 0.15 and
0.4 from 5 lines on."""

CONTRAST = 3.0
"""Spread of the target over the error of the slopes that lets an order be told."""


def wiring_findings(transfer: Transfer, target_s: Matrix) -> list[Finding]:
    """Compare apparent conductances with the target that the board holds.

    Args:
        transfer: fitted on this board.
        target_s: [S], (N, M).
    """
    live = np.asarray(np.isfinite(transfer.slope_s).all(axis=0))
    slope_s = np.where(live[None, :], transfer.slope_s, 0.0)
    findings = [_sign(slope_s, target_s), _unit(slope_s, target_s)]
    error_s = float(np.median(transfer.error_s[live])) if live.any() else np.nan
    dead_rows, dead_columns = _dead_lines(slope_s, target_s, error_s)
    findings += [_dead("row", dead_rows), _dead("column", dead_columns)]
    if not live.any():
        return findings
    order = "order of rows and columns"
    rows, columns = ~dead_rows, ~dead_columns & live
    cells_s = target_s[np.ix_(rows, columns)]
    contrast_s = _pattern(cells_s).std() * abs(cells_s.mean()) if cells_s.size else 0.0
    if contrast_s < max(CONTRAST * error_s, 1e-3 * abs(target_s).max()):
        findings.append(
            unknown(order, "the matrix has too little contrast; --program writes one that has enough")
        )
        return findings
    sign = np.sign(np.sum(slope_s * target_s)) or 1.0
    findings.append(_order(sign * slope_s[np.ix_(rows, columns)], cells_s, rows, columns))
    return findings


def _sign(slope_s: Matrix, target_s: Matrix) -> Finding:
    total = float(np.sum(slope_s * target_s))
    if total == 0.0:
        return unknown("sign", "no current answers to the inputs")
    if total < 0.0:
        return fault(
            "sign",
            "currents are negative for positive inputs; allowed: positive out of the column; exchange the "
            "amplifier's inputs or return -I",
        )
    return good("sign", "positive inputs give positive currents")


def _unit(slope_s: Matrix, target_s: Matrix) -> Finding:
    weight = np.abs(target_s) > 0.1 * np.abs(target_s).max()
    ratio = float(np.median(np.abs(slope_s[weight]) / np.abs(target_s[weight])))
    low, high = SCALES
    if low <= ratio <= high:
        return good("unit", f"apparent over programmed conductance: {ratio:.3g}")
    if ratio == 0.0:
        return unknown("unit", "no current answers to the inputs")
    power = 3 * round(np.log10(ratio) / 3)
    names = {-9: "GA", -6: "MA", -3: "kA", 3: "mA", 6: "µA", 9: "nA", 12: "pA"}
    if power in names and low <= ratio / 10.0**power <= high:
        return fault(
            "unit", f"currents are {ratio:.3g} times too large: they look like {names[power]}; give amperes"
        )
    return fault(
        "unit",
        f"apparent over programmed conductance is {ratio:.3g}; allowed: {low:g} to {high:g}; check units of "
        "volts, amperes and siemens, and the amplifiers' gain",
    )


def _dead_lines(slope_s: Matrix, target_s: Matrix, error_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Find rows (N,) and columns (M,) that answer less than a dead line's share of the others' answers."""

    def dead(axis: int) -> np.ndarray:
        expected_s = np.abs(target_s).sum(axis=axis)
        share = np.abs(slope_s.sum(axis=axis)) / np.maximum(expected_s, np.finfo(float).tiny)
        noise = SIGNIFICANT * error_s * np.sqrt(slope_s.shape[axis])
        typical = _typical(share)
        # A line whose full answer noise would hide cannot be called dead.
        return (share * expected_s < DEAD * typical * expected_s + noise) & (
            typical * expected_s > 3.0 * noise
        )

    return dead(1), dead(0)


def _typical(share: np.ndarray) -> float:
    alive = share[share > 0.0]
    return float(np.median(alive)) if alive.size else 0.0


def _dead(line: str, dead: np.ndarray) -> Finding:
    if not dead.any():
        return good(f"dead {line}s", f"every {line} answers")
    return fault(
        f"dead {line}s",
        f"{line}{'s' if dead.sum() > 1 else ''} {_named(np.flatnonzero(dead))} (counted from 1) "
        f"answer{'' if dead.sum() > 1 else 's'} to nothing; check contacts, bond wires and the channel map",
    )


def _order(slope_s: Matrix, target_s: Matrix, rows: np.ndarray, columns: np.ndarray) -> Finding:
    test = "order of rows and columns"
    straight = _alike(slope_s, target_s)
    ways: dict[str, Callable[[Matrix], Matrix]] = {
        "rows are reversed": lambda g: g[::-1],
        "columns are reversed": lambda g: g[:, ::-1],
        "rows and columns are reversed": lambda g: g[::-1, ::-1],
    }
    if target_s.shape[0] == target_s.shape[1]:
        ways["rows and columns are exchanged"] = lambda g: g.T
    for text, way in ways.items():
        if _alike(slope_s, way(target_s)) >= max(CERTAIN, straight + 0.1):
            return fault(test, f"{text}; correct the channel map")
    permuted: list[tuple[float, str]] = []
    for line, axis, kept in (("columns", 1, columns), ("rows", 0, rows)):
        order = _misplaced(slope_s, target_s, axis)
        if order is not None:
            alike = _alike(slope_s, np.take(target_s, order, axis=axis))
            permuted.append((alike, f"{line} are permuted: {_moves(order, np.flatnonzero(kept))}"))
    if permuted and max(permuted)[0] >= CERTAIN:
        return fault(test, f"{max(permuted)[1]} (counted from 1); correct the channel map")
    if straight >= CERTAIN:
        return good(test, f"as programmed (correlation {straight:.2f})")
    return fault(
        test,
        f"readings do not look like the matrix (correlation {straight:.2f}) in any order; check that the "
        "matrix was written, and which cells each channel reaches",
    )


def _misplaced(slope_s: Matrix, target_s: Matrix, axis: int) -> np.ndarray | None:
    """Order of the target's lines that looks like the slopes'; None if every line is in its place."""
    seen, known = _pattern(slope_s), _pattern(target_s)
    if axis == 1:
        seen, known = seen.T, known.T
    scale = np.linalg.norm(seen, axis=1)[:, None] * np.linalg.norm(known, axis=1)[None, :]
    likeness = seen @ known.T / np.maximum(scale, np.finfo(float).tiny)
    order = _assignment(likeness.copy())
    places = np.arange(len(order))
    moved = order != places
    unexplained = 1.0 - np.clip(likeness, 0.0, 1.0) ** 2
    if (unexplained[places, order] > MARGIN * unexplained[places, places])[moved].any() or not moved.any():
        return None
    return order


def _assignment(likeness: np.ndarray) -> np.ndarray:
    """Pair lines, the likeliest pair first: a pair certain enough to report needs no better method."""
    order = np.arange(len(likeness))
    for _ in range(len(likeness)):
        line, other = np.unravel_index(np.argmax(likeness), likeness.shape)
        order[line] = other
        likeness[line, :], likeness[:, other] = -np.inf, -np.inf
    return order


def _moves(order: np.ndarray, kept: np.ndarray) -> str:
    moved = [f"{kept[place] + 1} shows {kept[line] + 1}" for place, line in enumerate(order) if place != line]
    return ", ".join(moved[:6]) + (f" and {len(moved) - 6} more" if len(moved) > 6 else "")


def _alike(slope_s: Matrix, target_s: Matrix) -> float:
    """Correlate the patterns of two arrays."""
    seen, known = _pattern(slope_s), _pattern(target_s)
    scale = np.linalg.norm(seen) * np.linalg.norm(known)
    return float(np.sum(seen * known) / scale) if scale > 0.0 else 0.0


def _pattern(matrix: Matrix) -> Matrix:
    """Divide by row and column means and subtract 1: wires and channel gains hardly enter."""
    mean, rows, columns = matrix.mean(), matrix.mean(axis=1), matrix.mean(axis=0)
    smooth = np.outer(rows, columns)
    certain = np.abs(smooth) > 1e-6 * mean**2
    pattern = np.where(certain, matrix * mean / np.where(certain, smooth, 1.0) - 1.0, 0.0)
    return pattern - pattern.mean(axis=0) - pattern.mean(axis=1)[:, None] + pattern.mean()


def _named(indices: np.ndarray, shown: int = 8) -> str:
    names = ", ".join(str(index + 1) for index in indices[:shown])
    return names if len(indices) <= shown else f"{names} and {len(indices) - shown} more"
