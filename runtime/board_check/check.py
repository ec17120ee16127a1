"""Measurement of everything that a check judges, on any `CrossbarPort`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix, Vectors
from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.core.port import CrossbarPort, known_target, target_restored, undisturbed
from crosscal.core.readout import Readout
from crosscal.runtime.board_check.behaviour import (
    linearity_finding,
    range_finding,
    read_back_finding,
    repeatability_finding,
    rest_finding,
    settling_finding,
)
from crosscal.runtime.board_check.findings import Finding, fault, good, unknown
from crosscal.runtime.board_check.transfer import fit_transfer
from crosscal.runtime.board_check.wiring import wiring_findings

REPEATS = 32
LEVELS = np.array([0.25, 0.5, 0.75, 1.0])
AT_ONCE = 64

Rest = Callable[[], "np.ndarray | None"]
"""Switches the outputs off and returns the currents that still flow [A], (M,); None if nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """Limits of a check; validated on construction.

    Attributes:
        voltage_range_v: lowest and highest input [V]; nothing is driven beyond.
        program: write a matrix of its own first, and the old target afterwards.
        seed: everything random.
    """

    voltage_range_v: tuple[float, float]
    program: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        low_v, high_v = self.voltage_range_v
        if not (np.isfinite([low_v, high_v]).all() and low_v < high_v):
            raise RangeError(
                wanted(
                    got=f"inputs of {low_v} to {high_v} V",
                    allowed="two finite voltages, the lower first",
                    remedy="give --voltage LOW:HIGH",
                )
            )


def check_board(
    port: CrossbarPort,
    plan: CheckPlan,
    *,
    rest: Rest | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Finding]:
    """Check a board by itself, the first step with a new one.

    With `plan.program` one matrix is written, and the target found before restored, after errors too.

    Args:
        port: the board.
        plan: limits.
        rest: switches the outputs off; without it the test of rest is left out.
        progress: told the step, and how many of how many vectors are read.

    Returns:
        Findings in the order of the tests.

    Raises:
        InputError: nothing is programmed and `plan.program` is off.
        DisturbedError: another client changed the board during the check.
        BoardError: from the board.
    """
    rng = np.random.default_rng(plan.seed)
    with undisturbed(port) as require_unchanged, _matrix(port, plan, rng) as target_s:
        findings = list(_Check(port, plan, rng, progress).findings(target_s, rest))
        # Before the matrix is restored, which would hide that another had programmed its own.
        require_unchanged()
        return findings


class _Check:
    def __init__(
        self,
        port: CrossbarPort,
        plan: CheckPlan,
        rng: np.random.Generator,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._port, self._rng, self._progress = port, rng, progress
        self._low_v, self._high_v = plan.voltage_range_v
        self._rows, self._columns = port.shape

    def findings(self, target_s: Matrix | None, rest: Rest | None) -> Iterator[Finding]:
        vector_v = self._rng.uniform(self._low_v, self._high_v, self._rows)
        repeats = self._read("repeating one vector", np.repeat(vector_v[None], REPEATS, axis=0))
        yield _readable(repeats)
        current_a = np.where(repeats.usable, repeats.current_a, 0.0)
        repeatability, noise_a = repeatability_finding(current_a, repeats.range_a)
        # Two levels: however bent a cell's law is, its current is linear in an input of two levels.
        levels_v = np.array([self._low_v, self._high_v])
        transfer_v = levels_v[self._rng.integers(2, size=(3 * self._rows + 20, self._rows))]
        answers = self._read("transfer matrix", transfer_v)
        transfer = fit_transfer(transfer_v, answers.current_a, answers.usable)
        if target_s is None:
            yield unknown("wiring", "no matrix is known to be programmed; --program writes one")
        else:
            yield from wiring_findings(transfer, target_s)
        yield self._linearity(noise_a)
        yield repeatability
        yield self._settling(vector_v, noise_a)
        yield self._ranges(noise_a)
        if target_s is not None and "READBACK" in self._port.capabilities:
            self._tell("read-back", 0, 1)
            yield read_back_finding(self._port.read_conductance(), target_s, transfer.slope_s)
        if rest is not None:
            driven = self._read("rest", np.full((1, self._rows), self._high_v))
            rested_a = rest()
            if rested_a is not None:
                yield rest_finding(np.nan_to_num(driven.current_a[0]), np.nan_to_num(rested_a))

    def _linearity(self, noise_a: np.ndarray) -> Finding:
        # Levels count from 0 V where the window holds it, else from its lower end.
        base_v = 0.0 if self._low_v <= 0.0 else self._low_v
        full_v = np.full(self._rows, self._high_v)
        vectors_v = np.concatenate(
            [[np.full(self._rows, base_v)], base_v + LEVELS[:, None] * (full_v - base_v)]
        )
        readout = self._read("linearity", np.repeat(vectors_v, 4, axis=0))
        mean_a = np.nan_to_num(readout.current_a).reshape(len(vectors_v), 4, -1).mean(axis=1)
        return linearity_finding(LEVELS, mean_a[1:] - mean_a[0], noise_a)

    def _settling(self, vector_v: np.ndarray, noise_a: np.ndarray) -> Finding:
        full_v = np.full(self._rows, self._high_v)
        low_v = self._low_v + 0.1 * (vector_v - self._low_v)
        readout = self._read("settling", np.tile(np.stack([full_v, low_v, low_v]), (16, 1)))
        current_a = np.nan_to_num(readout.current_a).reshape(16, 3, -1)
        return settling_finding(current_a[:, 1], current_a[:, 2], noise_a)

    def _ranges(self, noise_a: np.ndarray) -> Finding:
        port: Any = self._port
        ranges_a = getattr(port, "ranges_a", ())
        if len(ranges_a) < 2:
            return unknown("range changes", "the board has one range")
        was_auto, was_a = port.range_auto, port.range_a
        readings: dict[float, np.ndarray] = {}
        try:
            for range_a in ranges_a:
                port.range_a = range_a
                readout = self._read(f"range {range_a:.3g} A", np.full((8, self._rows), self._high_v))
                if readout.usable.all() and len(readings) < 2:
                    readings[readout.range_a] = readout.current_a
        finally:
            port.range_a = was_a
            port.range_auto = was_auto
        return range_finding(readings, noise_a)

    def _read(self, step: str, voltage_v: Vectors) -> Readout:
        parts = []
        for start in range(0, len(voltage_v), AT_ONCE):
            self._tell(step, start, len(voltage_v))
            parts.append(self._port.read(voltage_v[start : start + AT_ONCE]))
        self._tell(step, len(voltage_v), len(voltage_v))
        return Readout(
            current_a=np.concatenate([part.current_a for part in parts]),
            status=np.concatenate([part.status for part in parts]),
            range_a=max(part.range_a for part in parts),
        )

    def _tell(self, step: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(step, done, total)


def _readable(readout: Readout) -> Finding:
    """Judge the status bits of ordinary readings."""
    test = "readings"
    bad = ~readout.usable
    if not bad.any():
        return good(test, "every reading is inside its range")
    columns = ", ".join(str(column + 1) for column in np.flatnonzero(bad.any(axis=0))[:8])
    return fault(
        test,
        f"{bad.mean():.0%} of the readings are over range or missing (columns {columns}, counted from 1); "
        "use a higher range or smaller inputs, and check those amplifiers",
    )


@contextmanager
def _matrix(port: CrossbarPort, plan: CheckPlan, rng: np.random.Generator) -> Iterator[Matrix | None]:
    """Hold the matrix that is checked with; the old target is written again afterwards."""
    if not plan.program:
        yield known_target(port)
        return
    if "PROG" not in port.capabilities:
        raise InputError(
            wanted(got="a board that cannot be programmed", allowed="PROG", remedy="leave --program out")
        )
    own_s = rng.uniform(*port.conductance_limits_s, port.shape)
    with target_restored(port):
        port.program(own_s)
        yield own_s
