"""Wiring of a board: order of rows and columns, sign, unit, dead lines, by its transfer matrix."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.runtime.board_check.findings import Finding, fault, good, note, unknown
from crosscal.runtime.board_check.order import find_order
from crosscal.runtime.board_check.transfer import Transfer

DEAD = 0.02
"""Least share of the typical response of a line that is not dead. Wire resistance leaves the far corner of a
128×64 array with 6 Ω wires a quarter of its current; a disconnected line leaves noise. Insensitive between
0.005 and 0.1."""

SCALES = (0.15, 4.0)
"""Healthy range of apparent over programmed conductance. A sinh cell passes 1.74 times its nominal current
at 0.5 V, wires take up to two thirds; wrong units are a factor of a thousand."""

SIGNIFICANT = 3.0
"""Standard errors of a line's summed slopes that it may answer by noise alone."""


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
    sign = np.sign(np.sum(slope_s * target_s)) or 1.0
    shown_s, orders = target_s.copy(), []
    if live.any():
        order = find_order(sign * slope_s[:, live], target_s[:, live], error_s, np.flatnonzero(live))
        # A line in another's place may answer less than its own target would, and is not dead.
        shown_s[:, live] = order.shown_s
        orders.append(order.finding)
    rows, columns = _line_states(slope_s, shown_s, error_s)
    return [*findings, _dead("row", *rows), _dead("column", *columns), *orders]


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
    # Of sums: whatever the order of lines.
    ratio = float(np.abs(slope_s.sum()) / max(np.abs(target_s.sum()), np.finfo(float).tiny))
    low, high = SCALES
    if low <= ratio <= high:
        return good("unit", f"apparent over programmed conductance: {ratio:.3g}")
    if ratio == 0.0:
        return unknown("unit", "no current answers to the inputs")
    name = unit_name(ratio)
    if name:
        return fault("unit", f"currents are {ratio:.3g} times too large: they look like {name}; give amperes")
    return fault(
        "unit",
        f"apparent over programmed conductance is {ratio:.3g}; allowed: {low:g} to {high:g}; check units of "
        "volts, amperes and siemens, and the amplifiers' gain",
    )


def unit_name(ratio: float) -> str:
    """Name the unit that currents were given in, by their ratio to those expected; empty if there is none."""
    power = 3 * round(np.log10(ratio) / 3)
    names = {-9: "GA", -6: "MA", -3: "kA", 3: "mA", 6: "µA", 9: "nA", 12: "pA"}
    low, high = SCALES
    return names.get(power, "") if low / 5.0 <= ratio / 10.0**power <= high else ""


Lines = tuple[np.ndarray, np.ndarray]
"""Lines that are dead, and lines that may be."""


def _line_states(slope_s: Matrix, target_s: Matrix, error_s: float) -> tuple[Lines, Lines]:
    """Find rows and columns that answer less than a dead line's share of the others' answers."""

    def dead(axis: int, others: np.ndarray) -> Lines:
        seen_s, known_s = np.compress(others, slope_s, axis), np.compress(others, target_s, axis)
        expected_s = np.abs(known_s).sum(axis=axis)
        share = np.abs(seen_s.sum(axis=axis)) / np.maximum(expected_s, np.finfo(float).tiny)
        noise = SIGNIFICANT * error_s * np.sqrt(max(others.sum(), 1))
        typical = _typical(share)
        # A line whose full answer noise would hide cannot be called dead.
        hidden = typical * expected_s <= 3.0 * noise
        return (share * expected_s < DEAD * typical * expected_s + noise) & ~hidden, hidden

    (rows, _), (columns, _) = (dead(axis, np.ones(slope_s.shape[axis], dtype=bool)) for axis in (1, 0))
    # Again without the other kind's dead lines: a line may have all its conducting cells on one of those.
    dead_rows, hidden_rows = dead(1, ~columns)
    dead_columns, hidden_columns = dead(0, ~rows)
    return (rows & dead_rows, hidden_rows), (columns & dead_columns, hidden_columns)


def _typical(share: np.ndarray) -> float:
    alive = share[share > 0.0]
    return float(np.median(alive)) if alive.size else 0.0


def _dead(line: str, dead: np.ndarray, hidden: np.ndarray) -> Finding:
    if hidden.any() and not dead.any():
        return note(
            f"dead {line}s",
            f"every {line} answers, but noise hides any answer of {_named(np.flatnonzero(hidden))} (counted "
            "from 1), which hardly conduct; --program writes a matrix that conducts everywhere",
        )
    if not dead.any():
        return good(f"dead {line}s", f"every {line} answers")
    return fault(
        f"dead {line}s",
        f"{line}{'s' if dead.sum() > 1 else ''} {_named(np.flatnonzero(dead))} (counted from 1) "
        f"answer{'' if dead.sum() > 1 else 's'} to nothing; check contacts, bond wires and the channel map",
    )


def _named(indices: np.ndarray, shown: int = 8) -> str:
    names = ", ".join(str(index + 1) for index in indices[:shown])
    return names if len(indices) <= shown else f"{names} and {len(indices) - shown} more"
