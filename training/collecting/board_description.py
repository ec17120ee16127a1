"""Description of a board, as a run records it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crosscal.core.port import CrossbarPort


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardDescription:
    """Description of a board, asked for once.

    Attributes:
        shape: `(N, M)`.
        identity: maker, model, serial number and firmware.
        conductance_limits_s: limits of its cells [S].
        has_truth: whether it is simulated and can tell its cells' actual conductances.
        has_ages: whether it can also tell when its cells were written.
        has_read_backs: whether it can read its cells back.
        settings: every setting by its SCPI header.
    """

    shape: tuple[int, int]
    identity: str
    conductance_limits_s: tuple[float, float]
    has_truth: bool
    has_ages: bool
    settings: dict[str, Any]
    has_read_backs: bool = False

    @classmethod
    def of(cls, port: CrossbarPort) -> BoardDescription:
        """Ask a board."""
        return cls(
            shape=port.shape,
            identity=port.identity,
            conductance_limits_s=port.conductance_limits_s,
            has_truth="SIM" in port.capabilities,
            has_ages={"SIM", "AGE"} <= port.capabilities,
            settings=port.settings(),
            has_read_backs="READBACK" in port.capabilities,
        )
