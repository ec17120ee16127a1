"""Programming run in progress: write-verify, one iteration a step."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import cast

from crosscal.firmware_models.hardware import Hardware, ProgrammingStep, SelfPacedHardware


@dataclass(slots=True)
class Programming:
    """Writes a target; `step` does one iteration.

    Attributes:
        hardware: the analogue side.
        target_s: N × M [S].
        tolerance: relative, per cell.
        iterations_max: where it gives up.
        iterations: done so far.
        last: result of the last iteration; None before the first.
    """

    hardware: Hardware
    target_s: array[float]
    tolerance: float
    iterations_max: int
    iterations: int = field(default=0, init=False)
    last: ProgrammingStep | None = field(default=None, init=False)
    _self_paced: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._self_paced = hasattr(self.hardware, "limit_iterations")
        if self._self_paced:
            cast(SelfPacedHardware, self.hardware).limit_iterations(self.iterations_max)
        self.hardware.begin_programming(self.target_s, self.tolerance)

    def step(self) -> bool:
        """Write and verify once; False when nothing is left to do."""
        step = self.last = self.hardware.programming_iteration()
        self.iterations = self.iterations + 1 if step.iterations is None else step.iterations
        return not step.finished and (self._self_paced or self.iterations < self.iterations_max)

    def stop(self) -> None:
        """Stop hardware that would go on by itself."""
        if self._self_paced:
            cast(SelfPacedHardware, self.hardware).stop_programming()


@dataclass(frozen=True, slots=True)
class ProgrammingResult:
    """Answer of `ARRay:PROGram:RESult?`."""

    cells_failed: int
    rms_relative_error: float
    iterations: int
