"""What a run says of the board that it was measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crosscal.core.port import CrossbarPort


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardDescription:
    """What a run.h5 says of the board it was measured on, asked for once.

    Attributes:
        shape: `(N, M)`.
        identity: maker, model, serial number and firmware.
        conductance_limits_s: what its cells can be programmed to [S].
        has_truth: whether it is simulated and can tell its cells' actual conductances.
        settings: every setting by its SCPI header.
    """

    shape: tuple[int, int]
    identity: str
    conductance_limits_s: tuple[float, float]
    has_truth: bool
    settings: dict[str, Any]

    @classmethod
    def of(cls, port: CrossbarPort) -> BoardDescription:
        """Ask a board."""
        return cls(
            shape=port.shape,
            identity=port.identity,
            conductance_limits_s=port.conductance_limits_s,
            has_truth="SIM" in port.capabilities,
            settings=port.settings(),
        )
