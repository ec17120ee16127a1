"""Check of a board, on any `CrossbarPort`: its limits, and the matrix that it is checked with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.core.port import CrossbarPort, known_target, target_restored, undisturbed
from crosscal.runtime.board_check.examination import Examination, Rest
from crosscal.runtime.board_check.findings import Finding


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
        findings = list(Examination(port, plan.voltage_range_v, rng, progress).findings(target_s, rest))
        # Before the matrix is restored, which would hide that another had programmed its own.
        require_unchanged()
        return findings


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
